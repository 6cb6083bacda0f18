package audit

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"galien"
)

// wholeLog makes a small log that has a file of every kind: entries, one of them
// removed, lists of persons, a witness and what it cosigned. It returns its
// folder and a checkpoint of some entries before the last, kept elsewhere.
func wholeLog(t *testing.T) (dir string, kept []byte) {
	t.Helper()
	ctx := context.Background()
	l, dir := newLog(t, 1)
	w := newWitness(t, l)
	if err := l.SetWitnesses(ctx, sample(1), Witnesses{Quorum: 1, Keys: []string{w.public}}); err != nil {
		t.Fatal(err)
	}
	answered(t, l, 2, persons(1, 2, 3), persons(2))
	w.visit(t, l)
	kept = read(t, dir, checkpointFile)
	limits := map[Class]time.Time{Access: testTime.Add(time.Second)}
	if _, err := l.Retain(ctx, sample(3), limits, true); err != nil {
		t.Fatal(err)
	}
	appendLast(t, l)
	if err := intact(dir, kept); err != nil {
		t.Fatal(err)
	}
	return dir, kept
}

func appendLast(t *testing.T, l *Log) {
	t.Helper()
	e := sample(4)
	e.Outcome = "denied"
	if _, err := l.Append(context.Background(), e); err != nil {
		t.Fatal(err)
	}
}

// intact is galien audit verify --from.
func intact(dir string, from []byte) error {
	l, err := Open(dir)
	if err != nil {
		return err
	}
	if _, err := l.Verify(context.Background()); err != nil {
		return err
	}
	_, err = l.Extends(context.Background(), from)
	return err
}

// files returns the contents of a log folder, but the lock's.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockFile {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil {
			all[name], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every bit of every file of the log, flipped alone, is found; so is every file
// that is cut to any shorter length, or removed. Without GALIEN_TAMPER=all it is
// one bit of each byte.
func TestEveryBitIsVouchedFor(t *testing.T) {
	dir, kept := wholeLog(t)
	all := files(t, dir)
	if len(all) != 10 {
		t.Fatalf("%d files; each kind is to be here: %q", len(all), slices.Sorted(keys(all)))
	}
	bits := 0
	for name, whole := range all {
		found := func(b []byte, what string) {
			write(t, dir, name, b)
			if err := intact(dir, kept); galien.KindOf(err) != galien.Corrupt {
				t.Errorf("%s, %s: got %v, want damage", name, what, err)
			}
		}
		b := bytes.Clone(whole)
		for i := range b {
			for bit := range 8 {
				if bit != i%8 && os.Getenv("GALIEN_TAMPER") != "all" {
					continue
				}
				b[i] ^= 1 << bit
				found(b, fmt.Sprintf("bit %d of byte %d", bit, i))
				b[i] ^= 1 << bit
				bits++
			}
		}
		for n := range whole {
			found(whole[:n], fmt.Sprintf("cut to %d bytes", n))
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := intact(dir, kept); galien.KindOf(err) != galien.Corrupt && !lostVoluntarily(name) {
			t.Errorf("%s removed: got %v, want damage", name, err)
		}
		write(t, dir, name, whole)
	}
	if err := intact(dir, kept); err != nil {
		t.Fatalf("put back: %v", err)
	}
	t.Logf("%d bits", bits)
}

// lostVoluntarily reports whether the log is whole without the file: what a
// witness signed is a copy of what the witness has.
func lostVoluntarily(name string) bool { return strings.HasPrefix(name, cosignedDir) }

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Every line removed, every two swapped, every line inserted anywhere, and every
// number of lines left, is found: with the rest of the log as it was, and with
// all of it made again and signed by the hub's own key, stolen.
func TestEveryRearrangementIsFound(t *testing.T) {
	dir, kept := wholeLog(t)
	whole := read(t, dir, entriesFile)
	original := files(t, dir)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	lines = lines[:len(lines)-1]
	was, _, err := openCheckpoint(kept, verifierOf(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	covered := int(was.Entries)
	cases := 0
	try := func(what string, changed [][]byte, touches int) {
		cases++
		write(t, dir, entriesFile, bytes.Join(changed, nil))
		if err := intact(dir, kept); galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%s: got %v, want damage", what, err)
		}
		if touches < covered {
			forge(t, dir, changed)
			if err := intact(dir, kept); galien.KindOf(err) != galien.Corrupt {
				t.Errorf("%s, signed again: got %v, want damage", what, err)
			}
			for _, name := range []string{hashesFile, checkpointFile} {
				write(t, dir, name, original[name])
			}
		}
		write(t, dir, entriesFile, whole)
	}
	for i := range lines {
		try(fmt.Sprintf("line %d removed", i), slices.Delete(slices.Clone(lines), i, i+1), i)
		for j := range i {
			swapped := slices.Clone(lines)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			try(fmt.Sprintf("lines %d and %d swapped", j, i), swapped, j)
		}
		for j := range len(lines) {
			first := j // the first line that is another
			if i == j {
				first++
			}
			if first == len(lines) {
				continue // one whole line after the last is what a crash leaves
			}
			try(fmt.Sprintf("line %d inserted before line %d", i, j), slices.Insert(slices.Clone(lines), j, lines[i]), first)
		}
		try(fmt.Sprintf("cut to %d lines", i), lines[:i], i)
	}
	try("two lines at the end", append(slices.Clone(lines), lines[0], lines[1]), len(lines))
	if err := intact(dir, kept); err != nil {
		t.Fatalf("put back: %v", err)
	}
	t.Logf("%d cases, of which those before entry %d signed again too", cases, covered)
}

func verifierOf(t *testing.T, dir string) note.Verifier {
	t.Helper()
	l, err := openKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l.verifier
}

// forge makes hashes and a checkpoint for the lines, with the hub's own key.
func forge(t *testing.T, dir string, lines [][]byte) {
	t.Helper()
	l, err := openKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, hashesFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size := 0
	tree := hashTree{f}
	for i, line := range lines {
		_, h, _ := readLine(line)
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), h, tree)
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		for _, h := range hashes {
			b = append(b, h[:]...)
		}
		if _, err := f.WriteAt(b, tlog.StoredHashIndex(0, int64(i))*tlog.HashSize); err != nil {
			t.Fatal(err)
		}
		size += len(line)
	}
	root, err := tlog.TreeHash(int64(len(lines)), tree)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.writeCheckpoint(int64(len(lines)), int64(size), root); err != nil {
		t.Fatal(err)
	}
}

