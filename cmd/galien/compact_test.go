package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
)

// exportedLines returns the lines of each file of an export or extract, sorted.
func exportedLines(t *testing.T, args ...string) map[string][]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	mustRun(t, append(args, "--out", dir)...)
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	out := map[string][]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		slices.Sort(lines)
		out[filepath.Base(f)] = lines
	}
	return out
}

// A hub whose table lost rows, got them back in a layer, and had others for a
// while exports and extracts what it did before, and is compacted to the very
// snapshot.
func TestCompact(t *testing.T) {
	hub := newTestHub(t)
	if code, _, stderr := galienRun(t, "", "compact", hub); code != 3 || !strings.Contains(stderr, "no snapshot") {
		t.Errorf("an empty hub: %d %s", code, stderr)
	}
	mustRun(t, "ingest", hub, "omop", export(t, 1, 100, 3000))
	before := hubStatus(t, hub)
	if out := mustRun(t, "compact", hub); !strings.Contains(out, "Nothing to do: no table of snapshot "+before.Snapshot) {
		t.Error(out)
	}
	permit := grant(t, hub, "steward")
	cohort := filepath.Join(t.TempDir(), "everyone.json")
	writeFile(t, cohort, []byte(`{"ConceptSets":[],"PrimaryCriteria":{"CriteriaList":[{"ConditionOccurrence":{}}],
		"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"All"}},
		"ExpressionLimit":{"Type":"All"},"CollapseSettings":{"CollapseType":"ERA","EraPad":0}}`))
	answers := func() []map[string][]string {
		return []map[string][]string{
			exportedLines(t, "export", hub, "--permit", permit),
			exportedLines(t, "extract", hub, "--permit", permit, "--cohort", cohort, "--format", "csv", "--id", "1"),
		}
	}
	want := answers()

	l, err := lake.Open(filepath.Join(hub, lakeDir))
	if err != nil {
		t.Fatal(err)
	}
	first, err := l.Current()
	if err != nil {
		t.Fatal(err)
	}
	condition, _ := cdm.Lookup("condition_occurrence")
	tenth := "FROM " + duck.Table(condition, first.Whole(condition.Name)) + " WHERE condition_occurrence_id % 10 = 0"
	for _, change := range [][2]string{
		{"SELECT 1000000 + i AS condition_occurrence_id, 1 + i % 100 AS person_id, 7 AS condition_concept_id FROM range(200) t(i)",
			"SELECT person_id, condition_occurrence_id " + tenth},
		{"SELECT * " + tenth, "SELECT 1 + i % 100, 1000000 + i FROM range(200) t(i)"},
	} {
		w, err := writer.Open(t.Context(), l, duck.Config{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := w.StageChange(t.Context(), condition, change[0], change[1]); err != nil {
			t.Fatal(err)
		}
		m := w.Base().Manifest
		if _, _, err := w.Commit(t.Context(), writer.Meta{Sources: m.Sources, Vocabulary: m.Vocabulary, Now: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	grown := hubStatus(t, hub)
	if grown.Snapshot == before.Snapshot || grown.Rows != before.Rows || grown.Bytes <= before.Bytes {
		t.Errorf("snapshot %s of %d rows and %d bytes after %s of %d and %d", grown.Snapshot, grown.Rows, grown.Bytes, before.Snapshot, before.Rows, before.Bytes)
	}
	if s, err := l.Current(); err != nil || s.Manifest.Format != 2 {
		t.Errorf("the lake has no layers: %v", err)
	}
	mustRun(t, "fsck", hub)
	if got := answers(); !reflect.DeepEqual(got, want) {
		t.Error("other rows leave the hub that has grown")
	}
	var out struct {
		Snapshot string
		Changed  bool
	}
	if err := json.Unmarshal([]byte(mustRun(t, "compact", hub, "--json")), &out); err != nil {
		t.Fatal(err)
	}
	after := hubStatus(t, hub)
	if !out.Changed || out.Snapshot != before.Snapshot || after.Snapshot != before.Snapshot || after.Bytes != before.Bytes {
		t.Errorf("%+v, then %s, and not %s", out, after.Snapshot, before.Snapshot)
	}
	mustRun(t, "fsck", hub)
	if code, audited, _ := galienRun(t, "", "audit", "show", hub); code != 0 || strings.Count(audited, "compact") != 6 {
		t.Errorf("three compactions in the log, each begun and ended: %d\n%s", code, audited)
	}
}
