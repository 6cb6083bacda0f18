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
	ahead  map[string]permit.Permitted // by the hash of a definition
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
	return &Desk{gate: gate, store: store, permit: id}
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

// oracleSnapshot names the tables that the oracle has in memory.
const oracleSnapshot = "tables"

// allowAhead asks at once for the questions that the oracle will be asked, of
// which it is then asked some: many share an entry of the log.
func (d *Desk) allowAhead(t testing.TB, questions []permit.Request) {
	t.Helper()
	decisions, err := d.gate.AllowAll(t.Context(), d.permit, questions)
	if err != nil {
		t.Fatal(err)
	}
	d.ahead = map[string]permit.Permitted{}
	for i, q := range questions {
		if decisions[i].Refusal == nil {
			d.ahead[q.Subject] = decisions[i].Permitted
		}
	}
}

// Oracle opens the engine that judges the others.
func Oracle(t testing.TB) Open { return oracleAt(NewDesk(t, Everything)) }

// oracleAt is the oracle that asks at a desk.
func oracleAt(desk *Desk) Open {
	return func(tables Tables) (Run, error) {
		data, err := oracle.NewData(tables)
		if err != nil {
			return nil, err
		}
		engine := oracle.Over(oracleSnapshot, data)
		return func(ctx context.Context, def *cohort.Definition) ([]cohort.Row, cohort.Summary, error) {
			var p permit.Permitted
			ok := false
			if desk.ahead != nil {
				p, ok = desk.ahead[def.Hash()]
			}
			if !ok {
				var err error
				if p, err = desk.Allow(ctx, permit.RunCohort, oracleSnapshot, def); err != nil {
					return nil, cohort.Summary{}, err
				}
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
