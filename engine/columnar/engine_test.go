package columnar_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"galien"
	"galien/cdm"
	"galien/cohort"
	"galien/engine/columnar"
	"galien/engine/enginetest"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/permit"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

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

func newEngine(t testing.TB, snap *lake.Snapshot, c columnar.Config) *columnar.Engine {
	t.Helper()
	e, err := columnar.New(snap, c)
	must(t, err)
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// asking returns how package enginetest asks an engine.
func asking(t testing.TB, e enginetest.Engine, snapshot string) enginetest.Run {
	desk := enginetest.NewDesk(t, enginetest.Everything)
	return func(ctx context.Context, def *cohort.Definition) ([]cohort.Row, cohort.Summary, error) {
		p, err := desk.Allow(ctx, permit.RunCohort, snapshot, def)
		if err != nil {
			return nil, cohort.Summary{}, err
		}
		var rows []cohort.Row
		s, err := e.Cohort(ctx, p, def, func(r cohort.Row) error { rows = append(rows, r); return nil })
		return rows, s, err
	}
}

func open(t testing.TB) enginetest.Open {
	return func(tables enginetest.Tables) (enginetest.Run, error) {
		snap := newSnapshot(t, tables)
		return asking(t, newEngine(t, snap, columnar.Config{}), snap.ID), nil
	}
}

// Random definitions over hostile data have the oracle's answers.
func TestDifferential(t *testing.T) {
	enginetest.Differential(t, 1, 500, open(t))
}

// The manual's examples.
func TestCases(t *testing.T) {
	enginetest.Cases(t, open(t))
}

// Circe's own test cases.
func TestCirceFixtures(t *testing.T) {
	enginetest.CirceFixtures(t, open(t))
}

// The reference definitions have Circe's answers.
func TestCirce(t *testing.T) {
	run, err := open(t)(enginetest.CirceTables(t))
	must(t, err)
	for _, set := range []string{enginetest.Library, enginetest.Generated} {
		t.Run(set, func(t *testing.T) { enginetest.Circe(t, set, run) })
	}
}

// What Circe cannot run is refused before the engine is asked.
func TestCirceRejects(t *testing.T) {
	enginetest.CirceRejects(t)
}

// Every part of the model changes some answer.
func TestEffects(t *testing.T) {
	enginetest.Effects(t, open(t), enginetest.Parts())
}

// Permits hide the same from this engine and the oracle, and tables are the
// same.
func TestScopes(t *testing.T) {
	enginetest.Scopes(t, 1, 100, snapshotAndEngine(t))
}

func TestOppositions(t *testing.T) {
	enginetest.Oppositions(t, 1, 15, snapshotAndEngine(t))
}

// Only residents of the permit's areas are there.
func TestAreas(t *testing.T) {
	enginetest.Areas(t, 1, 5, snapshotAndEngine(t))
}

// What the vocabulary cannot resolve is refused.
func TestWithoutVocabulary(t *testing.T) {
	enginetest.WithoutVocabulary(t, snapshotAndEngine(t))
}

func snapshotAndEngine(t *testing.T) func(enginetest.Tables) (*lake.Snapshot, enginetest.Engine, error) {
	return func(tables enginetest.Tables) (*lake.Snapshot, enginetest.Engine, error) {
		snap := newSnapshot(t, tables)
		return snap, newEngine(t, snap, columnar.Config{}), nil
	}
}

// Persons far apart, in different stripes and buckets, are answered as those
// who are close together: the same definitions, over the same data with other
// person keys.
func TestApart(t *testing.T) {
	apart := func(p galien.PersonID) galien.PersonID { return 1 + (p-1)*47_777 }
	enginetest.Differential(t, 100, 150, func(tables enginetest.Tables) (enginetest.Run, error) {
		moved := enginetest.Tables{}
		for name, rows := range tables {
			for _, r := range rows {
				r = maps.Clone(r)
				for _, column := range []string{"person_id", "entity_id"} {
					if p, ok := r[column].(int64); ok && (column == "person_id" || r["domain_id"] == "PERSON") {
						r[column] = int64(apart(galien.PersonID(p)))
					}
				}
				moved[name] = append(moved[name], r)
			}
		}
		run, err := open(t)(moved)
		return func(ctx context.Context, def *cohort.Definition) ([]cohort.Row, cohort.Summary, error) {
			rows, s, err := run(ctx, def)
			for i := range rows {
				rows[i].Person = 1 + (rows[i].Person-1)/47_777
			}
			return rows, s, err
		}, err
	})
}

// An engine that may keep nothing gives the same answers.
func TestWithoutMemory(t *testing.T) {
	enginetest.Differential(t, 200, 50, func(tables enginetest.Tables) (enginetest.Run, error) {
		snap := newSnapshot(t, tables)
		return asking(t, newEngine(t, snap, columnar.Config{Memory: 1}), snap.ID), nil
	})
}

// Many definitions at once are answered in their order as each alone; one that
// cannot be evaluated, or was not permitted, stops no other.
func TestCohorts(t *testing.T) {
	snap := newSnapshot(t, enginetest.Hostile(3))
	desk := enginetest.NewDesk(t, enginetest.Everything)
	alone := asking(t, newEngine(t, snap, columnar.Config{}), snap.ID)
	var questions []columnar.Question
	var want []string
	for i := range uint64(60) {
		def := enginetest.RandomDefinition(7000 + i)
		rows, s, err := alone(t.Context(), def)
		must(t, err)
		p, err := desk.Allow(t.Context(), permit.RunCohort, snap.ID, def)
		must(t, err)
		if i%20 == 10 { // another definition than the one permitted
			def, rows, s = enginetest.RandomDefinition(1), nil, cohort.Summary{}
		}
		if i%20 == 15 {
			p, rows, s = permit.Permitted{}, nil, cohort.Summary{}
		}
		questions = append(questions, columnar.Question{Permitted: p, Definition: def})
		want = append(want, fmt.Sprint(rows, s))
	}
	e := newEngine(t, snap, columnar.Config{Threads: 4})
	var got []string
	var rows []cohort.Row
	must(t, e.Cohorts(t.Context(), questions, func(i int, r cohort.Row) error {
		if i != len(got) {
			t.Fatalf("a row of question %d while %d is awaited", i, len(got))
		}
		rows = append(rows, r)
		return nil
	}, func(i int, s cohort.Summary, err error) error {
		if refused := i%20 == 10 || i%20 == 15; (err != nil) != refused || refused && galien.KindOf(err) != galien.Denied {
			t.Errorf("question %d: %v", i, err)
		}
		got = append(got, fmt.Sprint(rows, s))
		rows = nil
		return nil
	}))
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("question %d: alone %s\ntogether %s", i, want[i], got[i])
		}
	}
	stop := errors.New("enough")
	if err := e.Cohorts(t.Context(), questions, func(int, cohort.Row) error { return stop }, func(int, cohort.Summary, error) error { return nil }); err != stop {
		t.Errorf("after yield's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := e.Cohorts(ctx, questions, func(int, cohort.Row) error { return nil }, func(i int, _ cohort.Summary, _ error) error {
		if i == 20 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
}

// What is kept of one permit is never shown to another, whichever asks first.
func TestPermitsShareNothing(t *testing.T) {
	tables := enginetest.Hostile(11)
	snap := newSnapshot(t, tables)
	shared := newEngine(t, snap, columnar.Config{})
	narrow := enginetest.Everything + "window: {start: 2020-01-03, end: 2020-01-12}\nconcepts: {deny: [{concept: 2, descendants: true}]}\n"
	desks := []*enginetest.Desk{enginetest.NewDesk(t, enginetest.Everything), enginetest.NewDesk(t, narrow)}
	differ := 0
	for i := range uint64(120) {
		def := enginetest.RandomDefinition(9000 + i)
		var seen []string
		for k := range desks {
			desk := desks[(k+int(i))%2]
			ask := func(e *columnar.Engine) string {
				p, err := desk.Allow(t.Context(), permit.RunCohort, snap.ID, def)
				must(t, err)
				var rows []cohort.Row
				s, err := e.Cohort(t.Context(), p, def, func(r cohort.Row) error { rows = append(rows, r); return nil })
				must(t, err)
				return fmt.Sprint(rows, s)
			}
			want, got := ask(newEngine(t, snap, columnar.Config{})), ask(shared)
			if want != got {
				t.Fatalf("definition %d: alone %s\nafter the other permit %s", i, want, got)
			}
			seen = append(seen, got)
		}
		if seen[0] != seen[1] {
			differ++
		}
	}
	if differ < 20 {
		t.Errorf("the permits see a difference in %d of 120 definitions: too few to tell", differ)
	}
}
