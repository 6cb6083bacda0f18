package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien/synth"
)

// The demonstration goes through from an empty folder, replaces its own folder
// and no other, and leaves a hub whose answers can be asked for again.
func TestDemo(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "galien")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	where := t.TempDir()
	run := func(args ...string) (string, int) {
		t.Helper()
		cmd := exec.Command(binary, args...)
		cmd.Dir = where
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	for _, word := range []string{"All 21 steps", "Replacing the earlier demo"} {
		out, code := run("demo")
		if code != 0 || !strings.Contains(out, word) {
			t.Fatalf("exit code %d, no %q in:\n%s", code, word, out)
		}
		for _, shown := range []string{"the true answer", "withheld", "does not allow measurement", "20 rows are in quarantine", "Nothing changed", "The audit log is whole"} {
			if !strings.Contains(out, shown) {
				t.Errorf("the demo does not show %q", shown)
			}
		}
		checkReadme(t, out)
	}
	if out, code := run("fsck", "demo/hub"); code != 0 {
		t.Errorf("fsck afterwards: exit code %d\n%s", code, out)
	}
	mine := t.TempDir()
	if err := os.WriteFile(filepath.Join(mine, "thesis.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := run("demo", "--dir", mine); code != 5 {
		t.Errorf("a folder of someone else: exit code %d\n%s", code, out)
	}
	if _, err := os.Stat(filepath.Join(mine, "thesis.txt")); err != nil {
		t.Errorf("someone else's file: %v", err)
	}
}

// checkReadme holds the tour of README.md against the demonstration: each
// command and each line of its output must be in it, but for speeds and keys.
func checkReadme(t *testing.T, out string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, ok := strings.Cut(string(text), "## A tour in five minutes")
	tour, _, ok2 := strings.Cut(tour, "\n## ")
	if !ok || !ok2 {
		t.Fatal("README.md has no tour")
	}
	var shown []string
	for line := range strings.Lines(out) {
		shown = append(shown, strings.TrimSpace(line))
	}
	checked := 0
	for line := range strings.Lines(tour) {
		line, isCode := strings.CutPrefix(strings.TrimRight(line, "\n"), "    ")
		line = strings.TrimSpace(line)
		if !isCode || line == "..." || strings.Contains(line, "rows/s") || strings.Contains(line, "root ") {
			continue
		}
		line = strings.ReplaceAll(line, "examples/", "demo/")
		checked++
		if !slices.ContainsFunc(shown, func(s string) bool {
			head, cut := strings.CutSuffix(s, " ...")
			return s == line || cut && strings.HasPrefix(line, head)
		}) {
			t.Errorf("README.md shows what the demo does not: %s", line)
		}
	}
	if checked < 30 {
		t.Errorf("only %d lines of README.md were checked", checked)
	}
}

// A wrong answer ends the demonstration: it is compared, not only printed.
func TestDemoNoticesAWrongAnswer(t *testing.T) {
	dir := t.TempDir()
	write := func(rows string) {
		t.Helper()
		text := "cohort_definition_id,subject_id,cohort_start_date,cohort_end_date\n" + rows
		if err := os.WriteFile(filepath.Join(dir, "cohort.csv"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	d := demo{out: &out, steps: []demoStep{{}}}
	want := synth.Cohort{File: "1.json", Persons: 2, Days: 12}
	write("1,7,2020-01-01,2020-01-10\n1,9,2020-03-01,2020-03-02\n") // 10 and 2 days
	if err := d.compare(dir, want); err != nil {
		t.Errorf("the right answer: %v", err)
	}
	write("1,7,2020-01-01,2020-01-11\n1,9,2020-03-01,2020-03-02\n")
	if err := d.compare(dir, want); err == nil {
		t.Error("a day too many passed")
	}
	write("1,7,2020-01-01,2020-01-10\n1,7,2020-03-01,2020-03-02\n")
	if err := d.compare(dir, want); err == nil {
		t.Error("one person instead of two passed")
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
}
