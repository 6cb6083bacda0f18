package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien"
)

// What a killed process left is removed by the next, and what a living one
// uses is not.
func TestScratch(t *testing.T) {
	parent := t.TempDir()
	used, err := newScratch(parent, "tmp-")
	if err != nil {
		t.Fatal(err)
	}
	dead, err := newScratch(parent, "tmp-")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dead.dir, "rows.csv"), []byte("rows"))
	if err := dead.lock.Close(); err != nil { // as the end of its process does
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(parent, "tmp-file"), nil)
	if err := os.Mkdir(filepath.Join(parent, "other"), 0o700); err != nil {
		t.Fatal(err)
	}
	next, err := newScratch(parent, "tmp-")
	if err != nil {
		t.Fatal(err)
	}
	next.remove()
	var names []string
	entries, err := os.ReadDir(parent)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got, want := strings.Join(names, " "), strings.Join([]string{"other", filepath.Base(used.dir), "tmp-file"}, " "); err != nil || got != want && got != "other tmp-file "+filepath.Base(used.dir) {
		t.Errorf("left: %s (%v), want %s", got, err, want)
	}
}

// An answer never lands inside the hub, by whatever way it is named.
func TestOutputStaysOutsideTheHub(t *testing.T) {
	dir := t.TempDir()
	hub := filepath.Join(dir, "hub")
	for _, d := range []string{filepath.Join(hub, "lake"), filepath.Join(hub, "empty"), filepath.Join(dir, "hub2")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(hub, "lake"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]galien.Kind{
		"hub": galien.Conflict, "hub/empty": galien.Invalid, "hub/lake/files/out": galien.Invalid,
		"link/out": galien.Invalid, "hub2/../hub/new": galien.Invalid, "file/out": galien.Invalid,
	} {
		writeFile(t, filepath.Join(dir, "file"), nil)
		if err := checkOutput(hub, filepath.Join(dir, path)); err == nil || galien.KindOf(err) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"hub2", "hub2/out", "hubs/out", "new"} {
		if err := checkOutput(hub, filepath.Join(dir, path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Of two commands that answer into the same folder, the first wins.
func TestOutputIsNotReplaced(t *testing.T) {
	hub, dir := t.TempDir(), filepath.Join(t.TempDir(), "out")
	var outputs [2]*output
	for i := range outputs {
		o, err := newOutput(hub, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer o.discard()
		writeFile(t, o.path(strings.Repeat("x", i+1)), nil)
		outputs[i] = o
	}
	if err := outputs[0].deliver(); err != nil {
		t.Fatal(err)
	}
	if err := outputs[1].deliver(); galien.KindOf(err) != galien.Conflict || err == nil {
		t.Errorf("the second: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); err != nil {
		t.Errorf("the first answer: %v", err)
	}
}

// The names of a definition's rules reach the terminal as plain text.
func TestStepsArePrintable(t *testing.T) {
	var b strings.Builder
	if err := printSteps(&b, []shownStep{{Step: "rule \x1b[2J\nx", Events: 1, Persons: 1}}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "\x1b") || !strings.Contains(b.String(), "rule  [2J x") {
		t.Errorf("%q", b.String())
	}
}
