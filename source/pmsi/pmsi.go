// Package pmsi reads the fixed-width files of the PMSI MCO that a hospital
// makes: RUM and RSS (the summary of each unit of a stay), VID-HOSP (who stayed),
// the anonymous RSA and ANO-HOSP made from them, and the TRA that says which stay
// an RSA was made of.
//
// It owns the tables of every version (formats_gen.go), the finding of the
// version of a line from the line itself, the joining of stays and identities,
// and the mapping to OMOP as SQL files (mapping/). A patient's numbers (IPP,
// INS, NIR, chaining number, administrative number of the stay) are worked with
// only in a folder of the vault, and are exchanged for person keys before the
// mapping sees a row.
//
// It refuses to guess: a line that cannot be read goes to the quarantine with
// its file, line, field and reason, and so does a stay that no VID-HOSP or
// ANO-HOSP line names, and an RSA to which the TRA gives no stay or several. A
// file without any line of a known format stops the load, and so do RSA without
// a TRA (docs/sources/pmsi.md).
//
//	report, err := pmsi.Ingest(ctx, pmsi.Load{
//		Lake: l, Vault: v, Quarantine: filepath.Join(hub, "quarantine"),
//		Files: []string{"rss.txt", "vidhosp.txt"}, Name: "pmsi", Now: time.Now(),
//	})
//	report.Files    // the lines of each file, by format
//	report.Written  // the rows of each OMOP table
package pmsi

import (
	"time"

	"galien/lake"
	"galien/lake/duck"
	"galien/source"
	"galien/vault"
)

// ReaderVersion is the version of the reading and the mapping. The same files
// under another version are read again.
const ReaderVersion = "2"

// Kind is the kind of source in the lake's manifest.
const Kind = "pmsi"

// Load is one delivery of PMSI files to a hub.
type Load struct {
	Lake  *lake.Lake
	Vault *vault.Vault
	// Quarantine is the folder of quarantine indexes.
	Quarantine string
	// Files are the paths of the files, in any order.
	Files []string
	// Name is how the hub calls the source.
	Name string
	// Now is the time of the commit.
	Now time.Time
	// Engine bounds the memory of joining and sorting. Its files go to the
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
	// Rows is the number of lines read so far.
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
	// Read and Quarantined count lines.
	Read        int64 `json:"lines_read"`
	Quarantined int64 `json:"lines_quarantined"`
	// Files are the lines read, by file and format.
	Files []FileReport `json:"files"`
	// Written counts the rows of each OMOP table.
	Written []Written `json:"written"`
	// Reasons say where the quarantined lines failed.
	Reasons []source.Count `json:"reasons,omitempty"`
	// Odd counts the values that are not of their field's type in fields that
	// the mapping does not read, by format and field. Their lines were kept.
	Odd []Odd `json:"odd,omitempty"`
	// Unnumbered are stays whose VID-HOSP or ANO-HOSP line has no number of a
	// person (IPP, INS, NIR, chaining number): each is a person of its own.
	Unnumbered int64 `json:"unnumbered_stays"`
	// WithoutStay are VID-HOSP and ANO-HOSP lines whose stay is in no RUM, RSS
	// or RSA.
	WithoutStay int64 `json:"identities_without_stay"`
	// Doubled are RSA whose stay is there as RUM or RSS too: these count.
	Doubled int64 `json:"rsa_set_aside"`
}

// FileReport is what a load read of one format in one file.
type FileReport struct {
	File   string `json:"file"`
	Format string `json:"format"`
	Lines  int64  `json:"lines"`
}

// Odd is a field with values that are not of its type.
type Odd struct {
	Format string      `json:"format"`
	Field  string      `json:"field"`
	Code   source.Code `json:"code"`
	Lines  int64       `json:"lines"`
}

// Written is how many rows a load staged for one OMOP table.
type Written struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}
