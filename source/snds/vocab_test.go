package snds

import (
	"path/filepath"
	"slices"
	"strings"
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

// TestMonthAfterAVocabulary brings a month of claims to a hub that has a
// vocabulary: the lake is that of all files at once and then the vocabulary.
func TestMonthAfterAVocabulary(t *testing.T) {
	other := strings.NewReplacer("2018-12-19", "2019-01-19", "2019-01-01", "2019-02-01")
	next := map[string]string{"ER_PRS_F_201902.csv": other.Replace(tiny["ER_PRS_F_201901.csv"]), "ER_PHA_F_201902.csv": other.Replace(tiny["ER_PHA_F_201901.csv"])}
	month := t.TempDir()
	for name, text := range next {
		put(t, month, name, text)
	}
	h, whole := tinyHub(t), newHub(t)
	french := vocabtest.French()
	french.Code("BDPM", "Drug", "9900372", vocabtest.Drug, vocabtest.OtherPill) // the drug of tiny
	vocabulary := french.Write(t)
	load := func(h hub) {
		t.Helper()
		_, err := vocab.Ingest(t.Context(), vocab.Load{Lake: h.lake, Dir: vocabulary, Ledger: filepath.Join(h.dir, "vocabularies.ndjson"), By: "test", Now: time.Unix(0, 0)})
		if err != nil {
			t.Fatal(err)
		}
	}
	load(h)
	h.ingest(t, month)
	whole.ingest(t, write(t, next))
	load(whole)
	if got := h.drugs(t); len(got) != 4 { // each under two standard concepts
		t.Errorf("drugs %v", got)
	}
	a, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	b, err := whole.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	for i, table := range a.Manifest.Tables {
		if other := b.Manifest.Tables[i]; table.Name != other.Name || !slices.Equal(table.Files, other.Files) {
			t.Errorf("%s: not what all at once and then the vocabulary give", table.Name)
		}
	}
}
