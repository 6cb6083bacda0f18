package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"galien/refdata"
)

// galien runs a command line in this process and returns what it printed.
func galienCommand(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

// mustGalien is galienCommand for a command that has to succeed.
func mustGalien(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := galienCommand(t, args...)
	if code != 0 {
		t.Fatalf("galien %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// grant grants one of the example permits and returns its id.
func grant(t *testing.T, hub, name string) string {
	t.Helper()
	return strings.TrimSpace(mustGalien(t, "permit", "grant", hub, filepath.Join("..", "..", "examples", "permits", name+".yaml")))
}

// everyEvent writes a definition of every row of a domain with one concept.
func everyEvent(t *testing.T, name, domain string, concept int) string {
	t.Helper()
	text := fmt.Sprintf(`{"ConceptSets":[{"id":0,"expression":{"items":[{"concept":{"CONCEPT_ID":%d},"includeDescendants":true}]}}],
"PrimaryCriteria":{"CriteriaList":[{"%s":{"CodesetId":0}}],"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"All"}},
"ExpressionLimit":{"Type":"First"},"CollapseSettings":{"CollapseType":"ERA","EraPad":0}}`, concept, domain)
	path := filepath.Join(t.TempDir(), name+".json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// gibleedHub returns a hub that has taken in the GiBleed reference data: a copy of
// one that is made once.
func gibleedHub(t *testing.T) string {
	t.Helper()
	source := refdata.Dir(t, "omop-gibleed")
	gibleed.Do(func() {
		dir, err := os.MkdirTemp("", "galien-gibleed")
		if err != nil {
			t.Fatal(err)
		}
		gibleed.dir = dir
		hub := filepath.Join(dir, "hub")
		mustGalien(t, "init", hub)
		mustGalien(t, "ingest", hub, "omop", source)
		gibleed.hub = hub
	})
	if gibleed.hub == "" {
		t.Fatal("the hub that others are copies of could not be made")
	}
	hub := filepath.Join(t.TempDir(), "hub")
	if err := os.CopyFS(hub, os.DirFS(gibleed.hub)); err != nil {
		t.Fatal(err)
	}
	// The modes too: a vault that others may read does not open.
	err := filepath.WalkDir(gibleed.hub, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(gibleed.hub, path)
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(hub, name), info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	return hub
}

// gibleed is the hub that gibleedHub copies, in a folder that TestMain removes.
var gibleed struct {
	sync.Once
	dir, hub string
}

// The counts are published with the data: 1,844 persons took celecoxib, 1,800
// of them while under observation, which is what a cohort counts.
func TestGibleedCounts(t *testing.T) {
	hub := gibleedHub(t)
	steward, aggregates := grant(t, hub, "steward"), grant(t, hub, "aggregates")
	for _, c := range []struct {
		name, domain string
		concept      int
		persons      float64
	}{
		{"1 celecoxib", "DrugExposure", 1118084, 1800},
		{"2 diclofenac", "DrugExposure", 1124300, 830},
		{"3 bleeding", "ConditionOccurrence", 192671, 479},
	} {
		file := everyEvent(t, c.name, c.domain, c.concept)
		for _, permit := range []string{steward, aggregates} {
			for _, engine := range []string{"duckdb", "oracle"} {
				var got struct{ Persons float64 }
				out := mustGalien(t, "cohort", "count", hub, "--permit", permit, "--engine", engine, "--json", file)
				if err := json.Unmarshal([]byte(out), &got); err != nil || got.Persons != c.persons {
					t.Errorf("%s, %s, %s: %v persons, want %v (%v)", c.name, permit, engine, got.Persons, c.persons, err)
				}
			}
		}
	}
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Who sees what of one cohort: rows under a steward's permit, numbers alone
// under one of aggregates, and ids that no two permits share in extracts.
func TestWhoSeesWhat(t *testing.T) {
	hub := gibleedHub(t)
	steward, researcher, aggregates := grant(t, hub, "steward"), grant(t, hub, "researcher"), grant(t, hub, "aggregates")
	file := everyEvent(t, "7 bleeding", "ConditionOccurrence", 192671)
	out := func() string { return filepath.Join(t.TempDir(), "out") }

	keys, sources := out(), out()
	mustGalien(t, "cohort", "run", hub, "--permit", steward, "--out", keys, file)
	mustGalien(t, "cohort", "run", hub, "--permit", steward, "--source-ids", "--out", sources, file)
	byKey, bySource := readCSV(t, filepath.Join(keys, "cohort.csv")), readCSV(t, filepath.Join(sources, "cohort.csv"))
	if len(byKey) != 480 || len(bySource) != 480 || byKey[1][0] != "7" {
		t.Errorf("%d and %d lines, want a header and 479 of cohort 7", len(byKey), len(bySource))
	}
	persons := map[string]bool{}
	for _, r := range readCSV(t, gunzip(t, filepath.Join(refdata.Dir(t, "omop-gibleed"), "PERSON.csv.gz")))[1:] {
		persons[r[0]] = true
	}
	for i := range bySource[1:] {
		if !persons[bySource[i+1][1]] {
			t.Fatalf("a subject_id under --source-ids is no person_id of the source")
		}
	}

	// The researcher's permit grants months, whatever the command.
	months := out()
	mustGalien(t, "cohort", "run", hub, "--permit", researcher, "--out", months, file)
	byMonth := readCSV(t, filepath.Join(months, "cohort.csv"))
	if len(byMonth) != 480 {
		t.Errorf("%d lines under the researcher's permit, want 480", len(byMonth))
	}
	for i, r := range byMonth[1:] {
		if r[2] != byKey[i+1][2][:8]+"01" || r[3] != byKey[i+1][3][:8]+"01" {
			t.Fatalf("line %d shows a day under a permit of months", i+2)
		}
	}

	// Another permit gets no source ids, and one of aggregates no rows at all.
	if _, _, code := galienCommand(t, "cohort", "run", hub, "--permit", researcher, "--source-ids", "--out", out(), file); code != 4 {
		t.Errorf("--source-ids under the researcher's permit: exit %d, want 4", code)
	}
	counts := out()
	mustGalien(t, "cohort", "run", hub, "--permit", aggregates, "--out", counts, file)
	if _, err := os.Stat(filepath.Join(counts, "cohort.csv")); err == nil {
		t.Error("cohort.csv under a permit of aggregates")
	}
	if got := readCSV(t, filepath.Join(counts, "counts.csv")); len(got) != 2 || got[1][1] != "479" {
		t.Errorf("counts.csv: %v", got)
	}
	if _, _, code := galienCommand(t, "extract", hub, "--permit", aggregates, "--cohort", file, "--out", out()); code != 4 {
		t.Errorf("extract under a permit of aggregates: exit %d, want 4", code)
	}

	// A release that has nowhere to go is no delivery.
	if _, _, code := galienCommand(t, "release", hub, "--permit", aggregates, "--cohort", file, "--by", "sex", "--out", counts); code != 5 {
		t.Errorf("release into a folder that holds files: exit %d, want 5", code)
	}
	if log := mustGalien(t, "audit", "show", hub, "--json"); strings.Contains(log, `"release"`) {
		t.Error("the log tells of a release that was not made")
	}

	// Two permits, the same persons, no id in common but by chance.
	mine, theirs := out(), out()
	mustGalien(t, "extract", hub, "--permit", researcher, "--cohort", file, "--format", "csv", "--out", mine)
	mustGalien(t, "extract", hub, "--permit", steward, "--cohort", file, "--format", "csv", "--out", theirs)
	seen := map[string]bool{}
	for _, r := range readCSV(t, filepath.Join(mine, "person.csv"))[1:] {
		seen[r[0]] = true
	}
	if len(seen) != 479 {
		t.Errorf("%d persons extracted, want 479", len(seen))
	}
	for _, r := range readCSV(t, filepath.Join(theirs, "person.csv"))[1:] {
		if seen[r[0]] {
			t.Error("a person has the same id under two permits")
		}
	}
	// The permit grants months and no procedure.
	for _, r := range readCSV(t, filepath.Join(mine, "condition_occurrence.csv"))[1:] {
		if !strings.HasSuffix(r[3], "-01") {
			t.Fatalf("a condition starts on another day than the first of a month")
		}
	}
	if _, err := os.Stat(filepath.Join(mine, "procedure_occurrence.csv")); err == nil {
		t.Error("a table that the permit does not grant was extracted")
	}
}

// A definition that asks for more than the permit grants is refused by name,
// and nothing is written.
func TestTooNarrowPermit(t *testing.T) {
	hub := gibleedHub(t)
	researcher := grant(t, hub, "researcher")
	file := everyEvent(t, "8 procedures", "ProcedureOccurrence", 4107731)
	dir := filepath.Join(t.TempDir(), "out")
	_, errs, code := galienCommand(t, "cohort", "run", hub, "--permit", researcher, "--out", dir, file)
	if code != 4 || !strings.Contains(errs, "procedure_occurrence") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("an answer was written")
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".galien-partial-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if out := mustGalien(t, "audit", "show", hub, "--json"); !strings.Contains(out, "denied") {
		t.Error("the refusal is not in the log")
	}
}

// gunzip unpacks a file into the test's folder.
func gunzip(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(path), ".gz")))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, z); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

// One bad definition never stops the others, and is listed with its reason;
// alone it is the command's error.
func TestRefusedAmongOthers(t *testing.T) {
	hub := gibleedHub(t)
	researcher := grant(t, hub, "researcher")
	dir := t.TempDir()
	good := everyEvent(t, "7 bleeding", "ConditionOccurrence", 192671)
	denied := everyEvent(t, "8 procedures", "ProcedureOccurrence", 4107731)
	for name, from := range map[string]string{"7.json": good, "8.json": denied} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "9.json"), []byte(`{"PrimaryCriteria":{"CriteriaList":[{"NoteNlp":{}}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	mustGalien(t, "cohort", "run", hub, "--permit", researcher, "--out", out, dir)
	got := readCSV(t, filepath.Join(out, "refused.csv"))
	if len(got) != 3 || strings.Join(got[1][:3], ",") != "8,8.json," || !strings.Contains(got[1][3], "procedure_occurrence") ||
		strings.Join(got[2], ",") != "9,9.json,PrimaryCriteria.CriteriaList[0].NoteNlp,unknown criterion type" {
		t.Errorf("refused.csv: %v", got)
	}
	if rows := readCSV(t, filepath.Join(out, "cohort.csv")); len(rows) != 480 {
		t.Errorf("%d lines of cohort 7, want 480", len(rows))
	}
	for file, code := range map[string]int{"8.json": 4, "9.json": 2} {
		if _, errs, got := galienCommand(t, "cohort", "run", hub, "--permit", researcher, "--out", filepath.Join(t.TempDir(), "out"), filepath.Join(dir, file)); got != code {
			t.Errorf("%s alone: exit %d, want %d: %s", file, got, code, errs)
		}
	}
}
