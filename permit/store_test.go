package permit

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"galien"
)

func TestStoreRoundTrip(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a folder with ?%# signs", "meta.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := CreateStore(path)
	if err != nil {
		t.Fatal(err)
	}
	terms, err := Parse([]byte(narrow))
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.Grant(ctx, terms, []byte(narrow), testDay, "marie")
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Grant(ctx, terms, []byte("# same terms\n"+narrow), testDay.Add(time.Hour), "jean")
	if err != nil || again != id {
		t.Fatalf("granted twice: %s, %v", again, err)
	}
	if _, err := s.Grant(ctx, terms, []byte(least), testDay, "marie"); err == nil {
		t.Error("stored a text that is not that of the terms")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateStore(path); galien.KindOf(err) != galien.Conflict {
		t.Errorf("create over a store: %v", err)
	}
	if s, err = OpenStore(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p, err := s.Get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != id || p.Text != narrow || p.Terms.Name != "narrow" || !p.GrantedAt.Equal(testDay) || p.GrantedBy != "marie" || !p.RevokedAt.IsZero() {
		t.Errorf("%+v", p)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := s.Get(ctx, "narrow-00000000"); galien.KindOf(err) != galien.NotFound {
		t.Errorf("unknown id: %v", err)
	}
}

func TestStoreListsInOrder(t *testing.T) {
	d := newDesk(t, "marie")
	var want []string
	for _, name := range []string{"c", "a", "b"} {
		want = append(want, d.grant(t, strings.Replace(least, "name: a", "name: "+name, 1)))
		d.now = d.now.Add(time.Second)
	}
	all, err := d.store.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range all {
		got = append(got, p.ID)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestStoreOfSomethingElse(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenStore(filepath.Join(dir, "absent.db")); galien.KindOf(err) != galien.NotFound {
		t.Errorf("absent: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "absent.db")); err == nil {
		t.Error("opening made a file")
	}
	path := filepath.Join(dir, "text.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(path); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("text: %v", err)
	}
	path = filepath.Join(dir, "empty.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(path); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("empty: %v", err)
	}
}

// TestAlteredTermsAreNoticed widens a permit in the store behind Galien's back.
func TestAlteredTermsAreNoticed(t *testing.T) {
	d := newDesk(t, "marie")
	id := d.grant(t, narrow)
	db, err := sql.Open("sqlite", filepath.Join(d.dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE permit SET text = replace(text, '2026-12-31', '2036-12-31')"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.gate.Allow(context.Background(), id, request(CountCohort, nil)); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("altered terms: %v", err)
	}
	if e, _ := d.last(t); e.Outcome != "denied" {
		t.Errorf("entry %+v", e)
	}
}

func TestStoreServesSeveralProcessesAtOnce(t *testing.T) {
	d := newDesk(t, "marie")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s, err := OpenStore(filepath.Join(d.dir, "meta.db"))
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			for j := range 5 {
				text := strings.Replace(least, "name: a", "name: "+strings.Repeat("x", i+1)+strings.Repeat("y", j+1), 1)
				terms, err := Parse([]byte(text))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Grant(context.Background(), terms, []byte(text), testDay, "marie"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if all, err := d.store.List(context.Background()); err != nil || len(all) != 20 {
		t.Errorf("%d permits, %v", len(all), err)
	}
}

// Terms changed behind the store's back, and a broken page, are damage.
func TestStoreCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	s, err := CreateStore(path)
	if err != nil {
		t.Fatal(err)
	}
	terms, err := Parse([]byte(narrow))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Grant(t.Context(), terms, []byte(narrow+"# a comment\n"), time.Unix(0, 0), "marie"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Check(t.Context()); n != 1 || err != nil {
		t.Errorf("a sound store: %d permits, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// In the terms, in a comment, in the account that granted, in the date.
	for _, what := range []string{"purpose_kind", "# ", "marie", stamp(time.Unix(0, 0))} {
		at := bytes.LastIndex(b, []byte(what))
		if at < 0 {
			t.Fatalf("%q is not in the file", what)
		}
		altered := bytes.Clone(b)
		altered[at] ^= 1
		if err := os.WriteFile(path, altered, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenStore(path)
		if err == nil {
			_, err = s.Check(t.Context())
			_ = s.Close()
		}
		if galien.KindOf(err) != galien.Corrupt {
			t.Errorf("a bit of %q flipped: %v", what, err)
		}
	}
}
