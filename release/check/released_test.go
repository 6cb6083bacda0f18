package check

import (
	"slices"
	"strings"
	"testing"

	"galien/disclosure"
	"galien/disclosure/outputs"
)

const (
	studied = "3f9a1c5b7d2e4f6081a2b3c4d5e6f70819a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6"
	another = "00001c5b7d2e4f6081a2b3c4d5e6f70819a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6"
)

// bySex is a group with one table of persons by sex.
func bySex(t *testing.T, cohort, population, rounding, rows string) (Manifest, []Table) {
	t.Helper()
	m, err := ParseManifest([]byte("cohort: [" + cohort + "]\npopulation: " + population + "\nrounding: " + rounding + `
outputs:
  - file: doses.csv
    kind: table
    variables:
      - {name: sex, role: dimension, total: all}
      - {name: n, role: count}
  - {file: curve.csv, kind: survival}
`))
	if err != nil {
		t.Fatal(err)
	}
	tables, others := Tables(m, []File{{"doses.csv", []byte("sex,n\n" + rows)}, {"curve.csv", []byte("day,alive\n1,0.9\n")}}, Rule{Threshold: 11})
	if len(tables) != 1 || !slices.Equal(others, []string{"curve.csv"}) {
		t.Fatalf("tables %+v, others %v", tables, others)
	}
	return m, tables
}

// Worked by hand, of a threshold of 11: 412 after 410 differ by two, 421 after 410
// by eleven, which is no small number.
func TestAgainst(t *testing.T) {
	for _, c := range []struct {
		name, cohort, population, permit, rounding, rows string
		want                                             string
	}{
		{"the same numbers", studied, "Everyone", "p1", "exact", "f,410\nm,560\nall,970\n", ""},
		{"two more women", studied, "Everyone", "p1", "exact", "f,412\nm,560\n", "released-difference row 2"},
		{"one man fewer, other words, another permit", "sha256:" + studied, "Whoever", "p2", "exact", "m,559\nf,410\n", "released-difference row 2"},
		{"eleven more", studied, "Everyone", "p1", "exact", "f,421\nm,560\n", ""},
		{"ten more", studied, "Everyone", "p1", "exact", "f,420\nm,560\n", "released-difference row 2"},
		{"another cohort of the permit", another, "Whoever", "p1", "exact", "f,412\nm,560\n", "released-similar row 2"},
		{"another cohort of the population", another, " every  one", "p2", "exact", "f,412\nm,560\n", ""},
		{"the same population in other letters", another, "EVERYONE ", "p2", "exact", "f,412\nm,560\n", "released-similar row 2"},
		{"nothing in common", another, "Whoever", "p2", "exact", "f,412\nm,560\n", ""},
		{"withheld now", studied, "Everyone", "p1", "exact", "f,withheld\nm,560\n", "released-withheld row 2"},
		{"the total, by another word", studied, "Everyone", "p1", "exact", "all,975\n", "released-difference row 2"},
		// 415 is 413 to 417, which is three to seven more than 410.
		{"rounded", studied, "Everyone", "p1", "5", "f,415\nm,560\n", "released-difference row 2"},
		// 410 is 408 to 412: nothing is known.
		{"rounded to the same", studied, "Everyone", "p1", "5", "f,410\nm,560\n", ""},
	} {
		before, left := bySex(t, studied, "Everyone", "exact", "f,410\nm,560\nall,970\n")
		m, tables := bySex(t, c.cohort, c.population, c.rounding, c.rows)
		found := Against(m, c.permit, tables, []Earlier{{Number: 7, Permit: "p1", Manifest: before, Tables: left}}, Rule{Threshold: 11})
		var got []string
		for _, f := range found {
			for _, w := range f.Where {
				row, _, _ := strings.Cut(w, ",")
				got = append(got, f.Check+" "+row)
				if !strings.HasSuffix(w, "number 7 of the register") || strings.Contains(w, "41") {
					t.Errorf("%s: where %q", c.name, w)
				}
			}
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: found %q, want %q", c.name, s, c.want)
		}
	}
	// Two rounded tables hide what they differ by.
	before, left := bySex(t, studied, "Everyone", "5", "f,410\n")
	m, tables := bySex(t, studied, "Everyone", "5", "f,415\n")
	if found := Against(m, "p1", tables, []Earlier{{Permit: "p1", Manifest: before, Tables: left}}, Rule{Threshold: 11}); len(found) > 0 {
		t.Errorf("two rounded tables: %+v", found)
	}
	// What the hub counted is compared by its role, whatever the column is called.
	_, tables = bySex(t, studied, "Everyone", "exact", "f,413\n")
	left = []Table{{Role: RoleCount, Dimensions: []string{"sex"}, Rows: []TableRow{{Keys: []string{"f"}, Number: 410}}},
		{Role: RolePopulation, Dimensions: []string{"sex"}, Rows: []TableRow{{Keys: []string{"f"}, Number: 412}}}}
	m.Cohort = []string{studied}
	if found := Against(m, "p2", tables, []Earlier{{Manifest: Manifest{Cohort: []string{studied}}, Tables: left}}, Rule{Threshold: 11}); len(found) != 1 || found[0].Count != 1 {
		t.Errorf("a table of the hub: %+v", found)
	}
}

