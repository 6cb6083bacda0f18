package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
)

// A hub whose table has grown and lost rows is compacted to the snapshot that
// it was before they came and went.
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
	l, err := lake.Open(filepath.Join(hub, lakeDir))
	if err != nil {
		t.Fatal(err)
	}
	condition, _ := cdm.Lookup("condition_occurrence")
	for _, change := range [][2]string{
		{"SELECT 1000000 + i AS condition_occurrence_id, 1 + i % 100 AS person_id, 7 AS condition_concept_id FROM range(200) t(i)", ""},
		{"", "SELECT 1 + i % 100, 1000000 + i FROM range(1, 200) t(i)"},
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
	if grown.Rows != before.Rows+1 || grown.Bytes <= before.Bytes {
		t.Errorf("%d rows and %d bytes after %d and %d", grown.Rows, grown.Bytes, before.Rows, before.Bytes)
	}
	if s, err := l.Current(); err != nil || s.Manifest.Format != 2 {
		t.Errorf("the lake has no layers: %v", err)
	}
	mustRun(t, "fsck", hub)
	var out struct {
		Snapshot string
		Changed  bool
	}
	if err := json.Unmarshal([]byte(mustRun(t, "compact", hub, "--json")), &out); err != nil {
		t.Fatal(err)
	}
	after := hubStatus(t, hub)
	if !out.Changed || after.Snapshot != out.Snapshot || after.Rows != grown.Rows || after.Bytes >= grown.Bytes {
		t.Errorf("%+v, then %d rows and %d bytes", out, after.Rows, after.Bytes)
	}
	mustRun(t, "fsck", hub)
	if code, audited, _ := galienRun(t, "", "audit", "show", hub); code != 0 || strings.Count(audited, "compact") != 6 {
		t.Errorf("three compactions in the log, each begun and ended: %d\n%s", code, audited)
	}
}
