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
	"galien/engine/oracle"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
)

// grownSnapshot commits tables change by change, as a lake comes to have them
// that takes in a delivery a month. It counts the layers and the rows that have
// left.
func grownSnapshot(t testing.TB, tables enginetest.Tables, seed uint64, layers, removed *int64) *lake.Snapshot {
	t.Helper()
	first, changes := enginetest.Grown(tables, seed)
	l, err := lake.Create(filepath.Join(t.TempDir(), "lake"))
	must(t, err)
	stageAll := enginetest.Growth{Added: first}
	w, err := writer.Open(t.Context(), l, duck.Config{})
	must(t, err)
	for name, rows := range first {
		table, _ := cdm.Lookup(name)
		if len(rows) > 0 {
			added, _ := stageAll.Queries(table)
			must(t, w.StageQuery(t.Context(), table, added))
			continue
		}
		_, err := w.Stage(table)
		must(t, err)
	}
	snap, _, err := w.Commit(t.Context(), writer.Meta{Now: time.Unix(0, 0)})
	must(t, err)
	must(t, w.Close())
	for _, change := range changes {
		w, err := writer.Open(t.Context(), l, duck.Config{})
		must(t, err)
		for name := range first {
			table, _ := cdm.Lookup(name)
			if added, removed := change.Queries(table); added != "" || removed != "" {
				must(t, w.StageChange(t.Context(), table, added, removed))
			}
		}
		snap, _, err = w.Commit(t.Context(), writer.Meta{Now: time.Unix(0, 0)})
		must(t, err)
		must(t, w.Close())
	}
	for _, table := range snap.Manifest.Tables {
		if n := int64(len(tables[table.Name])); table.Rows != n {
			t.Fatalf("%s: %d rows came about instead of %d", table.Name, table.Rows, n)
		}
		n, gone := table.Layers()
		*layers, *removed = *layers+int64(n-1), *removed+gone
	}
	return snap
}

// The engines answer over a lake that has grown in layers, and from which rows
// have left, as the oracle does over its rows in memory.
func TestLayers(t *testing.T) {
	var layers, removed int64
	over := func(engine func(snap *lake.Snapshot) enginetest.Engine) enginetest.Open {
		n := uint64(0)
		return func(tables enginetest.Tables) (enginetest.Run, error) {
			n++
			snap := grownSnapshot(t, tables, n, &layers, &removed)
			return asking(t, engine(snap), snap.ID), nil
		}
	}
	for name, engine := range map[string]func(snap *lake.Snapshot) enginetest.Engine{
		"columnar": func(snap *lake.Snapshot) enginetest.Engine { return newEngine(t, snap, columnar.Config{}) },
		"oracle":   func(snap *lake.Snapshot) enginetest.Engine { return oracle.New(snap) },
		"duckdb": func(snap *lake.Snapshot) enginetest.Engine {
			e, err := duckdb.New(t.Context(), snap, duck.Config{})
			must(t, err)
			t.Cleanup(func() { _ = e.Close() })
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			enginetest.Differential(t, 71, 50, over(engine))
			// Here both sides read the lake, and the permit hides rows.
			n := uint64(0)
			enginetest.Scopes(t, 71, 10, func(tables enginetest.Tables) (*lake.Snapshot, enginetest.Engine, error) {
				n++
				snap := grownSnapshot(t, tables, n, &layers, &removed)
				return snap, engine(snap), nil
			})
		})
	}
	if layers == 0 || removed == 0 {
		t.Errorf("%d layers and %d removed rows: the test says nothing", layers, removed)
	}
	t.Logf("%d layers beside the first, %d removed rows", layers, removed)
}