// Disclosure control rounds 12 to 15 to base 5, where 10 is under the threshold: it
// stands for 12, 413 does for 415 and 412 does not.
func TestStands(t *testing.T) {
	for _, c := range []struct {
		base, n, exact int64
		want           bool
	}{{5, 15, 12, true}, {5, 15, 11, true}, {5, 415, 413, true}, {5, 415, 412, false}, {0, 410, 410, true}, {0, 410, 411, false}, {10, 420, 415, true}} {
		if got := (Table{Rounding: c.base}).Stands(c.n, c.exact, 11); got != c.want {
			t.Errorf("%d for %d to base %d: %v", c.n, c.exact, c.base, got)
		}
	}
}

// A table of the checks has its totals under one name, and knows which of its
// dimensions may add up.
func TestTables(t *testing.T) {
	_, tables := bySex(t, studied, "Everyone", "5", "all,970\nf,410\nm,<11\n")
	x := tables[0]
	if x.Rounding != 5 || x.Slack() != 2 || !slices.Equal(x.Additive, []bool{true}) || len(x.Rows) != 3 || x.Rows[0].Keys[0] != Total || x.Rows[0].Number != 970 || !x.Rows[2].Hidden {
		t.Errorf("%+v", x)
	}
	// 410 and 600 are more than 970: somebody is in both.
	if _, tables = bySex(t, studied, "Everyone", "exact", "all,970\nf,410\nm,600\n"); tables[0].Additive[0] {
		t.Errorf("%+v", tables[0])
	}
	// What is cleared of a declared output is a table too, and what stays is none.
	m, err := ParseManifest([]byte(`cohort: [` + studied + `]
rounding: exact
outputs:
  - {file: declared.json, kind: table, stays: true}
  - {file: cleared.json, kind: table, cleared_from: declared.json}
`))
	if err != nil {
		t.Fatal(err)
	}
	declared := `{"kind":"table","title":"Persons by sex","dimensions":[{"name":"sex","categories":["f","m","u"],"additive":true}],"cells":[{"keys":["f"],"persons":40},{"keys":["m"],"persons":50},{"keys":["u"],"persons":3}]}`
	cleared := clearedText(t, declared)
	tables, others := Tables(m, []File{{"declared.json", []byte(declared)}, {"cleared.json", cleared}}, Rule{Threshold: 11})
	if len(tables) != 1 || len(others) != 0 || tables[0].File != "cleared.json" || !tables[0].Additive[0] || len(tables[0].Rows) != 4 {
		t.Fatalf("%+v, %v", tables, others)
	}
	for _, r := range tables[0].Rows {
		if r.Keys[0] == "u" && !r.Hidden || r.Keys[0] == Total && r.Number != 93 {
			t.Errorf("%+v", r)
		}
	}
}

func clearedText(t *testing.T, declared string) []byte {
	t.Helper()
	d, _, err := outputs.Clear([]byte(declared), disclosure.Rule{Threshold: 11})
	if err != nil {
		t.Fatal(err)
	}
	return d.JSON()
}
