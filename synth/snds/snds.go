// Package snds makes an invented French population and writes its care as the
// files of the national claims database would arrive: claims by flux month
// (DCIR), hospital stays and outpatient visits (PMSI MCO; on demand SSR, HAD and
// RIM-P), the referentials of
// beneficiaries, long-term diseases, drugs and vaccines, and the causes of
// death. Every trap such files are known for is in them, at rates that
// rates.go states, and the truth lies beside them, so that a program that
// reads the files can be judged, and a study prepared before its data exist.
//
//	truth/     what happened, who has which numbers, and what each rule touches
//	input/snds/{DCIR,PMSI,REF,DECES}   what an extraction would hold
//	input/hospital/FINESS   a hospital's own fixed-width files, on demand
//
// Nothing in it describes a real person. Numbers of persons are 17 characters
// of a keyed hash of invented counters; hospitals other than the three big
// groups, professionals and presentations of drugs do not exist. Codes are
// codes alone, without wording. Two effects are planted: myocarditis after the
// second dose of a vaccine, and surgery for meningioma under cyproterone; both
// outcomes are far more frequent than in life.
//
// The same Config gives the same rows on every machine: the generator draws
// with integers from the seed alone, reads no clock and no file, and keeps one
// person in memory at a time. The compressed bytes are the same too, for one
// version of the Go library.
//
//	truth, err := snds.Write(ctx, "extraction", snds.Config{Persons: 2000, Seed: 1}, nil)
//
// The names of columns follow the Table Schema of the SNDS (Health Data Hub,
// MPL-2.0); a file holds a subset of its table's columns, those of its year.
package snds

import (
	"context"
	"fmt"
	"os"

	"galien"
)

// The bounds and defaults of a Config.
const (
	DefaultPersons = 2000
	DefaultYears   = 7
	MaxPersons     = 10_000_000
	MaxYears       = 9
)

// Config chooses a population. Zero Persons or Years mean the defaults: 2,000
// persons and 7 years of care. Care always ends on 2021-12-31; stays of 2009
// and 2012 are written besides, for the columns that were renamed. Traps bound
// to years, such as the copies of big hospitals up to 2017 or the short codes
// of drugs up to 2016, need the default or more years to occur everywhere.
type Config struct {
	Persons int
	Years   int
	Seed    uint64
	// Fields are written beside the MCO, with a truth of their own; everything
	// else is the same with them and without. They begin in 2015.
	Fields Fields
	// Hospitals write their own files too (RSS and VID-HOSP), up to MaxHospitals.
	Hospitals int
}

// Summary says what was written.
type Summary struct {
	Persons int              `json:"persons"`
	Years   int              `json:"years"`
	Seed    uint64           `json:"seed"`
	Files   int              `json:"files"`
	Rows    map[string]int64 `json:"rows"` // by table
	Stays   map[string]int64 `json:"stay_status"`
	bytes   int64
}

// Bytes is the size of the files before compression.
func (s Summary) Bytes() int64 { return s.bytes }

// RawRows is the number of rows of the extraction, without those of the truth.
func (s Summary) RawRows() int64 {
	var n int64
	for table, rows := range s.Rows {
		if len(table) < 6 || table[:6] != "truth/" {
			n += rows
		}
	}
	return n
}

// Write makes the folder dir, which must not exist or be empty, and writes the
// population of c there. progress, unless nil, is told now and then how many
// persons are done. The kinds of error are Invalid for an impossible Config
// and Conflict for a folder that holds files. An error leaves files behind
// that are not whole.
func Write(ctx context.Context, dir string, c Config, progress func(done, total int)) (Summary, error) {
	if c.Persons == 0 {
		c.Persons = DefaultPersons
	}
	if c.Years == 0 {
		c.Years = DefaultYears
	}
	if c.Persons < 1 || c.Persons > MaxPersons {
		return Summary{}, galien.Errorf(galien.Invalid, "generate claims: %d persons; choose 1 to %d", c.Persons, MaxPersons)
	}
	if c.Years < 1 || c.Years > MaxYears {
		return Summary{}, galien.Errorf(galien.Invalid, "generate claims: %d years; choose 1 to %d", c.Years, MaxYears)
	}
	if c.Hospitals < 0 || c.Hospitals > MaxHospitals {
		return Summary{}, galien.Errorf(galien.Invalid, "generate claims: %d hospitals; choose 0 to %d", c.Hospitals, MaxHospitals)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return Summary{}, galien.Errorf(galien.Conflict, "generate claims: %s is not empty; choose a new folder", dir)
	}
	out, err := newFolder(dir)
	if err != nil {
		return Summary{}, err
	}
	g := newGenerator(c, out)
	err = g.all(ctx, progress)
	g.closeWards()
	if closing := out.close(); err == nil {
		err = closing
	}
	if err != nil {
		return Summary{}, err
	}
	return g.finish()
}

// all makes one person after the other.
func (g *generator) all(ctx context.Context, progress func(done, total int)) error {
	for i := range g.persons {
		if i%64 == 0 {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("generate claims: %w", err)
			}
			if err := g.out.failure(); err != nil {
				return err
			}
			if progress != nil {
				progress(i, g.persons)
			}
		}
		g.live(i)
	}
	g.references()
	g.tallies()
	if progress != nil {
		progress(g.persons, g.persons)
	}
	return nil
}
