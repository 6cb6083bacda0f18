package duckdb_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/audit"
	"galien/cdm"
	"galien/cohort"
	"galien/cohort/circe"
	"galien/engine/duckdb"
	"galien/engine/enginetest"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/permit"
)

// newSnapshot commits tables, whose person_id are the lake's keys already.
func newSnapshot(t testing.TB, tables enginetest.Tables) *lake.Snapshot {
	t.Helper()
	l, err := lake.Create(filepath.Join(t.TempDir(), "lake"))
	must(t, err)
	w, err := writer.Open(t.Context(), l, duck.Config{})
	must(t, err)
	defer w.Close()
	for name, rows := range tables {
		table, ok := cdm.Lookup(name)
		if !ok {
			t.Fatalf("no table %s", name)
		}
		s, err := w.Stage(table)
		must(t, err)
		for i, r := range rows {
			row := make([]any, len(table.Columns))
			for j, c := range table.Columns {
				if !c.Identity {
					row[j] = r[c.Name]
				}
			}
			must(t, s.Append(int64(i+2), row))
		}
		must(t, s.Close())
	}
	snap, _, err := w.Commit(t.Context(), writer.Meta{Now: time.Unix(0, 0)})
	must(t, err)
	return snap
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const steward = `
name: steward
purpose: tests
purpose_kind: steward
people: ["*"]
level: rows
tables: "*"
dates: exact
starts: 2024-01-01
expires: 2035-12-31
`

// gate returns a gate with one permit.
func gate(t testing.TB, terms string) (*permit.Gate, string) {
	t.Helper()
	dir := t.TempDir()
	store, err := permit.CreateStore(filepath.Join(dir, "meta.db"))
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	log, err := audit.Create(filepath.Join(dir, "audit"), rand.Reader)
	must(t, err)
	g := permit.NewGate(store, log, "tester", func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) })
	id, err := g.Grant(t.Context(), []byte(terms))
	must(t, err)
	return g, id
}

func allow(t testing.TB, terms string, action permit.Action, snap *lake.Snapshot, def *cohort.Definition) permit.Permitted {
	t.Helper()
	g, id := gate(t, terms)
	p, err := g.Allow(t.Context(), id, permit.Request{Action: action, Snapshot: snap.ID, Subject: def.Hash(), Reads: def.Reads()})
	must(t, err)
	return p
}