// The whole folder put back as it was earlier, or another log grown from an
// earlier moment and signed by the same key, verifies by itself: the checkpoint
// kept elsewhere finds it, and so does the witness.
func TestRollBackAndForkAreFound(t *testing.T) {
	ctx := context.Background()
	l, dir := newLog(t, 3)
	w := newWitness(t, l)
	if err := l.SetWitnesses(ctx, sample(3), Witnesses{Quorum: 1, Keys: []string{w.public}}); err != nil {
		t.Fatal(err)
	}
	older := files(t, dir)
	for i := 4; i < 8; i++ {
		appendSample(t, l, i)
	}
	w.visit(t, l)
	kept := read(t, dir, checkpointFile)

	if err := os.RemoveAll(filepath.Join(dir, cosignedDir)); err != nil { // as whoever puts it back would
		t.Fatal(err)
	}
	for name, b := range older {
		write(t, dir, name, b)
	}
	old, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Verify(ctx); err != nil {
		t.Fatalf("an older folder is whole by itself: %v", err)
	}
	if _, err := old.Extends(ctx, kept); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("rolled back: %v, want damage", err)
	}
	w.mustRefuse(t, old, galien.Corrupt)
	for i := 4; i < 10; i++ { // it grows past what was seen, with other entries
		e := sample(i)
		e.Actor = "jean"
		if _, err := old.Append(ctx, e); err != nil {
			t.Fatal(err)
		}
		if _, err := old.Verify(ctx); err != nil {
			t.Fatalf("a fork is whole by itself: %v", err)
		}
		if _, err := old.Extends(ctx, kept); galien.KindOf(err) != galien.Corrupt {
			t.Errorf("a fork of %d entries: %v, want damage", i+1, err)
		}
		w.mustRefuse(t, old, galien.Corrupt)
	}
	if _, err := old.AddCosignature(ctx, w.signed); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("a fork takes the cosignature of the log it left: %v", err)
	}
}
