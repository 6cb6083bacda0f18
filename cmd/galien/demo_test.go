package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/synth/snds"
)

// The demonstration goes through from an empty folder, says what README.md
// says, and leaves a hub that is whole.
func TestDemo(t *testing.T) {
	where := t.TempDir()
	run := func(args ...string) (string, int) {
		t.Helper()
		cmd := process(t, args...)
		cmd.Dir = where
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	out, code := run("demo")
	if code != 0 || !strings.Contains(out, "All 28 steps") {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	for _, shown := range []string{"the true ones, on the true days", "withheld", "does not allow procedure_occurrence", "rows are in quarantine",
		"The lake grew", "Nothing changed", "The audit log is whole"} {
		if !strings.Contains(out, shown) {
			t.Errorf("the demo does not show %q", shown)
		}
	}
	if !strings.Contains(out, "refused, exit code 4") || !strings.Contains(out, "galien vault serve demo/hub &") {
		t.Error("the demo does not show that a load without the vault's process is refused")
	}
	// Its server is gone, and the key is back.
	for name, there := range map[string]bool{vaultSocket: false, "vault.key": true} {
		if _, err := os.Lstat(filepath.Join(where, "demo", "hub", name)); (err == nil) != there {
			t.Errorf("after the demo %s: %v", name, err)
		}
	}
	checkReadme(t, out)
	if out, code := run("fsck", "demo/hub"); code != 0 {
		t.Errorf("fsck afterwards: exit code %d\n%s", code, out)
	}
}

// The demonstration replaces its own folder and no other.
func TestDemoReplacesItsOwn(t *testing.T) {
	d := demo{dir: filepath.Join(t.TempDir(), "demo"), out: io.Discard}
	if err := d.prepare(); err != nil {
		t.Fatal(err)
	}
	old := d.path("hub.json")
	for range 2 {
		if err := os.WriteFile(old, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.prepare(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(old); err == nil {
			t.Error("a file of the earlier demo is left")
		}
	}
	mine := filepath.Join(t.TempDir(), "thesis.txt")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := galienRun(t, "", "demo", "--dir", filepath.Dir(mine)); code != 5 {
		t.Errorf("a folder of someone else: exit code %d\n%s", code, stderr)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("someone else's file: %v", err)
	}
}

// checkReadme holds the tour of README.md against the demonstration: each
// command and each line of its output must be in it, but for speeds, keys and the names of snapshots.
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
	snapshot := regexp.MustCompile(`\b[0-9a-f]{16}\b`)
	plain := func(line string) string { // widths of columns apart
		return snapshot.ReplaceAllString(strings.Join(strings.Fields(line), " "), "SNAPSHOT")
	}
	var shown []string
	for line := range strings.Lines(out) {
		shown = append(shown, plain(line))
	}
	checked := 0
	for line := range strings.Lines(tour) {
		line, isCode := strings.CutPrefix(strings.TrimRight(line, "\n"), "    ")
		line = strings.TrimSpace(line)
		if !isCode || line == "..." || strings.Contains(line, "rows/s") || strings.Contains(line, "root ") {
			continue
		}
		line = plain(strings.ReplaceAll(line, "examples/", "demo/"))
		start, part := strings.CutSuffix(line, " ...")
		checked++
		if !slices.ContainsFunc(shown, func(s string) bool {
			head, cut := strings.CutSuffix(s, " ...")
			return s == line || cut && strings.HasPrefix(line, head) || part && strings.HasPrefix(s, start)
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
	want := []snds.Answer{
		{Source: "Ba7", Day: galien.MustDate("2021-03-01")},
		{Source: "Aa1", Day: galien.MustDate("2021-05-09")},
	}
	write("1,Aa1,2021-05-09,2021-05-16\n1,Ba7,2021-03-01,2021-03-08\n")
	if err := d.compare(dir, "1", want); err != nil {
		t.Errorf("the right answer: %v", err)
	}
	for name, rows := range map[string]string{
		"another day":      "1,Aa1,2021-05-08,2021-05-16\n1,Ba7,2021-03-01,2021-03-08\n",
		"another person":   "1,Aa2,2021-05-09,2021-05-16\n1,Ba7,2021-03-01,2021-03-08\n",
		"a person too few": "1,Aa1,2021-05-09,2021-05-16\n",
		"a period twice":   "1,Aa1,2021-05-09,2021-05-16\n1,Aa1,2021-05-09,2021-05-16\n1,Ba7,2021-03-01,2021-03-08\n",
	} {
		write(rows)
		if err := d.compare(dir, "1", want); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}

// The definitions of the examples select the persons that the generator knows,
// and no others, in populations that differ in seed and size; the demonstration
// does the same with a third.
func TestExampleCohortsGiveTheTruth(t *testing.T) {
	found := map[string]int{}
	for _, c := range []snds.Config{{Persons: 2500, Years: 1, Seed: 21}, {Persons: 900, Years: 1, Seed: 22}} {
		dir := t.TempDir()
		extraction := filepath.Join(dir, "extraction")
		if _, err := snds.Write(t.Context(), extraction, c, nil); err != nil {
			t.Fatal(err)
		}
		hub, out := filepath.Join(dir, "hub"), filepath.Join(dir, "answers")
		mustRun(t, "init", hub)
		mustRun(t, "ingest", hub, "snds", filepath.Join(extraction, "input"))
		mustRun(t, "cohort", "run", hub, "--permit", grant(t, hub, "steward"), filepath.Join("..", "..", "examples", "cohorts"), "--source-ids", "--out", out)
		answers, err := snds.Answers(extraction)
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for i, name := range []string{snds.SecondDose, snds.MyocarditisAfterSecondDose, snds.MyocarditisAfterFirstDose,
			snds.NewCyproteroneUsers, snds.FirstDose, snds.MeningiomaAfterCyproterone} {
			found[name] += len(answers[name])
			for _, a := range answers[name] {
				want = append(want, fmt.Sprintf("%d %s %s", i+1, a.Source, a.Day))
			}
		}
		text, err := os.ReadFile(filepath.Join(out, "cohort.csv"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows[1:] {
			got = append(got, strings.Join(r[:3], " "))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: %d rows that are not the %d of the truth", c.Seed, len(got), len(want))
			for _, row := range want {
				if !slices.Contains(got, row) {
					t.Errorf("missing: %s", row)
				}
			}
			for _, row := range got {
				if !slices.Contains(want, row) {
					t.Errorf("too many: %s", row)
				}
			}
		}
	}
	for _, name := range []string{snds.SecondDose, snds.MyocarditisAfterSecondDose, snds.NewCyproteroneUsers, snds.FirstDose} {
		if found[name] == 0 {
			t.Errorf("no population has an answer to %s", name)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
}
