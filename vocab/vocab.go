// Package vocab brings vocabularies into a hub: the files of an Athena download
// beside the local concepts of French codes, and the standard concepts that
// they give to the events.
//
// It owns the ledger of what was loaded under which licence, the merging of
// Athena's rows with local ones, the table of which vocabulary of Athena has the
// codes of which French code system (standardise.sql), and what becomes of the
// events and of cohort definitions then. It refuses a vocabulary that needs a
// licence which the operator does not state to have, files that are not whole,
// and ids of the local range. It gives no concept to a code by its name or by
// what stands above it: a code has the standard concepts that Athena maps it to,
// or none.
//
//	rep, err := vocab.Ingest(ctx, vocab.Load{Lake: l, Dir: dir, Ledger: path, By: account, Now: now,
//		Accepted: []string{"SNOMED"}})
//	err = vocab.Standardise(ctx, w)    // a load of claims, before its commit
//	def, err = vocab.Restate(def)      // a definition, before it is asked of a hub with vocabularies
package vocab

import (
	"slices"
	"strings"

	"galien"
	"galien/lake"
)

// FirstLocal is the first id of a local concept: the model leaves the ids from
// here on to sites, and Athena gives none of them.
const FirstLocal = 2_000_000_000

// LocalPrefix begins the names of the local vocabularies of French codes, which
// the mappings of all French sources write alike.
const LocalPrefix = "SNDS "

// IsLocal reports whether a concept is a local one.
func IsLocal(c galien.ConceptID) bool { return c >= FirstLocal }

// System returns the code system of a local vocabulary ("CIM10" of "SNDS
// CIM10"), and false for any other vocabulary.
func System(vocabulary string) (string, bool) { return strings.CutPrefix(vocabulary, LocalPrefix) }

// Translates reports whether a snapshot's events are under local concepts, which
// a vocabulary may translate: those of every kind of source but OMOP tables,
// which bring the concepts of their events.
func Translates(m lake.Manifest) bool {
	return slices.ContainsFunc(m.Sources, func(s lake.Source) bool { return s.Kind != "omop" })
}

// furtherKey is what the id of an event grows by with each standard concept after
// the first. Ids that sources give are below it, so a row at or above it is a
// further reading of the event whose id is the remainder.
const furtherKey = 1 << 52
