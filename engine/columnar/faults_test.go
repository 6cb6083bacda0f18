package columnar_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/engine/columnar"
	"galien/engine/enginetest"
	"galien/permit"
)

// domain returns the domain of a name.
func domain(t testing.TB, name string) *cohort.Domain {
	t.Helper()
	i := slices.IndexFunc(cohort.Domains(), func(d *cohort.Domain) bool { return d.Name == name })
	if i < 0 {
		t.Fatalf("no domain %s", name)
	}
	return cohort.Domains()[i]
}

// agree holds the engine to the oracle's rows and summary for definitions over
// tables, and returns how many rows each has.
func agree(t *testing.T, tables enginetest.Tables, defs ...*cohort.Definition) []int {
	t.Helper()
	judge, err := enginetest.Oracle(t)(tables)
	must(t, err)
	run, err := open(t)(tables)
	must(t, err)
	var n []int
	for i, def := range defs {
		rows, summary, err := judge(t.Context(), def)
		must(t, err)
		gotRows, got, err := run(t.Context(), def)
		must(t, err)
		if w, g := fmt.Sprint(rows, summary), fmt.Sprint(gotRows, got); w != g {
			t.Errorf("definition %d\nwant the oracle's %s\n             have %s", i, w, g)
		}
		n = append(n, len(rows))
	}
	return n
}

// A context that is over ends the questions with its error, be the tasks begun
// or not: names this long keep the caller busy until they have ended.
func TestEndedContext(t *testing.T) {
	snap := newSnapshot(t, enginetest.Hostile(2))
	def := enginetest.RandomDefinition(1)
	def.Rules = nil
	for range cohort.MaxRules {
		def.Rules = append(def.Rules, cohort.Rule{Name: strings.Repeat("x", 1<<16)})
	}
	p, err := enginetest.NewDesk(t, enginetest.Everything).Allow(t.Context(), permit.RunCohort, snap.ID, def)
	must(t, err)
	e := newEngine(t, snap, columnar.Config{Threads: 2})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if _, err := e.Cohort(ctx, p, def, func(cohort.Row) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

// Days beyond the calendar are counted as others are, and refused where years
// are told apart.
func TestBeyondCalendar(t *testing.T) {
	const lastDay = galien.Date(1<<31 - 2) // of DuckDB's dates
	early := galien.MustDate("1960-01-01")
	tables := enginetest.Tables{
		"person": {{"person_id": int64(1), "year_of_birth": int64(1950)}},
		"observation_period": {{"observation_period_id": int64(1), "person_id": int64(1),
			"observation_period_start_date": early, "observation_period_end_date": lastDay}},
		"condition_occurrence": {{"condition_occurrence_id": int64(1), "person_id": int64(1), "condition_concept_id": int64(1),
			"condition_start_date": early.AddDays(9), "condition_end_date": lastDay}},
		"condition_era": {{"condition_era_id": int64(1), "person_id": int64(1), "condition_concept_id": int64(1),
			"condition_era_start_date": early.AddDays(9), "condition_era_end_date": lastDay}},
	}
	duration := cohort.CountColumn("DURATION")
	plain := &cohort.Definition{Entry: []cohort.Criterion{{Domain: domain(t, "ConditionOccurrence")}}}
	long := &cohort.Definition{Entry: []cohort.Criterion{{Domain: domain(t, "ConditionEra"), Filters: []cohort.Filter{
		cohort.NumberFilter{Operand: cohort.Operand{Of: cohort.Length}, Op: cohort.Greater, Value: 0}}}}}
	counted := &cohort.Definition{Entry: plain.Entry, Additional: &cohort.Group{Correlated: []cohort.Correlated{{
		Criterion: cohort.Criterion{Domain: domain(t, "ConditionOccurrence")}, Distinct: &duration, Occurrence: cohort.NoLessThan, Count: 1,
		StartWindow: cohort.Window{Start: cohort.Bound{Open: true, Before: true}, End: cohort.Bound{Open: true}},
	}}}}
	for i, n := range agree(t, tables, plain, long, counted) {
		if n != 1 {
			t.Errorf("definition %d has %d rows", i, n)
		}
	}
	snap := newSnapshot(t, tables)
	p, err := enginetest.NewDesk(t, enginetest.Everything).Allow(t.Context(), permit.Tabulate, snap.ID, plain)
	must(t, err)
	if cells, err := newEngine(t, snap, columnar.Config{}).Table(t.Context(), p, plain, []cohort.Dimension{cohort.Year}); galien.KindOf(err) != galien.Invalid || cells != nil {
		t.Errorf("a table of years beyond the calendar: %d cells, %v", len(cells), err)
	}
}

// An engine without cores or memory is none.
func TestConfig(t *testing.T) {
	snap := newSnapshot(t, enginetest.Hostile(1))
	for _, c := range []columnar.Config{{Threads: -1}, {Memory: -1}} {
		if _, err := columnar.New(snap, c); galien.KindOf(err) != galien.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Persons who stand at the edges of stripes and buckets, each under two or more
// overlapping observation periods, have the oracle's answers.
func TestOverlapsAtEdges(t *testing.T) {
	const stripe, bucket = 1 << 16, 1 << 18
	edges := []int64{1, stripe, stripe + 1, 2 * stripe, bucket - stripe + 1, bucket, bucket + 1, bucket + stripe}
	from := galien.MustDate("2019-12-20")
	rows := 0
	for seed := uint64(40); seed < 43; seed++ {
		tables := enginetest.Hostile(seed)
		for _, list := range tables {
			for _, r := range list {
				if p, ok := r["person_id"].(int64); ok {
					r["person_id"] = edges[p-1]
				}
				if p, ok := r["entity_id"].(int64); ok && r["domain_id"] == "PERSON" {
					r["entity_id"] = edges[p-1]
				}
			}
		}
		for i, p := range edges[:len(tables["person"])] {
			for k := range 2 {
				tables["observation_period"] = append(tables["observation_period"], map[string]any{
					"observation_period_id": int64(5000 + 10*i + k), "person_id": p, "period_type_concept_id": int64(k),
					"observation_period_start_date": from.AddDays(2*i*k + i%3), "observation_period_end_date": from.AddDays(16 + 3*k + i)})
			}
		}
		var defs []*cohort.Definition
		for i := range uint64(40) {
			defs = append(defs, enginetest.RandomDefinition(seed*1000+i))
		}
		for _, n := range agree(t, tables, defs...) {
			rows += n
		}
	}
	if rows < 200 {
		t.Errorf("%d rows in all: too few to tell", rows)
	}
}
