package permit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galien"
)

// TestOppositions walks a ledger: who is not there for which permit, after each
// entry. The order and the days are those of the entries.
func TestOppositions(t *testing.T) {
	ctx := context.Background()
	d := newDesk(t, "marie")
	valid := strings.Replace(least, "2024-12-31", "2035-12-31", 1)
	a := d.grant(t, valid)
	b := d.grant(t, strings.Replace(valid, "name: a", "name: b", 1))
	day := galien.DateOf(testDay)
	request := Request{Action: CountCohort, Snapshot: "s", Subject: "q"}
	absent := func(id string) string {
		t.Helper()
		p, err := d.gate.Allow(ctx, id, request)
		if err != nil {
			t.Fatal(err)
		}
		all, err := d.gate.AllowAll(ctx, id, []Request{request})
		if err != nil || all[0].Refusal != nil {
			t.Fatal(err, all[0].Refusal)
		}
		if q := all[0].Permitted; !slices.Equal(q.Scope().Opposed, p.Scope().Opposed) || q.OppositionsAsOf() != p.OppositionsAsOf() {
			t.Error("one question and several are asked under another ledger")
		}
		return fmt.Sprint(p.Scope().Opposed)
	}
	asOf := int64(-1)
	for _, c := range []struct {
		name    string
		do      func() (int64, error)
		changed int64
		a, b    string
	}{
		{"nobody", func() (int64, error) { return 0, nil }, 0, "[]", "[]"},
		{"two, to everything", func() (int64, error) {
			return d.store.Oppose(ctx, []galien.PersonID{9, 3}, Everything, ByPerson, day, d.now, "marie")
		}, 2, "[3 9]", "[3 9]"},
		{"one of them again, and one to a permit", func() (int64, error) {
			n, err := d.store.Oppose(ctx, []galien.PersonID{9}, Everything, ByParents, day, d.now, "marie")
			m, err2 := d.store.Oppose(ctx, []galien.PersonID{5, 3}, a, ByRepresentative, day, d.now, "marie")
			return n + m, errors.Join(err, err2)
		}, 2, "[3 5 9]", "[3 9]"},
		{"one withdraws from everything, and not from the permit", func() (int64, error) {
			return d.store.Withdraw(ctx, []galien.PersonID{3, 4}, Everything, d.now, "marie")
		}, 1, "[3 5 9]", "[9]"},
		{"a law", func() (int64, error) {
			return 1, d.store.Override(ctx, a, "code de la santé publique, L. 1", d.now, "marie")
		}, 1, "[]", "[9]"},
		{"the law ends", func() (int64, error) { return 1, d.store.EndOverride(ctx, a, d.now, "marie") }, 1, "[3 5 9]", "[9]"},
		{"one comes back", func() (int64, error) {
			return d.store.Oppose(ctx, []galien.PersonID{3}, Everything, ByPerson, day+1, d.now, "marie")
		}, 1, "[3 5 9]", "[3 9]"},
		{"two are erased, one of whom opposed", func() (int64, error) {
			return 2, d.store.Erase(ctx, []galien.PersonID{9, 11}, d.now, "marie")
		}, 2, "[3 5 9 11]", "[3 9 11]"},
		{"one of them withdraws", func() (int64, error) {
			return d.store.Withdraw(ctx, []galien.PersonID{9, 11}, Everything, d.now, "marie")
		}, 1, "[3 5 9 11]", "[3 9 11]"},
		{"a law brings back nobody who was erased", func() (int64, error) {
			return 1, d.store.Override(ctx, a, "code de la santé publique, L. 1", d.now, "marie")
		}, 1, "[9 11]", "[3 9 11]"},
	} {
		n, err := c.do()
		if err != nil || n != c.changed {
			t.Fatalf("%s: %d changed, %v; want %d", c.name, n, err, c.changed)
		}
		if got := absent(a); got != c.a {
			t.Errorf("%s: for the permit that is opposed %s, want %s", c.name, got, c.a)
		}
		if got := absent(b); got != c.b {
			t.Errorf("%s: for another permit %s, want %s", c.name, got, c.b)
		}
		p, _ := d.gate.Allow(ctx, b, request)
		if p.OppositionsAsOf() <= asOf {
			t.Errorf("%s: the ledger is told to be as of %d, as before", c.name, asOf)
		}
		asOf = p.OppositionsAsOf()
	}
	ledger, err := d.store.Oppositions(ctx)
	if err != nil || len(ledger) != 7 {
		t.Fatalf("%d entries, %v", len(ledger), err)
	}
	if first := ledger[1]; first.Person != 3 || first.By != ByPerson || first.Received != day || !first.RecordedAt.Equal(testDay) || !first.WithdrawnAt.Equal(testDay) {
		t.Errorf("the entry that was withdrawn is %+v", first)
	}
	if last := ledger[4]; last.Person != 3 || last.Received != day+1 || !last.WithdrawnAt.IsZero() {
		t.Errorf("the last entry is %+v", last)
	}
	laws, err := d.store.Overrides(ctx)
	if err != nil || len(laws) != 2 || laws[0].Permit != a || laws[0].Law != "code de la santé publique, L. 1" || !laws[0].EndedAt.Equal(testDay) {
		t.Errorf("the overrides are %+v, %v", laws, err)
	}
	if err := d.store.Override(ctx, b, "a law", d.now, "marie"); err != nil {
		t.Error(err)
	}
	if err := d.store.Override(ctx, b, "another law", d.now, "marie"); galien.KindOf(err) != galien.Conflict {
		t.Errorf("a second law: %v, want Conflict", err)
	}
	if err := d.store.EndOverride(ctx, b, d.now, "marie"); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		err  error
		kind galien.Kind
	}{
		"by nobody":                  {second(d.store.Oppose(ctx, nil, Everything, "neighbour", day, d.now, "marie")), galien.Invalid},
		"no permit":                  {second(d.store.Oppose(ctx, nil, "none-00000000", ByPerson, day, d.now, "marie")), galien.NotFound},
		"no law":                     {d.store.Override(ctx, a, " ", d.now, "marie"), galien.Invalid},
		"erased, by opposing":        {second(d.store.Oppose(ctx, []galien.PersonID{3}, Erased, ByPerson, day, d.now, "marie")), galien.NotFound},
		"erased, and withdrawn":      {second(d.store.Withdraw(ctx, []galien.PersonID{11}, Erased, d.now, "marie")), galien.NotFound},
		"no permit to withdraw from": {second(d.store.Withdraw(ctx, []galien.PersonID{3}, "none-00000000", d.now, "marie")), galien.NotFound},
		"no override to end":         {d.store.EndOverride(ctx, b, d.now, "marie"), galien.NotFound},
		"a law for no permit":        {d.store.Override(ctx, "none-00000000", "a law", d.now, "marie"), galien.NotFound},
	} {
		if galien.KindOf(c.err) != c.kind {
			t.Errorf("%s: %v, want %v", name, c.err, c.kind)
		}
	}
}

