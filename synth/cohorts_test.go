package synth

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"galien"
	"galien/cdm"
	"galien/cohort/circe"
	"galien/engine/enginetest"
)

// The definitions of the folder cohorts, evaluated over the files by the plain engine, give
// the answers that the generator counted from its own events.
func TestCohortsGiveTheTruth(t *testing.T) {
	m, truth := population(t, Config{Persons: 3000, Seed: 12})
	tables := enginetest.Tables{}
	for table, rows := range read(t, m).rows {
		model, _ := cdm.Lookup(table)
		for _, r := range rows {
			typed := map[string]any{}
			for _, c := range model.Columns {
				if v := r[c.Name]; v != "" {
					typed[c.Name] = parse(t, v, c.Type)
				}
			}
			tables[table] = append(tables[table], typed)
		}
	}
	run, err := enginetest.Oracle(t)(tables)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range truth.Cohorts {
		f, err := os.Open(filepath.Join("cohorts", want.File))
		if err != nil {
			t.Fatal(err)
		}
		definition, err := circe.Read(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", want.File, err)
		}
		rows, summary, err := run(t.Context(), definition)
		if err != nil {
			t.Fatalf("%s: %v", want.File, err)
		}
		persons := map[galien.PersonID]bool{}
		var days int64
		for _, r := range rows {
			persons[r.Person] = true
			days += int64(r.End.DaysSince(r.Start)) + 1
		}
		if want.Persons < 5 || int64(len(persons)) != want.Persons || days != want.Days {
			t.Errorf("%s: %d persons and %d days, the truth is %d and %d", want.File, len(persons), days, want.Persons, want.Days)
		}
		var left []Step // after each inclusion rule
		for _, a := range summary.Attrition {
			if _, rule, ok := strings.Cut(a.Name, ": "); ok && strings.HasPrefix(a.Name, "inclusion rule ") {
				left = append(left, Step{rule, a.Persons})
			}
		}
		if !slices.Equal(left, want.Steps) {
			t.Errorf("%s: left after each rule %v, the truth is %v", want.File, left, want.Steps)
		}
	}
}

func parse(t testing.TB, v string, as cdm.Type) any {
	t.Helper()
	switch as {
	case cdm.Integer:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	case cdm.Float:
		x, err := strconv.ParseFloat(v, 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	case cdm.Date:
		return date(t, v)
	case cdm.Datetime:
		return nil // no definition reads one
	}
	return v
}
