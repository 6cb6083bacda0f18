package columnar_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/engine/columnar"
	"galien/engine/enginetest"
	"galien/engine/oracle"
	"galien/permit"
)

// naming is an engine that tells who is behind its numbers.
type naming interface {
	CohortMembers(ctx context.Context, p permit.Permitted, def *cohort.Definition, m *cohort.Members, yield func(cohort.Row) error) (cohort.Summary, error)
	TableMembers(ctx context.Context, p permit.Permitted, def *cohort.Definition, by []cohort.Dimension, m *cohort.Members) ([]cohort.Cell, error)
}

// named asks who is behind the numbers of a definition and of a table of it.
func named(t *testing.T, e naming, desk *enginetest.Desk, snapshot string, def *cohort.Definition) string {
	t.Helper()
	var lines []string
	add := func(what string, persons []galien.PersonID, events []int64) {
		for i, p := range persons {
			n := int64(1)
			if events != nil {
				n = events[i]
			}
			lines = append(lines, fmt.Sprintf("%s: %d x %d", what, p, n))
		}
	}
	steps := map[int][2]int64{}
	m := &cohort.Members{
		Observed: func(persons []galien.PersonID) { add("observed", persons, nil) },
		Left: func(step int, persons []galien.PersonID, events []int64) {
			add(fmt.Sprint("step ", step), persons, events)
			for _, n := range events {
				steps[step] = [2]int64{steps[step][0] + n, steps[step][1] + 1}
			}
		},
		Cell: func(keys []string, entered, observed []galien.PersonID) {
			add(fmt.Sprint("entered ", keys), entered, nil)
			add(fmt.Sprint("observed ", keys), observed, nil)
		},
	}
	p, err := desk.Allow(t.Context(), permit.CountCohort, snapshot, def)
	must(t, err)
	s, err := e.CohortMembers(t.Context(), p, def, m, func(cohort.Row) error { return nil })
	must(t, err)
	for i, a := range s.Attrition {
		if steps[i] != [2]int64{a.Events, a.Persons} {
			t.Fatalf("step %d counts %d events of %d persons, and %v are named", i, a.Events, a.Persons, steps[i])
		}
	}
	if p, err = desk.Allow(t.Context(), permit.Tabulate, snapshot, def); err != nil {
		t.Fatal(err)
	}
	_, err = e.TableMembers(t.Context(), p, def, []cohort.Dimension{cohort.Year, cohort.Sex, cohort.AgeGroup}, m)
	must(t, err)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// The persons behind each number are the oracle's: at first, again from what was
// kept, and among several questions.
func TestMembers(t *testing.T) {
	desk := enginetest.NewDesk(t, enginetest.Everything)
	total := 0
	for block := range uint64(3) {
		tables := enginetest.Hostile(block)
		snap := newSnapshot(t, tables)
		data, err := oracle.NewData(tables)
		must(t, err)
		judge, e := oracle.Over(snap.ID, data), newEngine(t, snap, columnar.Config{})
		for i := range uint64(40) {
			def := enginetest.RandomDefinition(block*1000 + i)
			want := named(t, judge, desk, snap.ID, def)
			total += strings.Count(want, "step")
			for range 2 {
				if got := named(t, e, desk, snap.ID, def); got != want {
					t.Fatalf("block %d, definition %d\nwant %s\ngot  %s\n%s", block, i, want, got, enginetest.Describe(def))
				}
			}
		}
	}
	if total < 1000 {
		t.Errorf("%d persons named in steps: this proves little", total)
	}
}
