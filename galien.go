// Package galien holds the words every other package of Galien shares: civil
// dates and periods, person and concept keys, and the kinds of error.
//
// It does no input or output and imports nothing outside the standard library.
//
//	d, err := galien.ParseDate("2024-02-29")
//	if galien.KindOf(err) == galien.Invalid { ... }
//	p := galien.Period{Start: d, End: d.AddDays(30)}
//	p.Contains(galien.MustDate("2024-03-01")) // true
package galien

// PersonID is the lake's person key: a dense positive integer that means
// nothing outside the hub. It is never a source's own identifier.
type PersonID int64

// ConceptID is an OMOP concept_id. Zero means "no matching concept".
type ConceptID int64
