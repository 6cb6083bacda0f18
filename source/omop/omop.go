// Package omop reads a folder of OMOP CDM tables, version 5.3 or 5.4, into the
// lake.
//
// It owns the finding of the files, their formats (CSV with any of four
// separators, gzip, Parquet, zip), the checks of every value, and the exchange
// of person ids and identity columns at the vault. What it decides where the
// standard is silent is in docs/clarifications.md.
//
// It refuses to guess: a row that cannot be kept goes to the quarantine with
// its file, line, field and reason, and a delivery that is not whole (a
// truncated file, a table twice, a missing key column) is an error that changes
// nothing. No error, report or index quotes a value of a row.
//
//	report, err := omop.Ingest(ctx, omop.Load{
//		Lake: l, Vault: v, Quarantine: filepath.Join(hub, "quarantine"),
//		Dir: "/data/export", Name: "omop", Now: time.Now(),
//	})
//	report.Persons       // 2694
//	report.Quarantined   // 2662
//	report.Changed       // false when the same content was there already
package omop

import (
	"time"

	"galien/lake"
	"galien/lake/duck"
	"galien/source"
	"galien/vault"
)

// ReaderVersion is the version of the rules by which rows are read. The same
// files under other rules are read again.
const ReaderVersion = "2"

// Kind is the kind of source in the lake's manifest.
const Kind = "omop"

// Load is one delivery of a source to a hub.
type Load struct {
	Lake  *lake.Lake
	Vault *vault.Vault
	// Quarantine is the folder of quarantine indexes.
	Quarantine string
	// Dir is a folder of tables, or a zip file of them.
	Dir string
	// Name is how the hub calls the source.
	Name string
	// Now is the time of the commit.
	Now time.Time
	// Engine bounds the memory of staging and sorting.
	Engine duck.Config
	// Progress, when set, is called now and then, from one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far a load is.
type Progress struct {
	// Step is "check" (hashing the files), "read" or "write".
	Step string
	// Done and Total are bytes of the files, or rows when writing.
	Done, Total int64
	// Rows is the number of rows read so far.
	Rows int64
}

// Report is what a load did.
type Report struct {
	Source     string `json:"source"`
	CDMVersion string `json:"cdm_version"`
	Vocabulary string `json:"vocabulary"`
	// Snapshot is the current snapshot afterwards; Changed is false when it was
	// current before.
	Snapshot string `json:"snapshot"`
	Changed  bool   `json:"changed"`
	Persons  int64  `json:"persons"`
	// Read, Kept and Quarantined count rows of this load.
	Read        int64 `json:"rows_read"`
	Kept        int64 `json:"rows_kept"`
	Quarantined int64 `json:"rows_quarantined"`
	// Tables are sorted by name.
	Tables []TableReport `json:"tables"`
	// Ignored are the files that hold no table of the model, by base name.
	Ignored []string `json:"ignored_files"`
	// Waiting counts rows of earlier loads whose person has come with this one:
	// a replay of the quarantine brings them in.
	Waiting int64 `json:"rows_waiting_for_replay"`
}

// TableReport is what a load did with one table.
type TableReport struct {
	Table       string `json:"table"`
	File        string `json:"file"`
	Read        int64  `json:"rows_read"`
	Kept        int64  `json:"rows_kept"`
	Quarantined int64  `json:"rows_quarantined"`
	// UnknownPersons is how many different persons the rows of unknown persons
	// speak of.
	UnknownPersons int64 `json:"unknown_persons,omitempty"`
	// Reasons say where the quarantined rows failed.
	Reasons []source.Count `json:"reasons,omitempty"`
	// UnknownColumns were ignored; a name that does not look like one is given
	// by its place.
	UnknownColumns []string `json:"unknown_columns,omitempty"`
	// EmptyRequired counts, by column, kept rows whose value is null although
	// the model requires one.
	EmptyRequired map[string]int64 `json:"empty_required,omitempty"`
	// SharedKeys counts kept rows whose primary key an earlier row of another
	// person has too.
	SharedKeys int64 `json:"shared_keys,omitempty"`
}