// TestOppositionBeforeDelivery changes the ledger after a question was allowed:
// the answer is dropped when it may show a person who is now opposed, and only
// then.
func TestOppositionBeforeDelivery(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		change    func(d *desk, id, other string) error
		withdrawn bool
	}{
		"nothing": {func(*desk, string, string) error { return nil }, false},
		"somebody opposes": {func(d *desk, _, _ string) error {
			return oppose(d, 7, Everything)
		}, true},
		"somebody opposes this permit": {func(d *desk, id, _ string) error {
			return oppose(d, 7, id)
		}, true},
		"somebody opposes another": {func(d *desk, _, other string) error {
			return oppose(d, 7, other)
		}, false},
		"one who opposed already": {func(d *desk, id, _ string) error {
			return oppose(d, 3, id)
		}, false},
		"one withdraws": {func(d *desk, _, _ string) error {
			return second(d.store.Withdraw(ctx, []galien.PersonID{3}, Everything, d.now, "marie"))
		}, false},
		"one withdraws and opposes again": {func(d *desk, _, _ string) error {
			err := second(d.store.Withdraw(ctx, []galien.PersonID{3}, Everything, d.now, "marie"))
			return errors.Join(err, oppose(d, 3, Everything))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, "marie")
			valid := strings.Replace(least, "2024-12-31", "2035-12-31", 1)
			id, other := d.grant(t, valid), d.grant(t, strings.Replace(valid, "name: a", "name: b", 1))
			if err := oppose(d, 3, Everything); err != nil {
				t.Fatal(err)
			}
			p, err := d.gate.Allow(ctx, id, Request{Action: CountCohort, Snapshot: "s", Subject: "q"})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.change(d, id, other); err != nil {
				t.Fatal(err)
			}
			for way, err := range map[string]error{"one": d.gate.Deliver(ctx, p, nil), "several": d.gate.DeliverAll(ctx, []Permitted{p}, nil)} {
				if c.withdrawn != (err != nil) || c.withdrawn && galien.KindOf(err) != galien.Conflict {
					t.Errorf("%s: %v; is it to be withdrawn? %v", way, err, c.withdrawn)
				}
			}
		})
	}
	t.Run("an override that ends", func(t *testing.T) {
		d := newDesk(t, "marie")
		id := d.grant(t, strings.Replace(least, "2024-12-31", "2035-12-31", 1))
		if err := errors.Join(oppose(d, 3, Everything), d.store.Override(ctx, id, "a law", d.now, "marie")); err != nil {
			t.Fatal(err)
		}
		p, err := d.gate.Allow(ctx, id, Request{Action: CountCohort, Snapshot: "s", Subject: "q"})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.store.EndOverride(ctx, id, d.now, "marie"); err != nil {
			t.Fatal(err)
		}
		if err := d.gate.Deliver(ctx, p, nil); galien.KindOf(err) != galien.Conflict {
			t.Errorf("%v, want Conflict", err)
		}
	})
}

