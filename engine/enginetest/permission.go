package enginetest

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"galien"
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

// Desk is a gate with one permit, for the tests of engines.
type Desk struct {
	gate   *permit.Gate
	store  *permit.Store
	permit string
}

// NewDesk returns a gate under a permit of these terms.
func NewDesk(t testing.TB, terms string) *Desk {
	t.Helper()
	dir := deskDir(t)
	store, err := permit.CreateStore(filepath.Join(dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	log, err := audit.Create(filepath.Join(dir, "audit"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	gate := permit.NewGate(store, log, "tester", func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) })
	id, err := gate.Grant(t.Context(), []byte(terms))
	if err != nil {
		t.Fatal(err)
	}
	return &Desk{gate, store, id}
}

// deskDir is a folder in memory where the system has one, since every question
// is synced to the disk before it is asked.
func deskDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "galien-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Allow permits one action on a definition and a snapshot.
func (d *Desk) Allow(ctx context.Context, action permit.Action, snapshot string, def *cohort.Definition) (permit.Permitted, error) {
	return d.gate.Allow(ctx, d.permit, permit.Request{Action: action, Snapshot: snapshot, Subject: def.Hash(), Reads: def.Reads()})
}

// Oppose enters the opposition of persons to everything, or withdraws it.
func (d *Desk) Oppose(t testing.TB, persons []galien.PersonID, withdraw bool) {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var err error
	if withdraw {
		_, err = d.store.Withdraw(t.Context(), persons, permit.Everything, now, "tester")
	} else {
		_, err = d.store.Oppose(t.Context(), persons, permit.Everything, permit.ByPerson, galien.DateOf(now), now, "tester")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Oracle opens the engine that judges the others.
func Oracle(t testing.TB) Open {
	desk := NewDesk(t, Everything)
	return func(tables Tables) (Run, error) {
		data, err := oracle.NewData(tables)
		if err != nil {
			return nil, err
		}
		engine := oracle.Over("tables", data)
		return func(ctx context.Context, def *cohort.Definition) ([]cohort.Row, cohort.Summary, error) {
			p, err := desk.Allow(ctx, permit.RunCohort, "tables", def)
			if err != nil {
				return nil, cohort.Summary{}, err
			}
			var rows []cohort.Row
			summary, err := engine.Cohort(ctx, p, def, func(r cohort.Row) error {
				rows = append(rows, r)
				return nil
			})
			return rows, summary, err
		}, nil
	}
}
