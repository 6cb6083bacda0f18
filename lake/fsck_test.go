package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien"
)

// lakeFiles returns the paths of all files of a lake but its lock, relative to
// its folder.
func lakeFiles(t *testing.T, l *Lake) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(l.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockName {
			return err
		}
		name, err := filepath.Rel(l.Dir(), path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// named reports whether some problem is about a file.
func named(problems []string, name string) bool {
	for _, p := range problems {
		if strings.HasPrefix(p, name+": ") {
			return true
		}
	}
	return false
}

// Every file of a lake with three snapshots, damaged in each of the ways that
// disks and hands have, is named by fsck, and reading stops at it or gives what
// was written: never a panic, never other rows.
func TestFsckNamesEveryDamage(t *testing.T) {
	l := newLake(t)
	first, _ := commit(t, l, 300)
	commit(t, l, 5)
	commit(t, l, 7)
	ways := map[string]func(b []byte) []byte{
		"deleted":   nil,
		"emptied":   func(b []byte) []byte { return nil },
		"truncated": func(b []byte) []byte { return b[:len(b)-1] },
		"extended":  func(b []byte) []byte { return append(b, '\n') },
	}
	for i := range 8 {
		ways[fmt.Sprintf("bit flipped at %d/8", i)] = func(b []byte) []byte {
			b[(len(b)-1)*i/7] ^= 1 << i
			return b
		}
	}
	for _, name := range lakeFiles(t, l) {
		path := l.path(filepath.FromSlash(name))
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for way, change := range ways {
			if change == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, change(bytes.Clone(good)), fileMode)
			}
			if err != nil {
				t.Fatal(err)
			}
			damage, _, _ := problems(t, l)
			if !named(damage, name) {
				t.Errorf("%s %s: fsck says %q", name, way, damage)
			}
			for _, s := range []*Snapshot{first, nil} {
				if s == nil {
					if s, err = l.Current(); err != nil {
						wantKind(t, err, galien.Corrupt)
						continue
					}
				}
				err := s.Read(t.Context(), "person", []string{"person_id"}, func([]any) error { return nil })
				if err != nil && galien.KindOf(err) != galien.Corrupt {
					t.Errorf("%s %s: read: %v", name, way, err)
				}
			}
		}
		if err := os.WriteFile(path, good, fileMode); err != nil {
			t.Fatal(err)
		}
	}
	if damage, notes, err := problems(t, l); err != nil || len(damage)+len(notes) > 0 {
		t.Errorf("with all files restored: %q %q %v", damage, notes, err)
	}
}

// forge replaces the manifest of a lake's only snapshot, with the id, record
// and CURRENT that belong to the new one, as no accident would.
func forge(t *testing.T, l *Lake, change func(m *Manifest)) {
	t.Helper()
	s, err := l.Current()
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.head()
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.commit(h.seq, h.record)
	if err != nil {
		t.Fatal(err)
	}
	change(&s.Manifest)
	manifest, err := encode(s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(l.path(snapshotsDir, s.ID+".json")); err != nil {
		t.Fatal(err)
	}
	c.Snapshot, c.Manifest = snapshotID(manifest), hash(manifest)
	record, err := encode(c)
	if err != nil {
		t.Fatal(err)
	}
	h.record = hash(record)
	for name, content := range map[string][]byte{
		filepath.Join(snapshotsDir, c.Snapshot+".json"):      manifest,
		filepath.Join(commitsDir, commitName(c.Seq)+".json"): record,
		currentName: h.bytes(),
	} {
		if err := os.WriteFile(l.path(name), content, fileMode); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFsckCountsRows(t *testing.T) {
	l := newLake(t)
	commit(t, l, 5)
	var file string
	forge(t, l, func(m *Manifest) {
		person := &m.Tables[1]
		person.Files[0].Rows++
		person.Rows++
		m.Persons++
		file = filesDir + "/" + person.Files[0].Name
	})
	damage, _, _ := problems(t, l)
	if len(damage) != 1 || !named(damage, file) || !strings.Contains(damage[0], "5 rows instead of 6") {
		t.Errorf("fsck: %q", damage)
	}
}

func TestFsckChecksTheManifestAgainstItself(t *testing.T) {
	l := newLake(t)
	commit(t, l, 5)
	forge(t, l, func(m *Manifest) { m.Persons++ })
	damage, _, _ := problems(t, l)
	if len(damage) != 1 || !strings.Contains(damage[0], "7 persons, 6 rows") {
		t.Errorf("fsck: %q", damage)
	}
}

func TestFsckDanglingCurrent(t *testing.T) {
	l := newLake(t)
	commit(t, l, 5)
	h, err := l.head()
	if err != nil {
		t.Fatal(err)
	}
	h.seq++
	if err := os.WriteFile(l.path(currentName), h.bytes(), fileMode); err != nil {
		t.Fatal(err)
	}
	_, err = l.Current()
	wantKind(t, err, galien.Corrupt)
	if damage, _, _ := problems(t, l); !named(damage, "commits/00000002.json") {
		t.Errorf("fsck: %q", damage)
	}
}

// A record that fits no chain is damage even where every other file is whole.
func TestFsckFollowsTheChain(t *testing.T) {
	l := newLake(t)
	commit(t, l, 5)
	commit(t, l, 6)
	path := l.path(commitsDir, "00000001.json")
	record, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := bytes.Replace(record, []byte("6 persons"), []byte("9 persons"), 1)
	if bytes.Equal(edited, record) {
		t.Fatal("nothing edited")
	}
	if err := os.WriteFile(path, edited, fileMode); err != nil {
		t.Fatal(err)
	}
	if damage, _, _ := problems(t, l); len(damage) != 1 || !named(damage, "commits/00000001.json") {
		t.Errorf("fsck: %q", damage)
	}
}

func TestFsckMissingFolder(t *testing.T) {
	l := newLake(t)
	commit(t, l, 5)
	if err := os.RemoveAll(l.path(filesDir)); err != nil {
		t.Fatal(err)
	}
	if damage, _, _ := problems(t, l); len(damage) != 3 || !named(damage, filesDir) {
		t.Errorf("fsck: %q", damage)
	}
}

func TestFsckStops(t *testing.T) {
	l := newLake(t)
	commit(t, l, 5)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Fsck(ctx, func(Problem) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("fsck with its context done: %v", err)
	}
}
