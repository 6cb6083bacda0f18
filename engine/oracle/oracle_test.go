package oracle_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/cohort/circe"
	"galien/engine/enginetest"
	"galien/engine/oracle"
	"galien/permit"
)

func read(t *testing.T, text string) *cohort.Definition {
	t.Helper()
	def, err := circe.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return def
}

const allConditions = `{"PrimaryCriteria":{"CriteriaList":[{"ConditionOccurrence":{}}],"ObservationWindow":{"PriorDays":0,"PostDays":0}}}`

func date(s string) galien.Date { return galien.MustDate(s) }

// two persons: 1, a woman born in 1970, in two observation periods that
// overlap; 2, a boy born in 2015.
func two() enginetest.Tables {
	return enginetest.Tables{
		"person": {
			{"person_id": int64(1), "gender_concept_id": int64(8532), "year_of_birth": int64(1970)},
			{"person_id": int64(2), "gender_concept_id": int64(8507), "year_of_birth": int64(2015)},
		},
		"observation_period": {
			{"observation_period_id": int64(1), "person_id": int64(1), "observation_period_start_date": date("2019-12-31"), "observation_period_end_date": date("2020-01-02")},
			{"observation_period_id": int64(2), "person_id": int64(1), "observation_period_start_date": date("2020-01-01"), "observation_period_end_date": date("2020-01-03")},
			{"observation_period_id": int64(3), "person_id": int64(2), "observation_period_start_date": date("2020-01-01"), "observation_period_end_date": date("2020-01-10")},
		},
		"condition_occurrence": {
			{"condition_occurrence_id": int64(1), "person_id": int64(1), "condition_concept_id": int64(11), "condition_start_date": date("2020-01-02")},
		},
	}
}

func over(t *testing.T, tables enginetest.Tables) *oracle.Engine {
	t.Helper()
	data, err := oracle.NewData(tables)
	if err != nil {
		t.Fatal(err)
	}
	return oracle.Over("s", data)
}

