package snds

import (
	"path/filepath"
	"testing"
	"time"

	"galien/lake/duck"
	"galien/vocab"
	"galien/vocab/vocabtest"
)

// translated loads an invented vocabulary into the hub, which gives acts,
// diagnoses and drugs standard concepts, some of them two: the verdict on what
// the source said is the same, and the claims again change nothing.
func translated(t *testing.T, h hub, dir string) {
	t.Helper()
	r, err := vocab.Ingest(t.Context(), vocab.Load{Lake: h.lake, Dir: vocabtest.French().Write(t), Ledger: filepath.Join(h.dir, "vocabularies.ndjson"), By: "test",
		Now: time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC), Engine: duck.Config{MemoryLimit: "1GiB", Threads: 2}})
	if err != nil {
		t.Fatal(err)
	}
	further := map[string]bool{}
	for _, e := range r.Events {
		if e.Further > 0 {
			further[e.Table] = true
		}
	}
	if !further["condition_occurrence"] || !further["drug_exposure"] {
		t.Fatalf("the vocabulary gives no event two concepts: %+v", r.Events)
	}
	for _, wrong := range h.judge(t, dir).wrong() {
		t.Errorf("with standard concepts: %s", wrong)
	}
	if again := h.ingest(t, filepath.Join(dir, "input", "snds")); again.Changed || again.Snapshot != r.Snapshot {
		t.Errorf("the claims after a vocabulary gave the snapshot %s after %s", again.Snapshot, r.Snapshot)
	}
}
