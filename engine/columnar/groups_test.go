package columnar_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"galien/cdm"
	"galien/cohort"
	"galien/engine/columnar"
	"galien/engine/duckdb"
	"galien/engine/enginetest"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/permit"
)

// manyRows commits 60,000 persons, most of them around the edges of stripes
// and of the first bucket, with some 270,000 conditions of a single concept:
// several row groups of one concept, with persons cut in two by them. One person
// in 30 has conditions without a concept, and no drug has a source concept.
func manyRows(t *testing.T) *lake.Snapshot {
	t.Helper()
	l, err := lake.Create(filepath.Join(t.TempDir(), "lake"))
	must(t, err)
	w, err := writer.Open(t.Context(), l, duck.Config{MemoryLimit: "1GiB", TempDir: t.TempDir()})
	must(t, err)
	defer w.Close()
	const persons = "(SELECT edge + i AS p FROM range(-7499, 7501) r(i), (VALUES (7500), (65536), (131072), (262144)) e(edge))"
	stage := func(table, query string) {
		t.Helper()
		model, ok := cdm.Lookup(table)
		if !ok {
			t.Fatalf("no table %s", table)
		}
		must(t, w.StageQuery(t.Context(), model, query))
	}
	day := func(expr string) string { return "DATE '2020-01-01' + CAST(" + expr + " AS INTEGER)" }
	stage("person", "SELECT p AS person_id, 8507 + 25 * (p % 2) AS gender_concept_id, 1930 + p % 80 AS year_of_birth FROM "+persons)
	// Every third person has two overlapping periods.
	stage("observation_period", "SELECT 2 * p + n AS observation_period_id, p AS person_id, "+day("100 * n")+" AS observation_period_start_date, "+day("200 + 100 * n + p % 50")+
		" AS observation_period_end_date FROM "+persons+", range(2) n(n) WHERE n = 0 OR p % 3 = 0")
	stage("condition_occurrence", "SELECT 10 * p + n AS condition_occurrence_id, p AS person_id, CASE WHEN p % 30 = 0 THEN NULL WHEN n = 5 AND p % 7 = 0 THEN 2 ELSE 1 END AS condition_concept_id, "+
		day("hash(p * 10 + n) % 320")+" AS condition_start_date, "+day("hash(p * 10 + n) % 320 + p % 40")+" AS condition_end_date, "+
		"CASE WHEN p % 2 = 0 THEN 10 * p END AS visit_occurrence_id FROM "+persons+", range(6) n(n) WHERE n < 5 OR p % 7 = 0")
	stage("drug_exposure", "SELECT 10 * p + n AS drug_exposure_id, p AS person_id, 1 + p % 4 AS drug_concept_id, "+day("hash(p * 77 + n) % 320")+" AS drug_exposure_start_date, "+
		"CASE WHEN n = 0 THEN 20 + p % 15 END AS days_supply, CASE WHEN p % 5 = 0 THEN NULL WHEN n = 0 THEN 0.0 WHEN p % 2 = 0 THEN -0.0 ELSE 1.5 END AS quantity "+
		"FROM "+persons+", range(2) n(n)")
	for name, rows := range enginetest.Hostile(1) {
		model, _ := cdm.Lookup(name)
		if !model.Vocabulary {
			continue
		}
		s, err := w.Stage(model)
		must(t, err)
		for i, r := range rows {
			row := make([]any, len(model.Columns))
			for j, c := range model.Columns {
				row[j] = r[c.Name]
			}
			must(t, s.Append(int64(i+2), row))
		}
		must(t, s.Close())
	}
	snap, _, err := w.Commit(t.Context(), writer.Meta{Now: time.Unix(0, 0)})
	must(t, err)
	return snap
}

