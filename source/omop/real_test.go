package omop

import (
	"bytes"
	"context"
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/lake"
	"galien/lake/duck"
	"galien/refdata"
	"galien/source"
	"galien/vault"
)

// hub is the part of a hub that a load touches.
type hub struct {
	t          testing.TB
	root       string
	lake       *lake.Lake
	vault      *vault.Vault
	quarantine string
}

func newHub(t testing.TB) *hub {
	t.Helper()
	h := &hub{t: t, root: t.TempDir()}
	var err error
	if h.lake, err = lake.Create(filepath.Join(h.root, "lake")); err != nil {
		t.Fatal(err)
	}
	if h.vault, err = vault.Create(filepath.Join(h.root, "vault"), rand.Reader); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.vault.Close() })
	h.quarantine = filepath.Join(h.root, "quarantine")
	return h
}

func (h *hub) load(dir string) Load {
	return Load{Lake: h.lake, Vault: h.vault, Quarantine: h.quarantine, Dir: dir, Name: "omop",
		Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Engine: duck.Config{Threads: 2, MemoryLimit: "1GiB"}}
}

func (h *hub) ingest(dir string) Report {
	h.t.Helper()
	rep, err := Ingest(context.Background(), h.load(dir))
	if err != nil {
		h.t.Fatalf("ingest: %v", err)
	}
	return rep
}

// fails ingests and wants an error of a kind whose text holds every word.
func (h *hub) fails(dir string, kind galien.Kind, words ...string) {
	h.t.Helper()
	_, err := Ingest(context.Background(), h.load(dir))
	if galien.KindOf(err) != kind || err == nil {
		h.t.Fatalf("ingest: %v (%v), want %v", err, galien.KindOf(err), kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			h.t.Errorf("the error %q does not say %q", err, w)
		}
	}
}

