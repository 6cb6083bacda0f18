package lake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"galien"
)

// crash ends a transaction as the end of its process would: the system drops
// the lock, and everything else stays as it is.
func (t *Tx) crash() { _ = t.lock.Close() }

// attempt commits n+1 persons, by drafting them, and stops before the given durable step, with
// the error of a full disk. It returns the names of the steps reached, and
// whether the commit was stopped. A crash leaves the transaction as it is;
// otherwise it is closed, as a program does after an error.
func attempt(t *testing.T, l *Lake, draft func(testing.TB, *Tx, int64) (Manifest, error), n int64, stop int, crash bool) (steps []string, stopped bool) {
	t.Helper()
	l.fault = func(step string) error {
		steps = append(steps, step)
		if len(steps)-1 == stop {
			return syscall.ENOSPC
		}
		return nil
	}
	defer func() { l.fault = nil }()
	tx, err := l.Begin()
	if err != nil {
		t.Fatal(err)
	}
	m, err := draft(t, tx, n)
	if err == nil {
		_, _, err = tx.Commit(m, "", when)
	}
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("stopped at step %d: the error of the disk did not surface: %v", stop, err)
	}
	if crash && err != nil {
		tx.crash()
	} else if err := tx.Close(); err != nil {
		t.Fatal(err)
	}
	return steps, err != nil
}

// Whatever the step at which a commit ends, and whether by an error or by the
// end of its process, the snapshot before is whole and current, or the new one
// is; fsck finds no damage, and the next commit leaves no trace of it. So it is
// when a table is written whole, and when a layer and removals come to it.
func TestCommitEndsAtEveryStep(t *testing.T) {
	for _, c := range []struct {
		before int64
		draft  func(testing.TB, *Tx, int64) (Manifest, error)
		steps  int
	}{{0, draft, 12}, {4, draft, 12}, {4, draftChange, 14}} {
		for _, crash := range []bool{false, true} {
			begun := func() (*Lake, *Snapshot) {
				l := newLake(t)
				if c.before == 0 {
					return l, nil
				}
				s, _ := commit(t, l, c.before)
				return l, s
			}
			l, _ := begun()
			all, _ := attempt(t, l, c.draft, 6, -1, crash)
			if len(all) < c.steps {
				t.Fatalf("only %d steps: %q", len(all), all)
			}
			for stop := range all {
				name := fmt.Sprintf("after %d persons, stopped before %q, crash %v", c.before, all[stop], crash)
				t.Run(name, func(t *testing.T) {
					l, old := begun()
					steps, stopped := attempt(t, l, c.draft, 6, stop, crash)
					if !stopped {
						t.Fatalf("nothing stopped it: %q", steps)
					}
					l, err := Open(l.Dir())
					if err != nil {
						t.Fatal(err)
					}
					// The rename of CURRENT is the commit; only its sync follows.
					done := all[stop] == "sync "+currentName
					now, err := l.Current()
					switch {
					case done:
						if err != nil || countPersons(t, now) != 7 {
							t.Errorf("after the last rename: %v, %v", now, err)
						}
					case old == nil:
						wantKind(t, err, galien.NotFound)
					case err != nil:
						t.Error(err)
					default:
						if now.ID != old.ID || countPersons(t, now) != c.before+1 {
							t.Errorf("snapshot %s instead of %s", now.ID, old.ID)
						}
					}
					if h, err := l.History(); err != nil || !done && len(h) != min(1, int(c.before)) {
						t.Errorf("history %v, %v", h, err)
					}
					if damage, _, err := problems(t, l); err != nil {
						t.Errorf("fsck: %q %v", damage, err)
					}

					if s, _ := commit(t, l, 6); countPersons(t, s) != 7 {
						t.Error("the next commit is not whole")
					}
					if damage, notes, err := problems(t, l); err != nil || len(notes) > 0 {
						t.Errorf("fsck after the next commit: %q %q %v", damage, notes, err)
					}
				})
			}
		}
	}
}

// What a crash may leave, built by hand: torn files under every name that the
// lake uses for what is not committed.
func TestTornLeftovers(t *testing.T) {
	l := newLake(t)
	s, _ := commit(t, l, 4)
	good, err := os.ReadFile(l.path(filesDir, s.Manifest.Tables[1].Files[0].Name))
	if err != nil {
		t.Fatal(err)
	}
	torn := map[string][]byte{
		"tmp/CURRENT":                                    []byte("000000"),
		"tmp/00000002.json":                              []byte(`{"seq"`),
		"tmp/tx/person-person-0.parquet":                 good[:len(good)/2],
		"commits/00000002.json":                          nil,
		"commits/00000003.json":                          []byte(`{"seq": 3`),
		"snapshots/0123456789abcdef.json":                []byte(`{"format": 1,`),
		"files/person-person-0-0123456789abcdef.parquet": good[:7],
	}
	for name, content := range torn {
		path := l.path(filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, fileMode); err != nil {
			t.Fatal(err)
		}
	}
	foreign := l.path(filesDir, "README.txt")
	if err := os.WriteFile(foreign, nil, fileMode); err != nil {
		t.Fatal(err)
	}

	now, err := l.Current()
	if err != nil || now.ID != s.ID || countPersons(t, now) != 5 {
		t.Errorf("current: %v, %v", now, err)
	}
	if _, err := l.Snapshot("0123456789abcdef"); galien.KindOf(err) != galien.NotFound {
		t.Errorf("an uncommitted manifest is a snapshot: %v", err)
	}
	damage, notes, err := problems(t, l)
	if err != nil {
		t.Errorf("fsck: %q %v", damage, err)
	}
	// The folder tmp/tx counts once for what is in it.
	if len(notes) != len(torn)+1 {
		t.Errorf("fsck notes %q", notes)
	}

	commit(t, l, 6)
	for name := range torn {
		if b, err := os.ReadFile(l.path(filepath.FromSlash(name))); err == nil && string(b) == string(torn[name]) {
			t.Errorf("%s is still there", name)
		}
	}
	damage, notes, err = problems(t, l)
	if err != nil || len(notes) != 1 || !strings.HasPrefix(notes[0], "files/README.txt: ") {
		t.Errorf("fsck after the next commit: %q %q %v", damage, notes, err)
	}
}

// A writer that cannot read the whole history removes no file of it.
func TestDamagedHistoryIsNotCleaned(t *testing.T) {
	l := newLake(t)
	first, _ := commit(t, l, 4)
	commit(t, l, 6)
	if err := os.WriteFile(l.path(snapshotsDir, first.ID+".json"), []byte("{}"), fileMode); err != nil {
		t.Fatal(err)
	}
	commit(t, l, 8)
	for _, f := range first.Manifest.Tables[1].Files {
		if _, err := os.Stat(l.path(filesDir, f.Name)); err != nil {
			t.Error(err)
		}
	}
	now, err := l.Current()
	if err != nil || countPersons(t, now) != 9 {
		t.Errorf("current: %v, %v", now, err)
	}
}
