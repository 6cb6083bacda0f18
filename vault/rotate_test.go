package vault

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"galien"
)

// filled is a vault with persons of two sources, identities and raw rows.
func filled(t testing.TB, persons int) (*Vault, string) {
	t.Helper()
	ctx := context.Background()
	v, dir := newVault(t, 1)
	for _, source := range []string{"omop", "pmsi"} {
		keys, err := v.Keys(ctx, source)
		if err != nil {
			t.Fatal(err)
		}
		for i := range persons / 2 {
			keys.Assign(fmt.Sprint("id-", i))
		}
		if err := keys.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		in, err := v.Begin(ctx, source, "a")
		if err != nil {
			t.Fatal(err)
		}
		file, err := in.File(RawFile{Table: "person", Name: "p.csv", SHA256: "aa", Delimiter: ',', Header: "a,b"})
		if err != nil {
			t.Fatal(err)
		}
		for i := range persons / 2 {
			key := fmt.Sprint(i)
			if err := errors.Join(in.Identity("person", key, "name", Seal("name of "+key)), in.Raw(file, int64(i), []byte("row "+key))); err != nil {
				t.Fatal(err)
			}
		}
		if err := in.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return v, dir
}

// links is everything that the vault knows, by its public functions.
func links(t testing.TB, v *Vault) map[string]string {
	t.Helper()
	ctx := context.Background()
	all := map[string]string{}
	ids, err := v.SourceIDs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p, err := v.Pseudonyms("study-1")
	if err != nil {
		t.Fatal(err)
	}
	for key, id := range ids {
		all[fmt.Sprint("person ", key)] = fmt.Sprint(id, " ", p.Person(key))
	}
	for _, source := range []string{"omop", "pmsi"} {
		keys, err := v.Keys(ctx, source)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if key, ok := keys.Lookup(id); ok {
				all[source+" "+id] = fmt.Sprint(key)
			}
		}
		err = errors.Join(
			v.Identities(ctx, source, func(i IdentityValue) error {
				all[source+i.Table+i.Column+i.RowKey.Reveal()] = i.Value.Reveal()
				return nil
			}),
			v.RawRows(ctx, source, func(f RawFile, line int64, raw []byte) error {
				all[fmt.Sprint(source, " raw ", line)] = f.Header + string(raw)
				return nil
			}))
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func sameLinks(t testing.TB, got, want map[string]string) {
	t.Helper()
	lost := 0
	for k, w := range want {
		if got[k] != w {
			lost++
		}
	}
	if lost > 0 || len(got) != len(want) {
		t.Errorf("%d of %d links are lost or changed, and there are %d", lost, len(want), len(got))
	}
}

// stored are the look-ups and elements of the store.
func stored(t testing.TB, v *Vault) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := each(context.Background(), v.db, `SELECT lookup, element FROM person_key`, func(rows *sql.Rows) error {
		var l, e []byte
		err := rows.Scan(&l, &e)
		all[string(l)], all[string(e)] = true, true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRotation takes everything over to new keys. Every element is what the new
// key derives from the identity, though no identity was hashed; what the old
// keys derive is nowhere, and they open nothing.
func TestRotation(t *testing.T) {
	ctx := context.Background()
	const persons = 200
	v, dir := filled(t, persons)
	want := links(t, v)
	old, err := v.ring(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := v.Rotate(ctx, rand.Reader, nil)
	if err != nil || r.Version != 2 || r.Persons != persons || r.Rows != 3*persons+2 || r.Resumed {
		t.Fatalf("%+v, %v", r, err)
	}
	sameLinks(t, links(t, v), want)
	now := stored(t, v)
	for i := range persons / 2 {
		id := fmt.Sprint("id-", i)
		before := derive(old.scalar, message(Opaque, "omop", id))
		l := old.find(personParts("omop", id)...)
		if now[string(before[:])] || now[string(l[:])] {
			t.Fatal("the old key still derives what is stored")
		}
		e, err := v.Element(ctx, Opaque, "omop", Seal(id))
		if err != nil || e.Version != 2 || !now[string(e.value[:])] {
			t.Fatalf("the new key does not derive what is stored (%v)", err)
		}
		if of, err := v.ElementOf(ctx, galien.PersonID(i+1)); err != nil || of != e {
			t.Fatalf("person %d: another element (%v)", i+1, err)
		}
	}
	opened := 0
	for _, table := range sealedTables {
		err := each(ctx, v.db, table.read, func(rows *sql.Rows) error {
			row, err := table.scan(rows)
			if _, e := old.open(row.place, row.sealed); e == nil {
				opened++
			}
			return err
		}, 0, 1<<40, -1)
		if err != nil {
			t.Fatal(err)
		}
	}
	if opened > 0 {
		t.Errorf("the old key opens %d rows", opened)
	}
	// The old keys are not in the store, sealed or not.
	var versions int
	if err := v.db.QueryRow(`SELECT count(DISTINCT version) FROM data_key WHERE version > 0`).Scan(&versions); err != nil || versions != 1 {
		t.Errorf("keys of %d versions are kept (%v)", versions, err)
	}
	v.Close()
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	sameLinks(t, links(t, again), want)
	if s, err := again.Status(ctx); err != nil || s.Version != 2 || s.Rotating || s.Persons != persons {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestRotationHalfWay stops a rotation between two batches: what is asked
// meanwhile is answered from both keys, loads are told to wait, and the next
// call takes the rest over.
func TestRotationHalfWay(t *testing.T) {
	ctx := context.Background()
	const persons = 200
	v, dir := filled(t, persons)
	want := links(t, v)
	rings, err := v.beginRotation(ctx, rand.Reader, 2)
	if err != nil {
		t.Fatal(err)
	}
	factor := curve.NewScalar().Inv(rings[1].scalar)
	factor.Mul(factor, rings[0].scalar)
	// One table is over, half of another too.
	if _, _, err := v.takeOver(ctx, 0, persons/2, rings[1], rings[0], factor); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.takeOver(ctx, 3, 0, rings[1], rings[0], factor); err != nil {
		t.Fatal(err)
	}
	sameLinks(t, links(t, v), want)
	if _, err := v.Begin(ctx, "omop", "b"); galien.KindOf(err) != galien.Busy {
		t.Errorf("a load during a rotation: %v, want Busy", err)
	}
	// A person who comes meanwhile has the new key.
	keys, err := v.Keys(ctx, "omop")
	if err != nil {
		t.Fatal(err)
	}
	late := keys.Assign("late")
	if err := keys.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	v.Close()
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if s, err := again.Status(ctx); err != nil || !s.Rotating || s.Version != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	r, err := again.Rotate(ctx, rand.Reader, nil)
	if err != nil || !r.Resumed || r.Version != 2 || r.Persons != persons/2 {
		t.Errorf("%+v, %v", r, err)
	}
	got := links(t, again)
	if got["omop late"] != fmt.Sprint(late) {
		t.Error("who came during the rotation is lost")
	}
	for _, k := range []string{"omop late", fmt.Sprint("person ", late)} {
		delete(got, k)
	}
	sameLinks(t, got, want)
}

// TestKilledRotation kills a rotation at random instants (GALIEN_CRASH of them)
// until one reaches its end, and compares every link.
func TestKilledRotation(t *testing.T) {
	ctx := context.Background()
	if dir := os.Getenv("GALIEN_ROTATE"); dir != "" {
		v, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("begin")
		if _, err := v.Rotate(ctx, rand.Reader, nil); err != nil {
			t.Fatal(err)
		}
		return
	}
	kills := 3
	if s := os.Getenv("GALIEN_CRASH"); s != "" {
		if _, err := fmt.Sscan(s, &kills); err != nil {
			t.Fatal(err)
		}
	}
	v, dir := filled(t, 1000)
	want := links(t, v)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range kills {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledRotation$")
		cmd.Env = append(os.Environ(), "GALIEN_ROTATE="+dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		// The instants spread over more than a rotation takes on any machine.
		time.Sleep(time.Duration(i*i*1000/kills) * time.Millisecond / time.Duration(kills))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	sameLinks(t, links(t, again), want)
	if _, err := again.Rotate(ctx, rand.Reader, nil); err != nil {
		t.Fatal(err)
	}
	sameLinks(t, links(t, again), want)
	if n, err := again.Check(ctx); err != nil || n != 1000 {
		t.Errorf("Check: %d, %v", n, err)
	}
}

// TestBackup copies a vault while it is open, and puts the copy in the place of
// a lost one.
func TestBackup(t *testing.T) {
	ctx := context.Background()
	v, dir := filled(t, 100)
	want := links(t, v)
	copyTo := filepath.Join(t.TempDir(), "copy.vault")
	if err := v.Backup(ctx, copyTo); err != nil {
		t.Fatal(err)
	}
	if err := v.Backup(ctx, copyTo); galien.KindOf(err) != galien.Conflict {
		t.Errorf("a second backup to the same file: %v, want Conflict", err)
	}
	if info, err := os.Stat(copyTo); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup is %v (%v), want 0600", info.Mode().Perm(), err)
	}
	if n := findIn(t, filepath.Dir(copyTo), []string{"name of 42"}); n > 0 {
		t.Error("the backup holds identities in clear")
	}
	if err := Restore(dir, copyTo); galien.KindOf(err) != galien.Conflict {
		t.Errorf("restore over a vault: %v, want Conflict", err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, storeName)); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, storeName+"-wal")
	if err := os.WriteFile(log, []byte("of the lost vault"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Restore(dir, copyTo); galien.KindOf(err) != galien.Conflict {
		t.Errorf("restore beside the log of the lost vault: %v, want Conflict", err)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if err := Restore(dir, KeyFile(dir)); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("restore of what is no vault: %v, want Corrupt", err)
	}
	if err := Restore(dir, copyTo); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	sameLinks(t, links(t, again), want)
}
