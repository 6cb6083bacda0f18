package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSynthSNDS(t *testing.T) {
	parent := t.TempDir()
	out := filepath.Join(parent, "extraction")
	said := mustRun(t, "synth", "snds", "--persons", "50", "--years", "1", "--seed", "7", "--out", out)
	if !strings.HasPrefix(said, "50 persons, ") {
		t.Errorf("said %q", said)
	}
	for _, f := range []string{"input/snds/REF/IR_BEN_R.csv.gz", "input/snds/PMSI/T_MCO21B.csv.gz", "truth/rules.csv", "README.txt"} {
		if _, err := os.Stat(filepath.Join(out, filepath.FromSlash(f))); err != nil {
			t.Error(err)
		}
	}
	if code, _, stderr := galienRun(t, "", "synth", "snds", "--persons", "5", "--out", out); code != 5 || !strings.Contains(stderr, "not empty") {
		t.Errorf("a folder that is full: exit %d, %s", code, stderr)
	}
	if code, _, _ := galienRun(t, "", "synth", "snds", "--years", "80", "--out", filepath.Join(parent, "new")); code != 2 {
		t.Errorf("80 years: exit %d", code)
	}
	onlyThat(t, parent, "extraction")
}

// An interruption leaves nothing.
func TestSynthSNDSInterrupted(t *testing.T) {
	parent := t.TempDir()
	ctx, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer stop()
	interrupted, cancel := context.WithCancel(context.Background())
	go func() {
		<-ctx.Done()
		cancel()
	}()
	var b bytes.Buffer
	code := run(interrupted, []string{"synth", "snds", "--persons", "1000000", "--out", filepath.Join(parent, "extraction")}, strings.NewReader(""), &b, &b)
	if code != 130 {
		t.Errorf("exit %d, %s", code, b.String())
	}
	onlyThat(t, parent, "")
}

// onlyThat checks what a folder holds: one name, or nothing.
func onlyThat(t *testing.T, dir, want string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}
