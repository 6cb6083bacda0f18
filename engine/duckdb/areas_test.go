package duckdb_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien/cohort"
	"galien/engine/duckdb"
	"galien/engine/enginetest"
	"galien/lake"
	"galien/permit"
)

// villages are people by home, worked out by hand for a least of three persons: the
// town 35001 has two addresses, 1 and 2, with three persons together; 35002 has one
// (3), 35003 two (4), and 22001 two (5); 6 is a place of the department alone; 7 is a
// place of which there is no row, with four persons.
func villages() enginetest.Tables {
	t := enginetest.Tables{}
	place := func(id int, county, state any) {
		t["location"] = append(t["location"], map[string]any{"location_id": int64(id), "county": county, "state": state, "city": county, "latitude": 48.1})
	}
	place(1, "35001", "35")
	place(2, "35001", "35")
	place(3, "35002", "35")
	place(4, "35003", "35")
	place(5, "22001", "22")
	place(6, nil, "35")
	person := int64(0)
	for _, home := range []int64{1, 1, 2, 3, 4, 4, 5, 5, 7, 7, 7, 7, 0} {
		person++
		row := map[string]any{"person_id": person, "gender_concept_id": int64(8507), "year_of_birth": int64(1980), "race_concept_id": int64(0), "ethnicity_concept_id": int64(0)}
		if home != 0 {
			row["location_id"] = home
		}
		t["person"] = append(t["person"], row)
		t["observation_period"] = append(t["observation_period"], map[string]any{"observation_period_id": person, "person_id": person,
			"observation_period_start_date": d("2020-01-01"), "observation_period_end_date": d("2020-12-31"), "period_type_concept_id": int64(0)})
	}
	t["care_site"] = []map[string]any{{"care_site_id": int64(1), "location_id": int64(4)}}
	return t
}

// column reads a column of a CSV file, in the order of another one.
func column(t *testing.T, dir, file, by, name string) []string {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, file))
	must(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	must(t, err)
	at, key := slices.Index(rows[0], name), slices.Index(rows[0], by)
	rows = rows[1:]
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[key], b[key]) })
	var out []string
	for _, r := range rows {
		out = append(out, r[at])
	}
	return out
}

// exportAll exports a snapshot under terms and returns the folder.
func exportAll(t *testing.T, terms string, snap *lake.Snapshot) string {
	t.Helper()
	g, id := gate(t, terms)
	p, err := g.Allow(t.Context(), id, permit.Request{Action: permit.Extract, Snapshot: snap.ID, Subject: duckdb.ExportSubject(), Reads: cohort.Columns{}})
	must(t, err)
	dir := t.TempDir()
	_, err = newEngine(t, snap).Export(t.Context(), p, plainIDs{}, nil, dir)
	must(t, err)
	return dir
}

// TestSmallAreas exports the villages. Ids of locations are 80,500 more than the
// lake's (plainIDs).
func TestSmallAreas(t *testing.T) {
	snap := newSnapshot(t, villages())
	id := func(n int) string { return fmt.Sprint(80500 + n) }
	three := steward + "areas: {least_persons: 3}\n"
	for _, c := range []struct {
		terms  string
		homes  []string // of the thirteen persons
		places []string
		county []string
		point  bool
	}{
		// The three of 35002 and 35003 are one area of their department, where also
		// the row without a commune is.
		{three, []string{id(1), id(1), id(1), id(3), id(3), id(3), id(5), id(5), "", "", "", "", ""}, []string{id(1), id(3), id(5)}, []string{"35001", "", ""}, false},
		// Of a thousand nobody's commune is told.
		{steward, []string{id(1), id(1), id(1), id(1), id(1), id(1), id(5), id(5), "", "", "", "", ""}, []string{id(1), id(5)}, []string{"", ""}, false},
		{steward + "areas: {least_persons: 1}\n", []string{id(1), id(1), id(2), id(3), id(4), id(4), id(5), id(5), id(7), id(7), id(7), id(7), ""},
			[]string{id(1), id(2), id(3), id(4), id(5), id(6)}, []string{"35001", "35001", "35002", "35003", "22001", ""}, true},
	} {
		dir := exportAll(t, c.terms, snap)
		if got := column(t, dir, "person.csv", "person_id", "location_id"); !slices.Equal(got, c.homes) {
			t.Errorf("homes %q, want %q", got, c.homes)
		}
		if got := column(t, dir, "location.csv", "location_id", "location_id"); !slices.Equal(got, c.places) {
			t.Errorf("places %q, want %q", got, c.places)
		}
		for _, name := range []string{"county", "city"} {
			if got := column(t, dir, "location.csv", "location_id", name); !slices.Equal(got, c.county) {
				t.Errorf("%s %q, want %q", name, got, c.county)
			}
		}
		if got := column(t, dir, "location.csv", "location_id", "latitude"); (got[0] != "") != c.point {
			t.Errorf("latitude %q", got)
		}
		if got, want := column(t, dir, "care_site.csv", "care_site_id", "location_id"), c.homes[4:5]; !slices.Equal(got, want) {
			t.Errorf("a hospital of 35003 is in %q, want %q", got, want)
		}
		states := column(t, dir, "location.csv", "location_id", "state")
		if want := map[int][]string{3: {"35", "35", "22"}, 2: {"35", "22"}, 6: {"35", "35", "35", "35", "22", "35"}}[len(states)]; !slices.Equal(states, want) {
			t.Errorf("departments %q, want %q", states, want)
		}
	}
	// An extract has no table of locations, and the same ids.
	def := read(t, `{"PrimaryCriteria":{"CriteriaList":[{"ObservationPeriod":{}}],"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"All"}},"ConceptSets":[],"QualifiedLimit":{"Type":"First"},"ExpressionLimit":{"Type":"First"},"InclusionRules":[],"CensoringCriteria":[]}`)
	dir := t.TempDir()
	e := newEngine(t, snap)
	_, err := e.Extract(t.Context(), allow(t, three, permit.Extract, snap, def), def, 1, plainIDs{}, duckdb.CSV, dir)
	must(t, err)
	if got, want := column(t, dir, "person.csv", "person_id", "location_id"), []string{id(1), id(1), id(1), id(3), id(3), id(3), id(5), id(5), "", "", "", "", ""}; !slices.Equal(got, want) {
		t.Errorf("extract: homes %q, want %q", got, want)
	}
}