// oppose enters one person's opposition.
func oppose(d *desk, person galien.PersonID, scope string) error {
	return second(d.store.Oppose(context.Background(), []galien.PersonID{person}, scope, ByPerson, galien.DateOf(testDay), d.now, "marie"))
}

func second(_ int64, err error) error { return err }

// TestStoreOfVersion1 opens a store as the first version made it: its permits
// are there, and oppositions can be entered.
func TestStoreOfVersion1(t *testing.T) {
	ctx := context.Background()
	d := newDesk(t, "marie")
	id := d.grant(t, least)
	granted, err := d.store.Get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "meta.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`CREATE TABLE permit (
	id         TEXT PRIMARY KEY,
	text       TEXT NOT NULL,   -- the YAML file as granted
	granted_at TEXT NOT NULL,   -- RFC 3339, UTC
	granted_by TEXT NOT NULL,
	revoked_at TEXT,            -- null while not revoked
	revoked_by TEXT,
	sum        TEXT NOT NULL    -- SHA-256 of the columns above
) STRICT;
PRAGMA user_version = 1`)
	if err == nil {
		_, err = db.Exec("INSERT INTO permit (id, text, granted_at, granted_by, sum) VALUES (?, ?, ?, ?, ?)",
			id, granted.Text, stamp(granted.GrantedAt), "marie", sum(id, granted.Text, stamp(granted.GrantedAt), "marie", "", ""))
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := OpenStore(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(ctx, id); err != nil {
			t.Error(err)
		}
		if _, err := s.Oppose(ctx, []galien.PersonID{1}, Everything, ByPerson, 0, time.Now(), "marie"); err != nil {
			t.Error(err)
		}
		if n, err := s.Check(ctx); n != 1 || err != nil {
			t.Errorf("%d permits, %v", n, err)
		}
		s.Close()
	}
}
