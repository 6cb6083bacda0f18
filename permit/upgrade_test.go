package permit

import (
	"database/sql"
	"path/filepath"
	"testing"

	"galien"
)

// version2 are the tables as version 2 of the store had them.
const version2 = `
CREATE TABLE permit (
	id TEXT PRIMARY KEY, text TEXT NOT NULL, granted_at TEXT NOT NULL, granted_by TEXT NOT NULL, revoked_at TEXT, revoked_by TEXT, sum TEXT NOT NULL
) STRICT;
CREATE TABLE opposition (
	entry INTEGER PRIMARY KEY, person_id INTEGER NOT NULL, scope TEXT NOT NULL, by TEXT NOT NULL, received TEXT NOT NULL,
	recorded_at TEXT NOT NULL, recorded_by TEXT NOT NULL, withdrawn_at TEXT, withdrawn_by TEXT
) STRICT;
CREATE UNIQUE INDEX opposition_holds ON opposition (person_id, scope) WHERE withdrawn_at IS NULL;
CREATE TABLE opposition_override (
	entry INTEGER PRIMARY KEY, permit TEXT NOT NULL, law TEXT NOT NULL, recorded_at TEXT NOT NULL, recorded_by TEXT NOT NULL, ended_at TEXT, ended_by TEXT
) STRICT;
CREATE UNIQUE INDEX override_holds ON opposition_override (permit) WHERE ended_at IS NULL;
PRAGMA user_version = 2;
INSERT INTO opposition VALUES
	(1, 7, 'all', 'person', '2026-01-02', '2026-01-03T00:00:00.000000000Z', 'jean', NULL, NULL),
	(2, 9, 'all', 'parents', '2026-01-02', '2026-01-03T00:00:00.000000000Z', 'jean', '2026-01-04T00:00:00.000000000Z', 'marie'),
	(4, 9, 'all', 'person', '2026-01-05', '2026-01-05T00:00:00.000000000Z', 'jean', NULL, NULL);
INSERT INTO opposition_override VALUES
	(1, 'p-00000000', 'a law', '2026-01-05T00:00:00.000000000Z', 'olga', '2026-01-06T00:00:00.000000000Z', 'olga'),
	(2, 'q-00000000', 'a law', '2026-01-05T00:00:00.000000000Z', 'olga', NULL, NULL);
`

// TestStoreOfVersion2 opens a store as the second version made it: permits,
// revocations, oppositions and laws are as they were, each row has a checksum, and
// what had been altered is not made good.
func TestStoreOfVersion2(t *testing.T) {
	ctx := t.Context()
	terms, err := Parse([]byte(narrow))
	if err != nil {
		t.Fatal(err)
	}
	other, err := Parse([]byte(named("other")))
	if err != nil {
		t.Fatal(err)
	}
	granted, revoked := stamp(testDay), stamp(testDay.AddDate(0, 0, 1))
	old := func(spoil string) string {
		path := filepath.Join(t.TempDir(), "meta.db")
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(version2); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("INSERT INTO permit VALUES (?, ?, ?, 'marie', NULL, NULL, ?), (?, ?, ?, 'marie', ?, 'jean', ?)",
			terms.ID(), narrow, granted, sum(terms.ID(), narrow, granted, "marie", "", ""),
			other.ID(), named("other"), granted, revoked, sum(other.ID(), named("other"), granted, "marie", revoked, "jean")); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(spoil); err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := old("")
	s, err := OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Get(ctx, terms.ID())
	if err != nil || p.State(testDay) != Active || !p.Ungoverned() || !p.GrantedAt.Equal(testDay) || p.GrantedBy != "marie" || p.Text != narrow {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = s.Get(ctx, other.ID())
	if err != nil || p.State(testDay) != Revoked || p.RevokedBy != "jean" || stamp(p.RevokedAt) != revoked {
		t.Errorf("%+v, %v", p, err)
	}
	persons, asOf, err := s.opposed(ctx, terms.ID())
	if err != nil || len(persons) != 2 || persons[0] != 7 || persons[1] != 9 || asOf != 4+3 { // entries, and what ended
		t.Errorf("%v as of %d, %v", persons, asOf, err)
	}
	if all, err := s.Oppositions(ctx); err != nil || len(all) != 3 || all[1].WithdrawnBy != "marie" || all[1].By != ByParents {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err := s.Overrides(ctx); err != nil || len(all) != 2 || all[0].EndedBy != "olga" || !all[1].EndedAt.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	if n, err := s.Check(ctx); n != 2 || err != nil {
		t.Errorf("%d permits, %v", n, err)
	}
	if n, err := s.Withdraw(ctx, []galien.PersonID{7}, Everything, testDay, "jean"); err != nil || n > 1 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := s.Oppose(ctx, []galien.PersonID{7}, Everything, ByPerson, 0, testDay, "jean"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	s.Close()
	if s, err = OpenStore(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n, err := s.Check(ctx); n != 2 || err != nil {
		t.Errorf("opened again: %d permits, %v", n, err)
	}
	if _, err := OpenStore(old("UPDATE permit SET revoked_at = NULL, revoked_by = NULL")); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("a revocation was taken away: %v", err)
	}
}
