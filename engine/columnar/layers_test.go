package columnar_test

import (
	"path/filepath"
	"testing"
	"time"

	"galien/cdm"
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
