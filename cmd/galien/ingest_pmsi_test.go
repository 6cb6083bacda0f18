package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien/refdata"
)

// TestIngestPMSI takes a hospital's files, one line of them cut short, through
// the binary: what is said is right, and no number of a patient is in any
// output, nor in any file outside the vault.
func TestIngestPMSI(t *testing.T) {
	dir := filepath.Join(refdata.Dir(t, "snds-truth-small"), "input", "hospital")
	rss, err := os.ReadFile(filepath.Join(dir, "rss122.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(rss, []byte("\n"))
	lines[0] = append(lines[0][:120:120], '\n')
	cut := filepath.Join(t.TempDir(), "rss.txt")
	writeFile(t, cut, bytes.Join(lines, nil))
	vid, err := os.ReadFile(filepath.Join(dir, "vidhospV016.txt"))
	if err != nil {
		t.Fatal(err)
	}

	hub := newTestHub(t)
	var said strings.Builder
	run := func(args ...string) string {
		code, stdout, stderr := galienRun(t, "", args...)
		said.WriteString(stdout + stderr)
		if code != 0 {
			t.Fatalf("%s: exit code %d", args[0], code)
		}
		return stdout
	}
	out := run("ingest", hub, "pmsi", cut, filepath.Join(dir, "vidhospV016.txt"))
	for _, want := range []string{"200 persons from 607 lines, 1 in quarantine", "rss.txt               RSS 122        320", "VID-HOSP V016  287", "wrong_length"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q:\n%s", want, out)
		}
	}
	if out := run("quarantine", hub); !strings.Contains(out, "1 rows of rss.txt: wrong_length") {
		t.Errorf("the quarantine says:\n%s", out)
	}
	if code, _, stderr := galienRun(t, "", "quarantine", hub, "--replay"); code != 2 || !strings.Contains(stderr, "galien ingest the delivery again") {
		t.Errorf("a replay: exit code %d: %s", code, stderr)
	}
	run("ingest", hub, "pmsi", cut, filepath.Join(dir, "vidhospV016.txt"), "--json")
	run("status", hub)
	run("fsck", hub)
	for _, args := range [][]string{
		{"ingest", hub, "pmsi", filepath.Join(dir, "ins_traits.csv")}, {"ingest", hub, "pmsi", cut}, {"ingest", hub, "snds", cut, cut},
		{"ingest", hub, "pmsi", cut, "--without", "D16"},
	} {
		code, stdout, stderr := galienRun(t, "", args...)
		said.WriteString(stdout + stderr)
		if code != 2 {
			t.Errorf("%v: exit code %d, want 2 (invalid): %s", args[2:], code, stderr)
		}
	}
	err = filepath.WalkDir(hub, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if err == nil && e.Name() == "vault" {
				return filepath.SkipDir
			}
			return err
		}
		b, err := os.ReadFile(path)
		said.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := said.String()
	for _, line := range strings.Split(strings.TrimSpace(string(vid)), "\n") {
		for _, number := range []string{line[0:13], strings.TrimSpace(line[28:48]), strings.TrimSpace(line[353:373])} {
			if strings.Trim(number, "0X ") != "" && strings.Contains(all, number) {
				t.Fatal("a number of a patient is outside the vault")
			}
		}
	}
}
