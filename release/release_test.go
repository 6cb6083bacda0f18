package release_test

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"galien"
	"galien/disclosure"
	"galien/release"
)

var provenance = release.Provenance{Snapshot: "0123456789abcdef", Definition: "sha256:ab", Permit: "aggregates-01234567", Engine: "duckdb 1.5.5", Galien: "0.1.0"}

func cleared(t *testing.T) disclosure.Cleared {
	t.Helper()
	c, _, err := disclosure.Clear(disclosure.Table{
		HasPopulation: true, HasPersonDays: true,
		Dimensions: []disclosure.Dimension{{Name: "age_group", Categories: []string{"20-29", "30-39", "40-49"}, Additive: true}},
		Cells: []disclosure.Cell{
			{Keys: []string{"20-29"}, Persons: 3, Population: 777, PersonDays: 98765},
			{Keys: []string{"30-39"}, Persons: 10 + 1, Population: 888, PersonDays: 87654},
			{Keys: []string{"40-49"}, Persons: 100, Population: 999, PersonDays: 1461},
		},
	}, disclosure.Rule{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// write makes a release and puts it in its place.
func write(dir string, c disclosure.Cleared, p release.Provenance) (release.Decision, error) {
	files, d, err := release.Make(c, p)
	if err != nil {
		return d, err
	}
	return d, release.Place(dir, files)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "out")
	d, err := write(dir, cleared(t), provenance)
	if err != nil {
		t.Fatal(err)
	}
	// 1,461 days are 4 person-years; 100 persons have the exact interval
	// 81.364 to 121.627, so 20,341 to 30,407 per 1,000. The total is 114
	// persons in 187,880 days, which are 514.3874 person-years: 221.6228 per
	// 1,000, and the exact limits of 114 are 94.036 and 136.949.
	table := read(t, filepath.Join(dir, release.TableFile))
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"age_group", "persons", "population", "person_years", "rate", "ci_low", "ci_high"},
		{"20-29", "withheld", "withheld", "withheld", "withheld", "withheld", "withheld"},
		{"30-39", "withheld", "withheld", "withheld", "withheld", "withheld", "withheld"},
		{"40-49", "100", "999", "4.00", "25000.0000", "20341", "30406.75"},
		{"*", "114", "2664", "514.39", "221.6228", "182.81", "266.24"},
	}
	if len(rows) != len(want) {
		t.Fatalf("table: %q", table)
	}
	for i := range want {
		for j, w := range want[i] {
			got := rows[i][j]
			if i > 2 && j > 4 {
				x, err1 := strconv.ParseFloat(got, 64)
				y, err2 := strconv.ParseFloat(w, 64)
				if err1 != nil || err2 != nil || math.Abs(x/y-1) > 2e-5 {
					t.Errorf("row %d, column %d: %q, want about %q", i, j, got, w)
				}
			} else if got != w {
				t.Errorf("row %d, column %d: %q, want %q", i, j, got, w)
			}
		}
	}
	sum := sha256.Sum256([]byte(table))
	if d != (release.Decision{Threshold: 11, Rows: 4, Published: 2, Withheld: 2, SHA256: hex.EncodeToString(sum[:])}) {
		t.Errorf("decision %+v", d)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, release.DecisionFile))), &fields); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(fields)); !slices.Equal(got, []string{"published", "rows", "table_sha256", "threshold", "withheld"}) ||
		fields["table_sha256"] != d.SHA256 || fields["withheld"] != 2.0 {
		t.Errorf("decision.json: %v", fields)
	}
	var p release.Provenance
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, release.ProvenanceFile))), &p); err != nil || p != provenance {
		t.Errorf("provenance.json: %+v, %v", p, err)
	}
	note := read(t, filepath.Join(dir, release.ReadmeFile))
	for _, w := range []string{"retenu", "withheld", "moins de 11 personnes", "fewer than 11 persons"} {
		if !strings.Contains(note, w) {
			t.Errorf("README.txt does not say %q", w)
		}
	}
	all := table + note + read(t, filepath.Join(dir, release.ProvenanceFile))
	for _, secret := range []string{"777", "888", "270.", "239."} { // populations and person-years withheld
		if strings.Contains(all, secret) {
			t.Errorf("a withheld number is in the release")
		}
	}
	if names := list(t, filepath.Dir(dir)); !slices.Equal(names, []string{"out"}) {
		t.Errorf("left beside the release: %v", names)
	}
	if names := list(t, dir); !slices.Equal(names, []string{"README.txt", "decision.json", "provenance.json", "table.csv"}) {
		t.Errorf("files of the release: %v", names)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestSameBytes(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a"), t.TempDir() // b exists and is empty
	if _, err := write(a, cleared(t), provenance); err != nil {
		t.Fatal(err)
	}
	if _, err := write(b, cleared(t), provenance); err != nil {
		t.Fatal(err)
	}
	for _, name := range list(t, a) {
		if read(t, filepath.Join(a, name)) != read(t, filepath.Join(b, name)) {
			t.Errorf("%s differs between two releases of the same table", name)
		}
	}
}

func TestRefusals(t *testing.T) {
	parent := t.TempDir()
	full := filepath.Join(parent, "full")
	if _, err := write(full, cleared(t), provenance); err != nil {
		t.Fatal(err)
	}
	before := read(t, filepath.Join(full, release.TableFile))
	partial := provenance
	partial.Permit = ""
	occupied := filepath.Join(parent, "file")
	if err := os.WriteFile(occupied, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	clash, _, err := disclosure.Clear(disclosure.Table{
		Dimensions: []disclosure.Dimension{{Name: "persons", Categories: []string{"a"}, Additive: true}},
		Cells:      []disclosure.Cell{{Keys: []string{"a"}, Persons: 50}},
	}, disclosure.Rule{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		dir   string
		table disclosure.Cleared
		p     release.Provenance
		kind  galien.Kind
	}{
		{"a table that was not cleared", "new", disclosure.Cleared{}, provenance, galien.Denied},
		{"a folder that is not empty", "full", cleared(t), provenance, galien.Conflict},
		{"a file in the way", "file", cleared(t), provenance, galien.Invalid},
		{"no permit", "new", cleared(t), partial, galien.Invalid},
		{"a dimension named like a column", "new", clash, provenance, galien.Invalid},
	} {
		if _, err := write(filepath.Join(parent, tc.dir), tc.table, tc.p); err == nil || galien.KindOf(err) != tc.kind {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if read(t, filepath.Join(full, release.TableFile)) != before {
		t.Error("a refused release changed the one that was there")
	}
	if names := list(t, parent); !slices.Equal(names, []string{"file", "full"}) {
		t.Errorf("a refused release left something: %v", names)
	}
}