// layered commits the tables of a snapshot as a lake has them that took in seven
// months after 29, and from which one row in fifty more has left since.
func layered(b *testing.B, whole *lake.Snapshot) *lake.Snapshot {
	b.Helper()
	l, err := lake.Create(filepath.Join(b.TempDir(), "lake"))
	must(b, err)
	var snap *lake.Snapshot
	for month := range writer.MaxLayers {
		w, err := writer.Open(b.Context(), l, duck.Config{MemoryLimit: "3GiB"})
		must(b, err)
		for _, kept := range whole.Manifest.Tables {
			t, _ := cdm.Lookup(kept.Name)
			from, key := duck.Table(t, whole.Whole(t.Name)), t.PrimaryKey()
			if !t.HasPerson() || key == "" || kept.Rows < 10_000 || t.Name == "person" {
				if month == 0 {
					must(b, w.StageQuery(b.Context(), t, "SELECT * FROM "+from))
				}
				continue
			}
			gone := fmt.Sprintf("SELECT * REPLACE (%[1]s + 1000000000000 AS %[1]s) FROM %[2]s WHERE hash(%[1]s, 1) %% 50 = 0", key, from)
			if month == 0 {
				must(b, w.StageQuery(b.Context(), t, fmt.Sprintf("SELECT * FROM %s WHERE hash(%s) %% 36 >= %d UNION ALL %s", from, key, writer.MaxLayers-1, gone)))
				continue
			}
			must(b, w.StageChange(b.Context(), t, fmt.Sprintf("SELECT * FROM %s WHERE hash(%s) %% 36 = %d", from, key, month-1),
				fmt.Sprintf("SELECT person_id, %[1]s FROM (%[2]s) WHERE hash(%[1]s) %% %[3]d = %[4]d", key, gone, writer.MaxLayers-1, month-1)))
		}
		snap, _, err = w.Commit(b.Context(), writer.Meta{Now: time.Unix(0, 0)})
		must(b, err)
		must(b, w.Close())
	}
	for _, t := range whole.Manifest.Tables {
		if other, _ := snap.Table(t.Name); other.Rows != t.Rows {
			b.Fatalf("%s: %d rows instead of %d", t.Name, other.Rows, t.Rows)
		}
	}
	return snap
}

// BenchmarkLayers asks definitions of the library of a lake in eight layers and
// of the same rows in one file per bucket, one after the other, and reports how
// many times longer the layers take.
func BenchmarkLayers(b *testing.B) {
	whole := benchData{10, 1, 30}.snapshot(b)
	patched := layered(b, whole)
	for name, c := range map[string]struct {
		each int // one definition in so many is asked
		open func(snap *lake.Snapshot) enginetest.Engine
	}{
		"columnar": {1, func(snap *lake.Snapshot) enginetest.Engine { return benchEngine(b, snap) }},
		"duckdb": {40, func(snap *lake.Snapshot) enginetest.Engine {
			e, err := duckdb.New(b.Context(), snap, duck.Config{MemoryLimit: "3GiB", TempDir: b.TempDir()})
			must(b, err)
			b.Cleanup(func() { _ = e.Close() })
			return e
		}},
	} {
		b.Run(name, func(b *testing.B) {
			var took [2]time.Duration
			for b.Loop() {
				var rows [2]int64
				var engines [2]enginetest.Engine
				var lists [2][]asked
				for i, snap := range []*lake.Snapshot{whole, patched} {
					engines[i], lists[i] = c.open(snap), library(b, snap.ID)
				}
				for n := 0; n < len(lists[0]); n += c.each {
					for i, e := range engines {
						a := lists[i][n]
						began := time.Now()
						_, err := e.Cohort(b.Context(), a.Permitted, a.Definition, func(cohort.Row) error { rows[i]++; return nil })
						must(b, err)
						took[i] += time.Since(began)
					}
				}
				if rows[0] != rows[1] {
					b.Fatalf("%d rows in one file, %d in layers", rows[0], rows[1])
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(took[0].Seconds()/float64(b.N), "s-whole")
			b.ReportMetric(took[1].Seconds()/float64(b.N), "s-layers")
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "times-longer")
		})
	}
}
