// Package synth makes a small, coherent population whose truth is known and
// writes it as real OMOP CDM 5.4 CSV files: persons of a French age and sex
// structure, births and deaths, health-insurance coverage with gaps, winters
// with influenza and summers with a heat wave, a few diseases, drugs and
// laboratory values, and one planted association: in the 30 days after the
// start of an anti-inflammatory drug, gastrointestinal bleeding is three
// times as frequent. Beside the tables it writes truth.json: the parameters,
// the counts, and the answers that three example cohorts must give, computed
// from the generator's own lists of events and by no query engine.
//
// Nothing in it describes a real person. The names, numbers and addresses are
// invented; the numbers that look like a French social security number carry
// a control key of 00, which no real one has. Rates are plausible in shape
// (see rates.go), and bleeding is far more frequent than in life, so that
// 5,000 persons are enough to see the association.
//
// A few rows are wrong on purpose (an orphan, an impossible date, a key used
// twice), as in any real export; truth.json says how many and why.
//
// The same Config gives the same bytes on every machine and with every
// compiler: the generator uses integers only and its own draws from PCG. It
// reads no clock and no file, and keeps one person in memory at a time.
//
//	truth, err := synth.Write(ctx, "population", synth.Config{Persons: 5000, Seed: 1})
//	if err != nil { ... }
//	fmt.Println(truth.Cohorts[0].Persons, "new users expected")
package synth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"galien"
)

// The bounds and defaults of a Config.
const (
	DefaultPersons = 5000
	DefaultYears   = 6
	MaxPersons     = 10_000_000
	MinYears       = 2
	MaxYears       = 20
)

// Config chooses a population. Zero Persons or Years mean the defaults, 5,000
// persons followed for 6 calendar years. Every population ends on 2023-12-31.
type Config struct {
	Persons int    // persons to make, present, born or arriving in the period
	Years   int    // calendar years of follow-up
	Seed    uint64 // chooses the population; 0 is a seed like any other
}

// Create opens one file of the output for writing. Names are base names such
// as "person.csv".
type Create func(name string) (io.WriteCloser, error)

// Write makes the folder dir, which must not exist or be empty, and writes
// the population and its truth.json there. The kinds of error are Invalid for
// an impossible Config and Conflict for a folder that already holds files.
func Write(ctx context.Context, dir string, c Config) (Truth, error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return Truth{}, galien.Errorf(galien.Conflict, "write population: %s is not empty; choose a new folder", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Truth{}, fmt.Errorf("make folder: %w", err)
	}
	return Generate(ctx, func(name string) (io.WriteCloser, error) {
		return os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(0o644))
	}, c)
}

// Generate makes the population of c and writes its files, truth.json last,
// through create. An error leaves the files incomplete.
func Generate(ctx context.Context, create Create, c Config) (Truth, error) {
	if c.Persons == 0 {
		c.Persons = DefaultPersons
	}
	if c.Years == 0 {
		c.Years = DefaultYears
	}
	if c.Persons < 1 || c.Persons > MaxPersons {
		return Truth{}, galien.Errorf(galien.Invalid, "generate population: %d persons; choose 1 to %d", c.Persons, MaxPersons)
	}
	if c.Years < MinYears || c.Years > MaxYears {
		return Truth{}, galien.Errorf(galien.Invalid, "generate population: %d years; choose %d to %d", c.Years, MinYears, MaxYears)
	}
	w := newWorld(c)
	out := newOutput(create)
	if err := generate(ctx, w, out); err != nil {
		out.abandon()
		return Truth{}, err
	}
	if err := out.close(); err != nil {
		return Truth{}, err
	}
	truth := w.truth(out)
	if err := writeTruth(create, truth); err != nil {
		return Truth{}, err
	}
	return truth, nil
}

func generate(ctx context.Context, w *world, out *output) error {
	if err := out.open(); err != nil {
		return err
	}
	out.vocabulary()
	out.places(w)
	var errors spoiler
	var p person
	for i := range w.persons {
		if i%256 == 0 {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("generate population: %w", err)
			}
		}
		w.simulate(&p, i)
		w.tally.add(w, &p)
		out.person(w, &p)
		errors.spoil(out, &p, i+1, w.persons)
	}
	return nil
}

func writeTruth(create Create, t Truth) error {
	b, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return fmt.Errorf("encode truth: %w", err)
	}
	f, err := create("truth.json")
	if err != nil {
		return fmt.Errorf("create truth.json: %w", err)
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		f.Close()
		return fmt.Errorf("write truth.json: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write truth.json: %w", err)
	}
	return nil
}