// Concepts of several row groups, persons cut in two by them, and persons at
// the edges of stripes and buckets are answered as the SQL engine does, under a
// permit that hides nothing and under one that does.
func TestRowGroups(t *testing.T) {
	snap := manyRows(t)
	ours := newEngine(t, snap, columnar.Config{})
	theirs, err := duckdb.New(t.Context(), snap, duck.Config{MemoryLimit: "1GiB", TempDir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { _ = theirs.Close() })

	f, err := snap.Files("condition_occurrence", lake.ByConcept, 0)[0].Open()
	must(t, err)
	if f.Groups() < 3 {
		t.Fatalf("%d row groups are too few to tell", f.Groups())
	}
	one, all := 0, 1
	sets := []cohort.ConceptSet{
		{ID: one, Items: []cohort.ConceptItem{{Concept: 1}}},
		{ID: all, Items: []cohort.ConceptItem{{Concept: 1, Descendants: true}}},
	}
	conditions, drugs := domain(t, "ConditionOccurrence"), domain(t, "DrugExposure")
	ever := cohort.Window{Start: cohort.Bound{Open: true, Before: true}, End: cohort.Bound{Open: true}}
	quantity := cohort.CountColumn("QUANTITY")
	around := func(c cohort.Criterion, o cohort.Occurrence, n int, distinct *cohort.CountColumn) *cohort.Group {
		return &cohort.Group{Correlated: []cohort.Correlated{{Criterion: c, StartWindow: ever, Occurrence: o, Count: n, Distinct: distinct}}}
	}
	first := cohort.Criterion{Domain: conditions, Codeset: &one, First: true}
	nested := cohort.Criterion{Domain: conditions, Codeset: &all, Nested: around(cohort.Criterion{Domain: conditions, Codeset: &one}, cohort.Exactly, 6, nil)}
	defs := []*cohort.Definition{
		{Entry: []cohort.Criterion{{Domain: conditions, Codeset: &one}}, EraPad: 3},
		{Entry: []cohort.Criterion{first}, PriorDays: 10, Exit: cohort.DrugEra{Codeset: all, GapDays: 5, Offset: 2}},
		{Entry: []cohort.Criterion{nested, {Domain: drugs, Codeset: &all}}, EntryLimit: cohort.Last, Exit: cohort.DateOffset{FromEnd: true, Days: 7}},
		{Entry: []cohort.Criterion{{Domain: conditions}}, Additional: around(cohort.Criterion{Domain: drugs}, cohort.Exactly, 2, &quantity), QualifiedLimit: cohort.First,
			Rules: []cohort.Rule{{Group: *around(nested, cohort.NoMoreThan, 1, nil)}}, Censoring: []cohort.Criterion{{Domain: drugs, Codeset: &one}}},
	}
	for _, terms := range []string{enginetest.Everything, enginetest.Everything + "window: {start: 2020-02-10, end: 2020-08-01}\nconcepts: {deny: [{concept: 4}]}\n"} {
		desk := enginetest.NewDesk(t, terms)
		if terms != enginetest.Everything {
			defs = defs[:2]
		}
		for i, def := range defs {
			def.ConceptSets = sets
			var answers []string
			var rows []cohort.Row
			for _, e := range []enginetest.Engine{theirs, ours} {
				p, err := desk.Allow(t.Context(), permit.RunCohort, snap.ID, def)
				must(t, err)
				rows = nil
				s, err := e.Cohort(t.Context(), p, def, func(r cohort.Row) error { rows = append(rows, r); return nil })
				must(t, err)
				for k := range s.Attrition {
					s.Attrition[k].Reason = ""
				}
				var cells []cohort.Cell
				if i == 0 {
					p, err := desk.Allow(t.Context(), permit.Tabulate, snap.ID, def)
					must(t, err)
					cells, err = e.Table(t.Context(), p, def, []cohort.Dimension{cohort.Sex, cohort.Year})
					must(t, err)
				}
				answers = append(answers, fmt.Sprint(s, cells, sumOf(rows)))
			}
			if answers[0] != answers[1] {
				t.Errorf("definition %d%s\nwant the SQL engine's %s\n                  have %s", i, terms[len(enginetest.Everything):], answers[0], answers[1])
			}
			if len(rows) < 1000 {
				t.Errorf("definition %d has %d rows: too few to tell", i, len(rows))
			}
		}
	}
}

// sumOf tells lists of rows apart: how many there are, and a sum of which each
// row's place is part.
func sumOf(rows []cohort.Row) string {
	sum := uint64(14695981039346656037)
	for _, r := range rows {
		for _, v := range []int64{int64(r.Person), int64(r.Start), int64(r.End)} {
			sum = (sum ^ uint64(v)) * 1099511628211
		}
	}
	return fmt.Sprintf("%d rows, %x", len(rows), sum)
}
