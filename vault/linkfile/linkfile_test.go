package linkfile

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/vault"
	"galien/vault/link"
)

var when = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// masked is a box whose values can be told from clear text, and that refuses
// a value at another place.
type masked struct{}

func (masked) Seal(place string, value []byte) []byte {
	out := []byte(place + "\x00" + string(value))
	for i := range out {
		out[i] ^= 0x5a
	}
	return out
}

func (m masked) Open(place string, sealed []byte) ([]byte, error) {
	clear := bytes.Clone(sealed)
	for i := range clear {
		clear[i] ^= 0x5a
	}
	value, ok := bytes.CutPrefix(clear, []byte(place+"\x00"))
	if !ok {
		return nil, galien.Errorf(galien.Corrupt, "another place")
	}
	return value, nil
}

// ledgerOf opens the ledger of a file, and closes it with the test.
func ledgerOf(t *testing.T, path string) (*link.Ledger, *Store) {
	t.Helper()
	store, err := Open(path, masked{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	l, err := link.OpenLedger(store)
	if err != nil {
		t.Fatal(err)
	}
	return l, store
}

// fill writes a run of two links and a decision.
func fill(t *testing.T, path string) {
	t.Helper()
	l, store := ledgerOf(t, path)
	k := link.New("a", "b", link.Options{})
	for i, nir := range []string{"1870331555123", "2870331555124"} {
		x := link.Traits{Numbers: []link.Number{{System: link.Own, Value: nir}}}
		for side, name := range map[*link.Side]string{k.A: "a", k.B: "b"} {
			if err := side.Add(vault.Seal(name+string(rune('0'+i))+"é\n"), x); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := k.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Record(r, when, "ada"); err != nil {
		t.Fatal(err)
	}
	if err := l.Decide(2, link.Undone, when, "ada", "two persons"); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	fill(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v; only the owner may read it", info.Mode(), err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, clear := range []string{"a0", "b1", "two persons"} {
		if bytes.Contains(b, []byte(`"`+clear)) {
			t.Errorf("the file holds %q in clear", clear)
		}
	}
	l, _ := ledgerOf(t, path)
	entries := l.Entries()
	if len(entries) != 2 || entries[0].State != link.StateAccepted || entries[1].State != link.StateUndone || entries[0].A.Reveal() != "a0é\n" || entries[0].B.Reveal() != "b0é\n" {
		t.Errorf("read again, the links are %d and not what was written", len(entries))
	}
	if runs := l.Runs(); len(runs) != 1 || runs[0].Report.ByNumber != 2 || !runs[0].Time.Equal(when) {
		t.Errorf("%d runs, not what was written", len(runs))
	}
}

// TestCutShort cuts the file at many bytes: what is read is the state after
// some whole batch, and the file takes new events.
func TestCutShort(t *testing.T) {
	whole := filepath.Join(t.TempDir(), Name)
	fill(t, whole)
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(b, []byte("\n"))
	if lines != 4 {
		t.Fatalf("%d lines, want a run, two links and a decision", lines)
	}
	firstBatch := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
	path := filepath.Join(t.TempDir(), Name)
	for n := range len(b) + 1 {
		// Every seventh byte, and all around the ends of lines.
		if n%7 > 0 && n != firstBatch+5 && !bytes.Contains(b[max(0, n-2):min(n+2, len(b))], []byte("\n")) {
			continue
		}
		if err := os.WriteFile(path, b[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		l, store := ledgerOf(t, path)
		want := 0
		if n >= firstBatch {
			want = 2
		}
		if got := len(l.Entries()); got != want {
			t.Fatalf("cut at %d: %d links, want %d", n, got, want)
		}
		if n == firstBatch+5 {
			if err := l.Decide(1, link.Undone, when, "ada", "x"); err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			again, reopened := ledgerOf(t, path)
			if again.Entries()[0].State != link.StateUndone {
				t.Error("what was written after a cut is not read")
			}
			reopened.Close()
		}
		store.Close()
	}
}

// TestTampered changes each line, and takes each out but the last: all is
// found.
func TestTampered(t *testing.T) {
	whole := filepath.Join(t.TempDir(), Name)
	fill(t, whole)
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(b), "\n"), "\n")
	damaged := map[string]string{"another format": strings.Replace(string(b), `"format":1`, `"format":2`, 1), "no JSON": "x\n" + string(b)}
	for i := range len(lines) - 1 {
		changed := append([]string{}, lines...)
		changed[i] = strings.Replace(changed[i], "ada", "bob", 1)
		damaged["changed "+string(rune('0'+i))] = strings.Join(changed, "") + "\n"
		damaged["without "+string(rune('0'+i))] = strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "") + "\n"
	}
	for name, text := range damaged {
		path := filepath.Join(t.TempDir(), Name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := Open(path, masked{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := link.OpenLedger(store); galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%s: %v, want damage", name, err)
		}
		store.Close()
	}
}

func TestOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	_, store := ledgerOf(t, path)
	if _, err := Open(path, masked{}); galien.KindOf(err) != galien.Busy {
		t.Errorf("opened twice: %v, want busy", err)
	}
	store.Close()
	_, again := ledgerOf(t, path)
	again.Close()
}

// TestFormat1 reads a file that the first version wrote.
func TestFormat1(t *testing.T) {
	b, err := os.ReadFile("testdata/format1.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), Name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := ledgerOf(t, path)
	var got []link.State
	for _, e := range l.Entries() {
		got = append(got, e.State)
	}
	if want := []link.State{link.StateAccepted, link.StateUndone}; !reflect.DeepEqual(got, want) {
		t.Errorf("the links are %v, want %v", got, want)
	}
	if e := l.Entries()[0]; e.A.Reveal() != "a0é\n" || e.Path != link.ByNumber || len(e.Reasons) == 0 {
		t.Error("the first link is not what was written")
	}
}

// TestForget forgets a record: its link has a number and a state alone, the other
// has all that it had, and the file, of which no byte tells the ids, takes new
// events.
func TestForget(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	fill(t, path)
	l, store := ledgerOf(t, path)
	n, err := l.Forget(func(source string, record vault.Identity) bool { return source == "b" && record.Reveal() == "b1é\n" })
	if err != nil || n != 1 {
		t.Fatalf("%d links forgotten, %v", n, err)
	}
	check := func(l *link.Ledger) {
		t.Helper()
		entries := l.Entries()
		if len(entries) != 2 || entries[0].State != link.StateAccepted || entries[0].A.Reveal() != "a0é\n" || len(entries[0].Reasons) == 0 {
			t.Errorf("the other link is not what it was")
		}
		if e := entries[1]; e.State != link.StateForgotten || e.A.Reveal() != "" || e.B.Reveal() != "" || e.Reasons != nil || e.Human {
			t.Errorf("something is left of the link: state %s", e.State)
		}
	}
	check(l)
	if err := l.Decide(2, link.Restored, when, "ada", "x"); galien.KindOf(err) != galien.NotFound {
		t.Errorf("a decision about it: %v", err)
	}
	if err := l.Decide(1, link.Undone, when, "ada", "x"); err != nil {
		t.Fatal(err)
	}
	if err := l.Decide(1, link.Restored, when, "ada", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, masked{}); galien.KindOf(err) != galien.Busy {
		t.Errorf("the new file is not locked: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ := ledgerOf(t, path)
	check(again)
	if n, err := again.Forget(func(_ string, record vault.Identity) bool { return record.Reveal() == "b1é\n" }); err != nil || n != 0 {
		t.Errorf("forgotten twice: %d, %v", n, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Of the events of link 2 none has anything sealed.
	for _, line := range bytes.Split(b, []byte("\n")) {
		if bytes.Contains(line, []byte(`"link":2`)) && (bytes.Contains(line, []byte(`"a":`)) || bytes.Contains(line, []byte(`"why":`)) || bytes.Contains(line, []byte(`"reasons":`))) {
			t.Errorf("something is left in the file")
		}
	}
	// A run of the same sources finds the pair again, as a new link.
	k := link.New("a", "b", link.Options{})
	for i, nir := range []string{"1870331555123", "2870331555124"} {
		x := link.Traits{Numbers: []link.Number{{System: link.Own, Value: nir}}}
		for side, name := range map[*link.Side]string{k.A: "a", k.B: "b"} {
			if err := side.Add(vault.Seal(name+string(rune('0'+i))+"é\n"), x); err != nil {
				t.Fatal(err)
			}
		}
	}
	again.Prepare(k)
	r, err := k.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Record(r, when, "ada"); err != nil {
		t.Fatal(err)
	}
	if entries := again.Entries(); len(entries) != 3 || entries[1].State != link.StateForgotten || entries[2].State != link.StateAccepted {
		t.Errorf("after a new run there are %d links", len(entries))
	}
}
