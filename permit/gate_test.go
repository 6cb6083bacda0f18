package permit

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"galien/audit"
)

var testDay = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// desk is a hub's permit desk: a store, a log, a gate with a clock that tests
// can turn.
type desk struct {
	store *Store
	log   *audit.Log
	gate  *Gate
	now   time.Time
	dir   string
}

func newDesk(t *testing.T, actor string) *desk {
	t.Helper()
	dir := t.TempDir()
	store, err := CreateStore(filepath.Join(dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	log, err := audit.Create(filepath.Join(dir, "audit"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{store: store, log: log, now: testDay, dir: dir}
	d.gate = NewGate(store, log, actor, func() time.Time { return d.now })
	return d
}

func (d *desk) grant(t *testing.T, text string) string {
	t.Helper()
	id, err := d.gate.Grant(context.Background(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func example(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "examples", "permits", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAllowSteward(t *testing.T) {
	d := newDesk(t, "marie")
	id := d.grant(t, example(t, "steward"))
	start := time.Now()
	p, err := d.gate.Allow(context.Background(), id, Request{Action: Extract, Snapshot: "s", Subject: "h",
		Reads: map[string][]string{"drug_exposure": {"drug_concept_id"}}, SourceIDs: true})
	t.Log(time.Since(start))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(Extract); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"researcher", "aggregates"} {
		t.Log(d.grant(t, example(t, n)))
	}
}
