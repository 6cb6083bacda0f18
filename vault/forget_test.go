package vault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"galien"
)

// brought is a vault with three persons, an identity value of each, of two
// tables, and a quarantined row of each.
func brought(t *testing.T, v *Vault) {
	t.Helper()
	ctx := t.Context()
	keys, err := v.Keys(ctx, "omop")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"41", "42", "43"} {
		keys.Assign(id)
	}
	if err := keys.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	in, err := v.Begin(ctx, "omop", "a")
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"41", "42", "43"} {
		err = errors.Join(err, in.Identity("person", id, "person_source_value", Seal("the number of "+id)),
			in.Identity("location", fmt.Sprint(i), "address_1", Seal("the house of "+id)))
	}
	file, err2 := in.File(RawFile{Table: "death", Name: "d.csv", SHA256: "aa", Delimiter: ',', Header: "person_id"})
	for i, id := range []string{"41", "42", "43"} {
		err = errors.Join(err, in.Raw(file, int64(2+i), []byte("row of "+id)))
	}
	if err := errors.Join(err, err2, in.Commit()); err != nil {
		t.Fatal(err)
	}
}

// TestForget forgets one of three persons in a vault of this process and in one
// that is served: all that told who it was is gone, the others have theirs, and
// nobody gets the key again.
func TestForget(t *testing.T) {
	for name, open := range map[string]func() (*Vault, string){
		"open": func() (*Vault, string) { return newVault(t, 1) },
		"served": func() (*Vault, string) {
			v, dir := newVault(t, 1)
			v.Close()
			return serve(t, dir).Vault, dir
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			v, dir := open()
			brought(t, v)
			f := Forgetting{Source: "omop", IDs: []Identity{Seal("43"), Seal("43")},
				Values: []IdentityValue{{Table: "person", Column: "person_source_value", RowKey: Seal("43")}, {Table: "location", Column: "address_1", RowKey: Seal("2")}},
				Rows:   []RawPlace{{"death", "d.csv", "aa", 4}}}
			bad := f
			bad.IDs = append(slices.Clone(f.IDs), Seal("44"))
			if _, err := v.Forget(ctx, bad); galien.KindOf(err) != galien.NotFound {
				t.Errorf("a number that is nobody's: %v", err)
			}
			before, err := v.Status(ctx)
			if err != nil || before.Persons != 3 || before.Forgotten != 0 {
				t.Fatalf("what failed changed something: %+v, %v", before, err)
			}
			done, err := v.Forget(ctx, f)
			if err != nil || !slices.Equal(done.Persons, []galien.PersonID{3}) || done.Values != 2 || done.Rows != 1 {
				t.Fatalf("%+v, %v", done, err)
			}
			s, err := v.Status(ctx)
			if err != nil || s.Persons != 2 || s.Forgotten != 1 || s.ToPurge != 1 || s.RowsToPurge != 1 || s.Given() != 3 || s.Identities != 4 || s.RawRows != 2 {
				t.Errorf("the status is %+v, %v", s, err)
			}
			if n, err := v.Check(ctx); err != nil || n != 2 {
				t.Errorf("Check: %d, %v", n, err)
			}
			if _, err := v.ElementOf(ctx, 3); galien.KindOf(err) != galien.NotFound {
				t.Errorf("the element is still there: %v", err)
			}
			ids, err := v.SourceIDs(ctx)
			if err != nil || len(ids) != 2 || ids[1] != "41" || ids[2] != "42" {
				t.Errorf("the persons are %v, %v", ids, err)
			}
			left, err := v.Forgotten(ctx)
			if err != nil || !slices.Equal(left.Persons, []galien.PersonID{3}) || !slices.Equal(left.Rows["omop"], f.Rows) {
				t.Errorf("still to be forgotten: %+v, %v", left, err)
			}
			// The same number again is a new person, and the last key was not free.
			keys, err := v.Keys(ctx, "omop")
			if err != nil {
				t.Fatal(err)
			}
			if _, known := keys.Lookup("43"); known {
				t.Error("the number is known")
			}
			if key := keys.Assign("43"); key != 4 {
				t.Errorf("the key %d is given after 3 were", key)
			}
			if err := keys.Commit(ctx); err != nil {
				t.Fatal(err)
			}
			if err := v.Purged(ctx, left); err != nil {
				t.Fatal(err)
			}
			if left, err := v.Forgotten(ctx); err != nil || len(left.Persons)+len(left.Rows) != 0 {
				t.Errorf("after the purge: %+v, %v", left, err)
			}
			if s, err := v.Status(ctx); err != nil || s.Forgotten != 1 || s.ToPurge != 0 || s.RowsToPurge != 0 {
				t.Errorf("after the purge: %+v, %v", s, err)
			}
			if r, err := v.Rotate(ctx, fixed(9), nil); err != nil || r.Persons != 3 {
				t.Errorf("a rotation after it: %+v, %v", r, err)
			}
			if n, err := v.Check(ctx); err != nil || n != 3 {
				t.Errorf("Check: %d, %v", n, err)
			}
			_ = dir
		})
	}
}

// TestForgottenIsOverwritten looks for what a forgotten row was, as it was
// sealed, in every byte of the store and its log.
func TestForgottenIsOverwritten(t *testing.T) {
	ctx := t.Context()
	v, dir := newVault(t, 1)
	brought(t, v)
	var sealed [][]byte
	for _, query := range []string{
		`SELECT sealed FROM person_key WHERE person_id = 3`, `SELECT element FROM person_key WHERE person_id = 3`, `SELECT lookup FROM person_key WHERE person_id = 3`,
		`SELECT sealed FROM identity WHERE row_id = (SELECT max(row_id) FROM identity)`, `SELECT sealed FROM raw_row WHERE line = 4`,
	} {
		var b []byte
		if err := v.db.QueryRow(query).Scan(&b); err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, b)
	}
	there := func() (n int) {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sealed {
				if bytes.Contains(b, s) {
					n++
				}
			}
		}
		return n
	}
	if there() < len(sealed) {
		t.Fatal("the search does not find what is there")
	}
	_, err := v.Forget(ctx, Forgetting{Source: "omop", IDs: []Identity{Seal("43")},
		Values: []IdentityValue{{Table: "location", Column: "address_1", RowKey: Seal("2")}}, Rows: []RawPlace{{"death", "d.csv", "aa", 4}}})
	if err != nil {
		t.Fatal(err)
	}
	if n := there(); n > 0 {
		t.Errorf("%d of what was forgotten are still in the files", n)
	}
}

// TestStoreOfFormat2 opens a store as the format before made it.
func TestStoreOfFormat2(t *testing.T) {
	ctx := t.Context()
	v, dir := newVault(t, 1)
	brought(t, v)
	if _, err := v.db.Exec(`DROP TABLE forgotten; DROP TABLE forgotten_row; PRAGMA user_version = 2`); err != nil {
		t.Fatal(err)
	}
	v.Close()
	for range 2 {
		v, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := v.Status(ctx); err != nil || s.Persons != 3 || s.Forgotten != 0 {
			t.Errorf("%+v, %v", s, err)
		}
		if n, err := v.Check(ctx); err != nil || n != 3 {
			t.Errorf("Check: %d, %v", n, err)
		}
		v.Close()
	}
}
