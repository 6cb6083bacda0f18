// Package snds reads the extract files of the French national health data
// system (SNDS: claims of the DCIR; the PMSI, that is stays and outpatient care
// of the MCO, rehabilitation, hospital at home, psychiatry; references; causes of
// death) into the lake.
//
// It owns the finding of the files, the published layout of every table
// (tables_gen.go), the cleaning rules by name, and the mapping to OMOP as SQL
// files (mapping/). A rule has an id, a sentence, a source and a switch, and
// each load keeps how many rows it touched and removed. The identities of a
// beneficiary (BEN_NIR_PSA, BEN_NIR_ANO and their like) are worked with only in
// a folder of the vault, and are exchanged for person keys before the mapping
// sees a row.
//
// It refuses to guess: a row that cannot be read goes to the quarantine with
// its file, line, field and reason, a table that is not read is set aside by
// name, and a damaged file, or one that is there twice, stops the load before
// anything is committed. docs/sources/snds.md says all that is not done.
//
//	report, err := snds.Ingest(ctx, snds.Load{
//		Lake: l, Vault: v, Quarantine: filepath.Join(hub, "quarantine"),
//		Dir: "/data/extract", Name: "snds", Without: []string{"D16"}, Now: time.Now(),
//	})
//	report.Rules // what each rule removed, merged or changed
package snds

import (
	"time"

	"galien/lake"
	"galien/lake/duck"
	"galien/source"
	"galien/vault"
)

// ReaderVersion is the version of the reading, the rules and the mapping. The
// same files under another version are read again.
const ReaderVersion = "6"

// Kind is the kind of source in the lake's manifest.
const Kind = "snds"

// Load is one delivery of extract files to a hub.
type Load struct {
	Lake  *lake.Lake
	Vault *vault.Vault
	// Quarantine is the folder of quarantine indexes.
	Quarantine string
	// Dir is a folder of extract files, with folders in it or not.
	Dir string
	// Name is how the hub calls the source.
	Name string
	// Without are the ids of the cleaning rules that are switched off.
	Without []string
	// Afresh drops what the hub has of this source: the snapshot is made of this
	// delivery alone.
	Afresh bool
	// Now is the time of the commit.
	Now time.Time
	// Engine bounds the memory of staging and sorting. Its files go to the
	// vault.
	Engine duck.Config
	// Progress, when set, is called now and then, from one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far a load is.
type Progress struct {
	// Step is "check" (whole files, hashes), "read" or "write".
	Step string
	// Done and Total are bytes of the files, or rows when writing.
	Done, Total int64
	// Rows is the number of rows read so far.
	Rows int64
}

// Report is what a load did.
type Report struct {
	Source string `json:"source"`
	// Snapshot is the current snapshot afterwards; Changed is false when it was
	// current before.
	Snapshot string `json:"snapshot"`
	Changed  bool   `json:"changed"`
	Persons  int64  `json:"persons"`
	// Grown says that only the care that the delivery touches was mapped.
	Grown bool `json:"grown,omitempty"`
	// Read and Quarantined count rows of the files.
	Read        int64 `json:"rows_read"`
	Quarantined int64 `json:"rows_quarantined"`
	// Files are the tables that were read, sorted by name.
	Files []TableReport `json:"tables"`
	// Written counts the rows of each OMOP table.
	Written []Written `json:"written"`
	// Rules say what each cleaning rule did, by rule and table.
	Rules []lake.RuleCount `json:"rules"`
	// Without are the rules that were switched off.
	Without []string `json:"without,omitempty"`
	// Reasons say where the quarantined rows failed.
	Reasons []source.Count `json:"reasons,omitempty"`
	// SetAside are files of known tables that this program does not read, by
	// table; Ignored are files of no known table, by base name.
	SetAside []string `json:"set_aside,omitempty"`
	Ignored  []string `json:"ignored_files,omitempty"`
}

// TableReport is what a load read of one table.
type TableReport struct {
	Table       string `json:"table"`
	Files       int    `json:"files"`
	Read        int64  `json:"rows_read"`
	Quarantined int64  `json:"rows_quarantined"`
	// UnknownColumns are in a file and not in the published table; they were set
	// aside. A name that does not look like one is given by its place.
	UnknownColumns []string `json:"unknown_columns,omitempty"`
	// MissingColumns are read by the mapping and absent from a file of a year in
	// which they should exist; they were taken as empty.
	MissingColumns []string `json:"missing_columns,omitempty"`
	// Latin1 counts files that were read as ISO-8859-1.
	Latin1 int `json:"latin1_files,omitempty"`
}

// Written is how many rows a load staged for one OMOP table: all of them, or
// those that came to a table that grew.
type Written struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}