func allow(t *testing.T, terms string, action permit.Action, snapshot string, def *cohort.Definition) permit.Permitted {
	t.Helper()
	p, err := enginetest.NewDesk(t, terms).Allow(t.Context(), action, snapshot, def)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rowsUnder(t *testing.T, e *oracle.Engine, terms string, def *cohort.Definition) string {
	t.Helper()
	var list []string
	_, err := e.Cohort(t.Context(), allow(t, terms, permit.RunCohort, "s", def), def, func(r cohort.Row) error {
		list = append(list, fmt.Sprintf("%d %s %s", r.Person, r.Start, r.End))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "; ")
}

func TestRefusesWithoutPermission(t *testing.T) {
	def, other := read(t, allConditions), read(t, strings.Replace(allConditions, "Condition", "Procedure", 1))
	e := over(t, two())
	never := func(cohort.Row) error { t.Error("a row left"); return nil }
	for name, p := range map[string]permit.Permitted{
		"zero value":         {},
		"another action":     allow(t, enginetest.Everything, permit.Tabulate, "s", def),
		"another snapshot":   allow(t, enginetest.Everything, permit.RunCohort, "elsewhere", def),
		"another definition": allow(t, enginetest.Everything, permit.RunCohort, "s", other),
	} {
		if _, err := e.Cohort(t.Context(), p, def, never); galien.KindOf(err) != galien.Denied || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range map[string]permit.Permitted{
		"zero value":     {},
		"another action": allow(t, enginetest.Everything, permit.RunCohort, "s", def),
	} {
		if _, err := e.Table(t.Context(), p, def, nil); galien.KindOf(err) != galien.Denied || err == nil {
			t.Errorf("table, %s: %v", name, err)
		}
	}
	// A permission that the gate gave for less than the definition reads.
	narrow := strings.Replace(enginetest.Everything, `tables: "*"`, "tables:\n  person: \"*\"\n  observation_period: \"*\"", 1)
	if _, err := enginetest.NewDesk(t, narrow).Allow(t.Context(), permit.RunCohort, "s", def); galien.KindOf(err) != galien.Denied {
		t.Errorf("the gate lets a definition on conditions through: %v", err)
	}
}

func TestYieldStops(t *testing.T) {
	def := read(t, allConditions)
	stop := errors.New("enough")
	_, err := over(t, two()).Cohort(t.Context(), allow(t, enginetest.Everything, permit.RunCohort, "s", def), def, func(cohort.Row) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

// A cohort and the observed population, counted by hand: person 1 is observed
// one day of 2019 and three of 2020, person 2 ten days of 2020.
func TestTable(t *testing.T) {
	def := read(t, allConditions)
	cells, err := over(t, two()).Table(t.Context(), allow(t, enginetest.Everything, permit.Tabulate, "s", def), def, []cohort.Dimension{cohort.Sex, cohort.Year})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cells {
		got = append(got, fmt.Sprintf("%s: %d %d %d %d", strings.Join(c.Keys, " "), c.Persons, c.Events, c.Population, c.PersonDays))
	}
	want := []string{
		"* *: 1 1 2 14", "* 2019: 0 0 1 1", "* 2020: 1 1 2 13",
		"female *: 1 1 1 4", "female 2019: 0 0 1 1", "female 2020: 1 1 1 3",
		"male *: 0 0 1 10", "male 2020: 0 0 1 10",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTableByAge(t *testing.T) {
	def := read(t, allConditions)
	cells, err := over(t, two()).Table(t.Context(), allow(t, enginetest.Everything, permit.Tabulate, "s", def), def, []cohort.Dimension{cohort.AgeGroup})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cells {
		got = append(got, fmt.Sprintf("%s: %d %d %d %d", strings.Join(c.Keys, " "), c.Persons, c.Events, c.Population, c.PersonDays))
	}
	// Person 1 is 49 on the day of 2019 and 50 on the three of 2020.
	if want := "*: 1 1 2 14|0-9: 0 0 1 10|40-49: 0 0 1 1|50-59: 1 1 1 3"; strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
	for _, by := range [][]cohort.Dimension{{"town"}, {cohort.Sex, cohort.Sex}} {
		if _, err := over(t, two()).Table(t.Context(), allow(t, enginetest.Everything, permit.Tabulate, "s", def), def, by); galien.KindOf(err) != galien.Invalid || err == nil {
			t.Errorf("by %v: %v", by, err)
		}
	}
}

// What a permit hides does not exist.
func TestScope(t *testing.T) {
	def := read(t, allConditions)
	e := over(t, enginetest.Tables{
		"concept":          {{"concept_id": int64(10)}, {"concept_id": int64(11)}, {"concept_id": int64(13), "invalid_reason": "D"}},
		"concept_ancestor": {{"ancestor_concept_id": int64(10), "descendant_concept_id": int64(11)}, {"ancestor_concept_id": int64(10), "descendant_concept_id": int64(13)}},
		"person":           {{"person_id": int64(1)}},
		"observation_period": {
			{"person_id": int64(1), "observation_period_start_date": date("2020-01-01"), "observation_period_end_date": date("2020-12-31")},
		},
		"condition_occurrence": {
			{"condition_occurrence_id": int64(1), "person_id": int64(1), "condition_concept_id": int64(13), "condition_start_date": date("2020-02-01")},
			{"condition_occurrence_id": int64(2), "person_id": int64(1), "condition_concept_id": int64(11), "condition_start_date": date("2020-03-01")},
			{"condition_occurrence_id": int64(3), "person_id": int64(1), "condition_concept_id": int64(20), "condition_source_concept_id": int64(10), "condition_start_date": date("2020-04-01")},
			{"condition_occurrence_id": int64(4), "person_id": int64(1), "condition_concept_id": int64(20), "condition_start_date": date("2020-05-01")},
		},
	})
	for _, c := range []struct{ hides, want string }{
		{"", "1 2020-02-01 2020-12-31"},
		{"window: {start: 2020-02-15, end: 2020-06-30}\n", "1 2020-03-01 2020-06-30"},
		{"window: {start: 2021-01-01, end: 2021-06-30}\n", ""},
		{"concepts: {deny: [{concept: 10, descendants: true}]}\n", "1 2020-05-01 2020-12-31"},
		{"concepts: {deny: [{concept: 10, descendants: false}]}\n", "1 2020-02-01 2020-12-31"},
		{"concepts: {deny: [{concept: 13, descendants: false}, {concept: 10, descendants: false}]}\n", "1 2020-03-01 2020-12-31"},
		{"concepts: {allow: [{concept: 20, descendants: true}]}\n", "1 2020-04-01 2020-12-31"},
		{"concepts: {allow: [{concept: 20, descendants: true}], deny: [{concept: 10, descendants: false}]}\n", "1 2020-05-01 2020-12-31"},
	} {
		if got := rowsUnder(t, e, enginetest.Everything+c.hides, def); got != c.want {
			t.Errorf("%q: got %q, want %q", c.hides, got, c.want)
		}
	}
}

func TestNewDataRefuses(t *testing.T) {
	for name, tables := range map[string]enginetest.Tables{
		"table":  {"conditions": nil},
		"column": {"person": {{"name": "x"}}},
		"type":   {"person": {{"person_id": "sesame"}}},
		"date":   {"death": {{"death_date": "2019-02-30"}}},
	} {
		if _, err := oracle.NewData(tables); galien.KindOf(err) != galien.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "2019-02-30") || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: the error quotes a value: %v", name, err)
		}
	}
}