func newEngine(t testing.TB, snap *lake.Snapshot) *duckdb.Engine {
	t.Helper()
	e, err := duckdb.New(t.Context(), snap, duck.Config{})
	must(t, err)
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// open is the engine as package enginetest drives it.
func open(t testing.TB) enginetest.Open {
	desk := enginetest.NewDesk(t, enginetest.Everything)
	return func(tables enginetest.Tables) (enginetest.Run, error) {
		snap := newSnapshot(t, tables)
		e := newEngine(t, snap)
		return func(ctx context.Context, def *cohort.Definition) ([]cohort.Row, cohort.Summary, error) {
			p, err := desk.Allow(ctx, permit.RunCohort, snap.ID, def)
			if err != nil {
				return nil, cohort.Summary{}, err
			}
			var rows []cohort.Row
			s, err := e.Cohort(ctx, p, def, func(r cohort.Row) error { rows = append(rows, r); return nil })
			return rows, s, err
		}, nil
	}
}

func TestCirce(t *testing.T) {
	run, err := open(t)(enginetest.CirceTables(t))
	must(t, err)
	for _, set := range []string{enginetest.Library, enginetest.Generated} {
		t.Run(set, func(t *testing.T) { enginetest.Circe(t, set, run) })
	}
}

func read(t testing.TB, text string) *cohort.Definition {
	t.Helper()
	def, err := circe.Read(strings.NewReader(text))
	must(t, err)
	return def
}

// nsaid is every exposure to concept 10, its descendant included.
const nsaid = `{"ConceptSets":[{"id":0,"expression":{"items":[{"concept":{"CONCEPT_ID":10},"includeDescendants":true}]}}],
"PrimaryCriteria":{"CriteriaList":[{"DrugExposure":{"CodesetId":0}}],"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"All"}},
"QualifiedLimit":{"Type":"All"},"ExpressionLimit":{"Type":"All"},"EndStrategy":{"DateOffset":{"DateField":"StartDate","Offset":0}},
"CollapseSettings":{"CollapseType":"ERA","EraPad":0}}`

func d(s string) galien.Date { return galien.MustDate(s) }

// small is two men and a woman: exposures to 10 and to its descendant 11.
func small() enginetest.Tables {
	person := func(id, gender, born int64) map[string]any {
		return map[string]any{"person_id": id, "gender_concept_id": gender, "year_of_birth": born, "race_concept_id": int64(0), "ethnicity_concept_id": int64(0)}
	}
	period := func(id, person int64, start, end string) map[string]any {
		return map[string]any{"observation_period_id": id, "person_id": person, "observation_period_start_date": d(start), "observation_period_end_date": d(end), "period_type_concept_id": int64(0)}
	}
	drug := func(id, person, concept int64, start string) map[string]any {
		return map[string]any{"drug_exposure_id": id, "person_id": person, "drug_concept_id": concept, "drug_exposure_start_date": d(start),
			"drug_exposure_end_date": d(start), "drug_type_concept_id": map[int64]int64{1: 38000177}[id], "visit_occurrence_id": 1000 + id}
	}
	concept := func(id int64) map[string]any { return map[string]any{"concept_id": id, "concept_name": "c"} }
	return enginetest.Tables{
		"person":             {person(1, 8507, 1950), person(2, 8532, 1985), person(3, 8507, 1931)},
		"observation_period": {period(1, 1, "2020-01-01", "2021-12-31"), period(2, 2, "2020-07-01", "2020-12-31"), period(3, 3, "2021-01-01", "2021-12-31"), period(4, 3, "2021-06-01", "2022-01-31")},
		"drug_exposure":      {drug(1, 1, 10, "2020-03-05"), drug(2, 1, 11, "2021-03-06"), drug(3, 2, 11, "2020-08-09"), drug(4, 3, 10, "2021-12-30")},
		"concept":            {concept(10), concept(11)},
		"concept_ancestor": {{"ancestor_concept_id": int64(10), "descendant_concept_id": int64(10), "min_levels_of_separation": int64(0), "max_levels_of_separation": int64(0)},
			{"ancestor_concept_id": int64(10), "descendant_concept_id": int64(11), "min_levels_of_separation": int64(1), "max_levels_of_separation": int64(1)}},
	}
}

func rowsOf(t testing.TB, e *duckdb.Engine, p permit.Permitted, def *cohort.Definition) string {
	t.Helper()
	var rows []string
	_, err := e.Cohort(t.Context(), p, def, func(r cohort.Row) error {
		rows = append(rows, fmt.Sprintf("%d %s %s", r.Person, r.Start, r.End))
		return nil
	})
	must(t, err)
	return strings.Join(rows, "; ")
}

// The permit is the filter: what it hides does not exist for the question.
func TestScope(t *testing.T) {
	snap := newSnapshot(t, small())
	e := newEngine(t, snap)
	def := read(t, nsaid)
	for _, c := range []struct{ name, terms, want string }{
		{"everything", steward, "1 2020-03-05 2020-03-05; 1 2021-03-06 2021-03-06; 2 2020-08-09 2020-08-09; 3 2021-12-30 2021-12-30"},
		{"window", steward + "window: {start: 2020-08-01, end: 2021-06-30}\n", "1 2021-03-06 2021-03-06; 2 2020-08-09 2020-08-09"},
		{"denied concept", steward + "concepts: {deny: [{concept: 11}]}\n", "1 2020-03-05 2020-03-05; 3 2021-12-30 2021-12-30"},
		{"denied with descendants", steward + "concepts: {deny: [{concept: 10, descendants: true}]}\n", ""},
		{"denied in any column", steward + "concepts: {deny: [{concept: 38000177}]}\n", "1 2021-03-06 2021-03-06; 2 2020-08-09 2020-08-09; 3 2021-12-30 2021-12-30"},
		{"allowed concept", steward + "concepts: {allow: [{concept: 11}]}\n", "1 2021-03-06 2021-03-06; 2 2020-08-09 2020-08-09"},
	} {
		if got := rowsOf(t, e, allow(t, c.terms, permit.RunCohort, snap, def), def); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}

// Without the vocabulary a permit cannot know the descendants that it denies,
// and nothing is answered that might hold one.
func TestScopeNeedsTheVocabulary(t *testing.T) {
	tables := small()
	delete(tables, "concept_ancestor")
	snap := newSnapshot(t, tables)
	e := newEngine(t, snap)
	def := read(t, nsaid)
	for terms, want := range map[string]galien.Kind{
		steward + "concepts: {deny: [{concept: 10, descendants: true}]}\n":  galien.NotFound,
		steward + "concepts: {allow: [{concept: 10, descendants: true}]}\n": galien.NotFound,
	} {
		p := allow(t, terms, permit.CountCohort, snap, def)
		if _, err := e.Cohort(t.Context(), p, def, func(cohort.Row) error { return nil }); err == nil || galien.KindOf(err) != want {
			t.Errorf("%s: %v", terms, err)
		}
	}
	p := allow(t, steward+"concepts: {deny: [{concept: 11}]}\n", permit.RunCohort, snap, def)
	if got := rowsOf(t, e, p, def); got != "1 2020-03-05 2020-03-05; 3 2021-12-30 2021-12-30" {
		t.Errorf("a single denied concept needs no ancestors: %s", got)
	}
}

// A number of days that no calendar holds is as good as missing: the exposure
// ends the next day, and no drug question fails for it.
func TestAbsurdDaysSupply(t *testing.T) {
	tables := small()
	for _, r := range tables["drug_exposure"] {
		delete(r, "drug_exposure_end_date")
		r["days_supply"] = int64(math.MinInt64)
	}
	tables["drug_exposure"][0]["days_supply"] = int64(7)
	snap := newSnapshot(t, tables)
	def := read(t, strings.Replace(nsaid, "StartDate", "EndDate", 1))
	got := rowsOf(t, newEngine(t, snap), allow(t, steward, permit.RunCohort, snap, def), def)
	if got != "1 2020-03-05 2020-03-12; 1 2021-03-06 2021-03-07; 2 2020-08-09 2020-08-10; 3 2021-12-30 2021-12-31" {
		t.Error(got)
	}
}

// The source's own words leave only where the permit names their column.
func TestExtractLeavesSourceWordsOut(t *testing.T) {
	tables := small()
	for _, r := range tables["drug_exposure"] {
		r["drug_source_value"], r["lot_number"] = "3400930000000", "L1"
	}
	snap := newSnapshot(t, tables)
	e := newEngine(t, snap)
	def := read(t, nsaid)
	needed := "[drug_concept_id, drug_exposure_start_date, drug_exposure_end_date, days_supply, visit_occurrence_id"
	for name, c := range map[string]struct {
		terms string
		shown bool
	}{
		"every column":     {strings.Replace(researcher, needed+"]", `"*"`, 1), false},
		"the column named": {strings.Replace(researcher, needed, needed+", drug_source_value", 1), true},
		"the steward":      {strings.Replace(steward, "dates: exact", "dates: exact\nsource_ids: true", 1), true},
	} {
		dir := t.TempDir()
		_, err := e.Extract(t.Context(), allow(t, c.terms, permit.Extract, snap, def), def, 1, plainIDs{}, duckdb.CSV, dir)
		must(t, err)
		b, err := os.ReadFile(filepath.Join(dir, "drug_exposure.csv"))
		must(t, err)
		if strings.Contains(string(b), "3400930000000") != c.shown {
			t.Errorf("%s: the source's code is shown: %v, want %v", name, !c.shown, c.shown)
		}
	}
}

func TestRefusesWithoutPermission(t *testing.T) {
	snap := newSnapshot(t, small())
	e := newEngine(t, snap)
	def := read(t, nsaid)
	none := func(cohort.Row) error { t.Error("a row was handed over"); return nil }
	other := read(t, strings.Replace(nsaid, `"Offset":0`, `"Offset":1`, 1))
	elsewhere := newSnapshot(t, enginetest.Tables{"person": small()["person"]})
	for name, p := range map[string]permit.Permitted{
		"zero value":         {},
		"another action":     allow(t, steward, permit.Extract, snap, def),
		"another definition": allow(t, steward, permit.RunCohort, snap, other),
		"another snapshot":   allow(t, steward, permit.RunCohort, elsewhere, def),
	} {
		if _, err := e.Cohort(t.Context(), p, def, none); galien.KindOf(err) != galien.Denied {
			t.Errorf("cohort with %s: %v", name, err)
		}
	}
	if _, err := e.Table(t.Context(), permit.Permitted{}, def, []cohort.Dimension{cohort.Sex}); galien.KindOf(err) != galien.Denied {
		t.Errorf("table with the zero value: %v", err)
	}
	if _, err := e.Extract(t.Context(), permit.Permitted{}, def, 1, plainIDs{}, duckdb.CSV, t.TempDir()); galien.KindOf(err) != galien.Denied {
		t.Errorf("extract with the zero value: %v", err)
	}
	if _, err := e.Explain(t.Context(), permit.Permitted{}, def); galien.KindOf(err) != galien.Denied {
		t.Errorf("explain with the zero value: %v", err)
	}
}

// Worked by hand. Person 1 is a man of 70 then 71, observed 366 and 365 days;
// person 2 a woman of 35, 184 days; person 3 a man of 90 in 2021 (365 days,
// the second period overlapping) and 91 in 2022 (31 days).
func TestTable(t *testing.T) {
	snap := newSnapshot(t, small())
	e := newEngine(t, snap)
	def := read(t, nsaid)
	cells, err := e.Table(t.Context(), allow(t, steward, permit.Tabulate, snap, def), def, []cohort.Dimension{cohort.Sex, cohort.Year})
	must(t, err)
	var got []string
	for _, c := range cells {
		got = append(got, fmt.Sprintf("%s %d/%d %d %d", strings.Join(c.Keys, " "), c.Persons, c.Events, c.Population, c.PersonDays))
	}
	want := []string{
		"* * 3/4 3 1311", "* 2020 2/2 2 550", "* 2021 2/2 2 730", "* 2022 0/0 1 31",
		"female * 1/1 1 184", "female 2020 1/1 1 184",
		"male * 2/3 2 1127", "male 2020 1/1 1 366", "male 2021 2/2 2 730", "male 2022 0/0 1 31",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	cells, err = e.Table(t.Context(), allow(t, steward, permit.Tabulate, snap, def), def, []cohort.Dimension{cohort.AgeGroup})
	must(t, err)
	got = nil
	for _, c := range cells {
		got = append(got, fmt.Sprintf("%s %d/%d %d %d", c.Keys[0], c.Persons, c.Events, c.Population, c.PersonDays))
	}
	if text := strings.Join(got, "; "); text != "* 3/4 3 1311; 30-39 1/1 1 184; 70-79 1/2 1 731; 90+ 1/1 1 396" {
		t.Errorf("by age group: %s", text)
	}
}

// plainIDs makes ids that can be recognised: persons from 900, rows from 500.
type plainIDs struct{}

func (plainIDs) Person(p galien.PersonID) int64   { return 900 + int64(p) }
func (plainIDs) Row(table string, id int64) int64 { return 500 + id + 10000*int64(len(table)) }

const researcher = `
name: researcher
purpose: tests
purpose_kind: research
people: ["*"]
level: rows
tables:
  person: "*"
  observation_period: "*"
  drug_exposure: [drug_concept_id, drug_exposure_start_date, drug_exposure_end_date, days_supply, visit_occurrence_id]
window: {start: 2021-01-01, end: 2021-12-31}
dates: month
starts: 2024-01-01
expires: 2035-12-31
`

func TestExtract(t *testing.T) {
	snap := newSnapshot(t, small())
	e := newEngine(t, snap)
	def := read(t, nsaid)
	dir := t.TempDir()
	p := allow(t, researcher, permit.Extract, snap, def)
	out, err := e.Extract(t.Context(), p, def, 7, plainIDs{}, duckdb.CSV, dir)
	must(t, err)
	if out.Persons != 2 || out.Periods != 2 {
		t.Errorf("%d persons, %d periods; want 2 and 2 (person 2 is outside the window)", out.Persons, out.Periods)
	}
	for file, want := range map[string]string{
		"cohort.csv": "cohort_definition_id,subject_id,cohort_start_date,cohort_end_date\n7,901,2021-03-01,2021-03-01\n7,903,2021-12-01,2021-12-01\n",
		// 13 letters of drug_exposure, 16 of visit_occurrence.
		"drug_exposure.csv": "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,drug_exposure_end_date,days_supply,visit_occurrence_id\n" +
			"130502,901,11,2021-03-01,2021-03-01,,161502\n130504,903,10,2021-12-01,2021-12-01,,161504\n",
		"observation_period.csv": "observation_period_id,person_id,observation_period_start_date,observation_period_end_date,period_type_concept_id\n" +
			"180501,901,2021-01-01,2021-12-01,0\n180503,903,2021-01-01,2021-12-01,0\n180504,903,2021-06-01,2021-12-01,0\n",
	} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		must(t, err)
		if string(b) != want {
			t.Errorf("%s:\n%s\nwant\n%s", file, b, want)
		}
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 4 {
		t.Errorf("%d files, want cohort, drug_exposure, observation_period and person alone", len(entries))
	}
	// The same engine can extract again, as another permit would.
	if _, err := e.Extract(t.Context(), p, def, 7, plainIDs{}, duckdb.Parquet, t.TempDir()); err != nil {
		t.Errorf("second extract: %v", err)
	}
}

// A row that begins in the permit's window tells nothing of the days after it.
func TestExtractEndsWithTheWindow(t *testing.T) {
	tables := small()
	late := tables["drug_exposure"][1] // person 1, from 2021-03-06
	late["drug_exposure_end_date"] = d("2022-02-03")
	late["drug_exposure_end_datetime"] = time.Date(2022, 2, 3, 10, 11, 12, 0, time.UTC)
	late["verbatim_end_date"] = d("2020-11-12")
	snap := newSnapshot(t, tables)
	e := newEngine(t, snap)
	def := read(t, nsaid)
	dir := t.TempDir()
	p := allow(t, strings.NewReplacer("dates: exact", "dates: exact\nwindow: {start: 2021-01-01, end: 2021-12-31}", `tables: "*"`,
		"tables: {person: [], observation_period: \"*\", drug_exposure: [drug_concept_id, drug_exposure_start_date, drug_exposure_end_date, drug_exposure_end_datetime, verbatim_end_date, days_supply, visit_occurrence_id]}").
		Replace(steward), permit.Extract, snap, def)
	out, err := e.Extract(t.Context(), p, def, 7, plainIDs{}, duckdb.CSV, dir)
	must(t, err)
	b, err := os.ReadFile(filepath.Join(dir, "drug_exposure.csv"))
	must(t, err)
	want := "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,drug_exposure_end_date,drug_exposure_end_datetime,verbatim_end_date,days_supply,visit_occurrence_id\n" +
		"130502,901,11,2021-03-06,2021-12-31,2021-12-31 00:00:00,2021-01-01,,161502\n130504,903,10,2021-12-30,2021-12-30,,,,161504\n"
	if string(b) != want {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
	for _, c := range out.Dictionary {
		if c.Column == "verbatim_end_date" && c.Content != "as recorded, cut to the permit's window" {
			t.Errorf("the dictionary says %q", c.Content)
		}
	}
}

// A snapshot that lost a file, or the end of one, is not answered from.
func TestDamagedSnapshot(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"missing": os.Remove,
		"cut":     func(path string) error { return os.Truncate(path, 100) },
	} {
		snap := newSnapshot(t, small())
		path, _ := snap.Files("drug_exposure", lake.ByConcept, 0)[0].Paths()
		must(t, damage(path))
		if _, err := duckdb.New(t.Context(), snap, duck.Config{}); err == nil || galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where persons lie makes no difference: spread over twelve buckets, three
// rounds of them, they give the answers of one.
func TestBucketsMakeNoDifference(t *testing.T) {
	const apart = 1000
	tables := enginetest.CirceTables(t)
	spread := enginetest.Tables{}
	for name, rows := range tables {
		for _, r := range rows {
			moved := maps.Clone(r)
			if id, ok := r["person_id"].(int64); ok {
				moved["person_id"] = id * apart
			}
			if id, ok := r["entity_id"].(int64); ok && r["domain_id"] == "PERSON" {
				moved["entity_id"] = id * apart
			}
			spread[name] = append(spread[name], moved)
		}
	}
	one, many := newSnapshot(t, tables), newSnapshot(t, spread)
	if n := len(many.Buckets()); n != 12 {
		t.Fatalf("%d buckets, want 12", n)
	}
	type answered struct {
		rows    []cohort.Row
		summary cohort.Summary
		cells   []cohort.Cell
	}
	ask := func(snap *lake.Snapshot, e *duckdb.Engine, def *cohort.Definition) (a answered) {
		g, id := gate(t, steward)
		permitted := func(action permit.Action) permit.Permitted {
			p, err := g.Allow(t.Context(), id, permit.Request{Action: action, Snapshot: snap.ID, Subject: def.Hash(), Reads: def.Reads()})
			must(t, err)
			return p
		}
		var err error
		a.summary, err = e.Cohort(t.Context(), permitted(permit.RunCohort), def, func(r cohort.Row) error { a.rows = append(a.rows, r); return nil })
		must(t, err)
		a.cells, err = e.Table(t.Context(), permitted(permit.Tabulate), def, []cohort.Dimension{cohort.Sex, cohort.AgeGroup, cohort.Year})
		must(t, err)
		return a
	}
	near, far := newEngine(t, one), newEngine(t, many)
	answers := enginetest.CirceAnswers(t, enginetest.Generated)
	for i := 0; i < len(answers); i += 60 {
		def, err := circe.Read(bytes.NewReader(answers[i].JSON))
		must(t, err)
		want, got := ask(one, near, def), ask(many, far, def)
		for k := range want.rows {
			want.rows[k].Person *= apart
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("definition %d: %d rows and %d cells, want %d and %d, or their content differs", answers[i].ID, len(got.rows), len(got.cells), len(want.rows), len(want.cells))
		}
	}
}