func (h *hub) current() *lake.Snapshot {
	h.t.Helper()
	s, err := h.lake.Current()
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// read returns the values of columns of a table, as text, one string a row.
func (h *hub) rows(table string, columns ...string) [][]any {
	h.t.Helper()
	var out [][]any
	err := h.current().Read(context.Background(), table, columns, func(row []any) error {
		out = append(out, append([]any(nil), row...))
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// whole checks what every load must leave: a sound lake, a sound vault, and the
// text of every quarantined row in the vault.
func (h *hub) whole() {
	h.t.Helper()
	ctx := context.Background()
	if _, err := h.lake.Fsck(ctx, func(p lake.Problem) { h.t.Errorf("lake: %s: %s", p.Path, p.Text) }); err != nil {
		h.t.Error(err)
	}
	if _, err := h.vault.Check(ctx); err != nil {
		h.t.Error(err)
	}
	if err := Check(ctx, h.lake, h.vault, h.quarantine, func(text string) { h.t.Errorf("quarantine: %s", text) }); err != nil {
		h.t.Error(err)
	}
}

func reasons(rep Report) map[string]int64 {
	m := map[string]int64{}
	for _, t := range rep.Tables {
		for _, r := range t.Reasons {
			m[r.Table+"."+r.Field+" "+string(r.Code)] += r.Rows
		}
	}
	return m
}

func table(rep Report, name string) TableReport {
	for _, t := range rep.Tables {
		if t.Table == name {
			return t
		}
	}
	return TableReport{}
}

// users returns how many persons have a concept in a column.
func (h *hub) users(table, column string, concept int64) int {
	persons := map[any]bool{}
	for _, r := range h.rows(table, "person_id", column) {
		if r[1] == concept {
			persons[r[0]] = true
		}
	}
	return len(persons)
}

func TestGiBleed(t *testing.T) {
	dir := refdata.Dir(t, "omop-gibleed")
	h := newHub(t)
	rep := h.ingest(dir)
	h.whole()
	// Rows and persons as the data's own page states them.
	for name, want := range map[string]int64{
		"person": 2694, "observation_period": 5343, "condition_occurrence": 65332, "condition_era": 65719,
		"drug_exposure": 67707, "drug_era": 52508, "measurement": 44053, "observation": 1477,
		"procedure_occurrence": 37409, "visit_occurrence": 1037, "concept": 444, "concept_ancestor": 65690,
		"concept_relationship": 8, "concept_synonym": 1064, "domain": 45, "relationship": 480, "vocabulary": 125,
		"cdm_source": 1, "death": 0, "note": 0,
	} {
		if got := table(rep, name); got.Read != want {
			t.Errorf("%s: %d rows read, want %d", name, got.Read, want)
		}
	}
	if rep.Persons != 2694 {
		t.Errorf("%d persons, want 2694", rep.Persons)
	}
	if got := table(rep, "observation_period"); got.UnknownPersons != 2649 || got.Quarantined != 2649 || got.Kept != 2694 {
		t.Errorf("observation_period: %d unknown persons, %d rows in quarantine, %d kept", got.UnknownPersons, got.Quarantined, got.Kept)
	}
	// The file has ids that several persons share (kept: dropping them would
	// lose persons from the known answers) and 13 twice for one person.
	want := map[string]int64{
		"observation_period.person_id unknown_person":  2649,
		"drug_exposure.drug_exposure_id duplicate_key": 3,
		"measurement.measurement_id duplicate_key":     10,
	}
	got := reasons(rep)
	if len(got) != len(want) {
		t.Errorf("reasons %v, want %v", got, want)
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%s: %d rows, want %d", k, got[k], n)
		}
	}
	if n := table(rep, "drug_exposure").SharedKeys; n != 4381 {
		t.Errorf("drug_exposure: %d rows share a key with another person's, want 4381", n)
	}
	for _, known := range []struct {
		concept int64
		table   string
		column  string
		persons int
	}{
		{1118084, "drug_exposure", "drug_concept_id", 1844},
		{1124300, "drug_exposure", "drug_concept_id", 850},
		{192671, "condition_occurrence", "condition_concept_id", 479},
	} {
		if n := h.users(known.table, known.column, known.concept); n != known.persons {
			t.Errorf("concept %d: %d persons, want %d", known.concept, n, known.persons)
		}
	}
	for _, r := range h.rows("person", "person_source_value") {
		if r[0] != nil {
			t.Fatal("an identity column has a value in the lake")
		}
	}
	if rep.CDMVersion != "v5.3.1" || rep.Vocabulary == "" {
		t.Errorf("version %q, vocabulary %q", rep.CDMVersion, rep.Vocabulary)
	}
	if strings.Join(rep.Ignored, " ") != "COHORT.csv.gz COHORT_ATTRIBUTE.csv.gz" {
		t.Errorf("ignored files %v", rep.Ignored)
	}
	again := h.ingest(dir)
	if again.Changed || again.Snapshot != rep.Snapshot {
		t.Errorf("the same content changed the hub: %s became %s", rep.Snapshot, again.Snapshot)
	}
	if history, _ := h.lake.History(); len(history) != 1 {
		t.Errorf("%d commits, want 1", len(history))
	}
}

func TestMIMIC(t *testing.T) {
	h := newHub(t)
	rep := h.ingest(refdata.Dir(t, "omop-mimic-iv-demo"))
	h.whole()
	for name, want := range map[string]int64{
		"person": 100, "death": 15, "visit_occurrence": 852, "visit_detail": 14479, "condition_occurrence": 16441,
		"drug_exposure": 18229, "procedure_occurrence": 18447, "specimen": 150, "fact_relationship": 1752, "concept": 3885,
	} {
		if got := table(rep, name); got.Kept != want {
			t.Errorf("%s: %d rows kept, want %d", name, got.Kept, want)
		}
	}
	if rep.Quarantined != 0 {
		t.Errorf("reasons %v, want none", reasons(rep))
	}
	// Ids are 64 bits with a sign, and stay.
	ids := map[any]bool{}
	for _, r := range h.rows("visit_occurrence", "visit_occurrence_id") {
		ids[r[0]] = true
	}
	if !ids[int64(-4406053801395356975)] || len(ids) != 852 {
		t.Error("a negative 64-bit id is lost")
	}
	// The first two rows of the file get the first two keys.
	sources, err := h.vault.SourceIDs(context.Background())
	if err != nil || sources[1] != "3589912774911670296" || sources[2] != "-3210373572193940939" {
		t.Errorf("person keys are not in order of arrival (%v)", err)
	}
	// The 5.3 names of columns are read: the file has 851 values there.
	n := 0
	for _, r := range h.rows("visit_detail", "parent_visit_detail_id", "admitted_from_source_value") {
		if r[1] == "EMERGENCY ROOM" {
			n++
		}
	}
	if n == 0 {
		t.Error("admitting_source_value of 5.3 did not become admitted_from_source_value")
	}
}

func TestSyntheaZip(t *testing.T) {
	h := newHub(t)
	// The folder holds a zip file and text only.
	rep := h.ingest(refdata.Dir(t, "omop-synthea27nj"))
	h.whole()
	for name, want := range map[string]int64{
		"person": 28, "observation_period": 28, "visit_occurrence": 1791, "visit_detail": 1791, "condition_occurrence": 470,
		"condition_era": 469, "drug_exposure": 883, "procedure_occurrence": 1649, "measurement": 10040, "observation": 8099,
		"device_exposure": 1, "death": 3, "provider": 67, "concept": 2294, "concept_relationship": 266588,
	} {
		if got := table(rep, name); got.Kept != want {
			t.Errorf("%s: %d rows kept, want %d", name, got.Kept, want)
		}
	}
	if rep.Quarantined != 0 || rep.CDMVersion != "5.4" || rep.Vocabulary != "v5.0 09-APR-22*" {
		t.Errorf("%d rows in quarantine, version %q, vocabulary %q", rep.Quarantined, rep.CDMVersion, rep.Vocabulary)
	}
	for _, r := range h.rows("condition_era", "condition_era_id", "condition_era_start_date", "condition_era_end_date") {
		if r[0] == int64(1) && (r[1] != galien.MustDate("2005-05-07") || r[2] != galien.MustDate("2005-05-20")) {
			t.Errorf("a date written with a time became %v to %v", r[1], r[2])
		}
	}
}

func TestCirceOracle(t *testing.T) {
	h := newHub(t)
	rep := h.ingest(filepath.Join(refdata.Dir(t, "circe-oracle"), "data"))
	h.whole()
	if rep.Persons != 3000 || rep.Quarantined != 0 {
		t.Errorf("%d persons, reasons %v", rep.Persons, reasons(rep))
	}
	if n := table(rep, "drug_exposure").EmptyRequired["drug_exposure_end_date"]; n != 19145 {
		t.Errorf("drug_exposure: %d end dates are empty, want 19145", n)
	}
	regions, places := 0, 0
	for _, r := range h.rows("location", "region_concept_id") {
		if r[0] != nil {
			regions++
		}
	}
	for range h.rows("location_history", "entity_id") {
		places++
	}
	if regions == 0 || places == 0 {
		t.Errorf("%d regions, %d rows of location_history: an extension is lost", regions, places)
	}
	if len(rep.Ignored) > 0 || len(table(rep, "location").UnknownColumns) > 0 {
		t.Errorf("ignored %v, unknown columns %v", rep.Ignored, table(rep, "location").UnknownColumns)
	}
	var index bytes.Buffer
	for _, s := range h.current().Manifest.Sources {
		index.WriteString(s.Quarantine)
		if err := source.ReadIndex(h.quarantine, s.Quarantine, func(source.Rejection) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	if index.Len() > 0 {
		t.Error("an empty quarantine has an index")
	}
}
