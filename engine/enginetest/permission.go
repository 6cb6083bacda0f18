package enginetest

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"galien/audit"
	"galien/cohort"
	"galien/engine/oracle"
	"galien/permit"
)

// Everything are the terms of a permit that hides nothing.
const Everything = `
name: everything
purpose: the tests of an engine
purpose_kind: steward
people: ["*"]
level: rows
tables: "*"
dates: exact
starts: 2024-01-01
expires: 2035-12-31
`

// Permission returns the right to do an action once on a snapshot, given by a
// gate of its own under a permit of these terms.
func Permission(t testing.TB, terms string, action permit.Action, snapshot string) permit.Permitted {
	t.Helper()
	dir := t.TempDir()
	store, err := permit.CreateStore(filepath.Join(dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	log, err := audit.Create(filepath.Join(dir, "audit"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	gate := permit.NewGate(store, log, "tester", func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) })
	id, err := gate.Grant(t.Context(), []byte(terms))
	if err != nil {
		t.Fatal(err)
	}
	p, err := gate.Allow(t.Context(), id, permit.Request{Action: action, Snapshot: snapshot, Subject: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Oracle opens the engine that judges the others.
func Oracle(t testing.TB) Open {
	p := Permission(t, Everything, permit.RunCohort, "tables")
	return func(tables Tables) (Run, error) {
		data, err := oracle.NewData(tables)
		if err != nil {
			return nil, err
		}
		engine := oracle.Over("tables", data)
		return func(ctx context.Context, def *cohort.Definition) ([]cohort.Row, cohort.Summary, error) {
			var rows []cohort.Row
			summary, err := engine.Cohort(ctx, p, def, func(r cohort.Row) error {
				rows = append(rows, r)
				return nil
			})
			return rows, summary, err
		}, nil
	}
}
