package vocab_test

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/refdata"
	"galien/source/pmsi"
	"galien/vault"
	"galien/vocab"
	"galien/vocab/vocabtest"
)

// Local concepts of the hand-made hub.
const (
	chapter = 2_000_000_001 + iota
	i40
	i409
	i514
	z511
	k573
	cipOne // of two pills
	cipTwo // of nothing that Athena has
	ccam
)

// claims commits a load of claims by hand: two persons, their events under local
// concepts, the concepts and their hierarchy.
func claims(t *testing.T, l *lake.Lake) *lake.Snapshot {
	t.Helper()
	ctx := t.Context()
	w, err := writer.Open(ctx, l, duck.Config{Threads: 1, MemoryLimit: "500MiB"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	concept := func(id int, system, code, domain string) string {
		return fmt.Sprintf("SELECT %d AS concept_id, '%s' AS concept_name, '%s' AS domain_id, 'SNDS %s' AS vocabulary_id, '%s' AS concept_class_id, '%s' AS concept_code, DATE '1970-01-01' AS valid_start_date, DATE '2099-12-31' AS valid_end_date",
			id, code, domain, system, system, code)
	}
	own := func(id int, name, vocabulary string) string {
		return strings.Replace(concept(id, "", name, vocabulary), "'SNDS '", "'"+vocabulary+"'", 1)
	}
	for table, query := range map[string]string{
		"person": "SELECT unnest([1, 2]) AS person_id, 8507 AS gender_concept_id, 1950 AS year_of_birth, 0 AS race_concept_id, 0 AS ethnicity_concept_id",
		"concept": strings.Join([]string{concept(chapter, "CIM10", "chapter 09", "Condition"), concept(i40, "CIM10", "I40", "Condition"), concept(i409, "CIM10", "I409", "Condition"),
			concept(i514, "CIM10", "I514", "Condition"), concept(z511, "CIM10", "Z511", "Condition"), concept(k573, "CIM10", "K573", "Condition"), concept(cipOne, "CIP13", "3400999617932", "Drug"),
			concept(cipTwo, "CIP13", "3400911111111", "Drug"), concept(ccam, "CCAM", "PAQK001", "Procedure"), own(8507, "male", "Gender"), own(32812, "claim", "Type Concept")}, " UNION ALL "),
		"concept_ancestor": fmt.Sprintf(`SELECT a AS ancestor_concept_id, d AS descendant_concept_id, n AS min_levels_of_separation, n AS max_levels_of_separation FROM (VALUES
			(%[1]d, %[1]d, 0), (%[1]d, %[2]d, 1), (%[1]d, %[3]d, 2), (%[1]d, %[4]d, 2), (%[2]d, %[2]d, 0), (%[2]d, %[3]d, 1), (%[3]d, %[3]d, 0), (%[4]d, %[4]d, 0), (8507, 8507, 0), (32812, 32812, 0)) v(a, d, n)`, chapter, i40, i409, i514),
		"vocabulary": "SELECT 'SNDS ' || unnest(['CIM10', 'CIP13', 'CCAM']) AS vocabulary_id, 'local' AS vocabulary_name, 0 AS vocabulary_concept_id",
		"condition_occurrence": fmt.Sprintf(`SELECT id AS condition_occurrence_id, p AS person_id, c AS condition_concept_id, c AS condition_source_concept_id, code AS condition_source_value, DATE '2020-01-01' + id::INT AS condition_start_date, 32812 AS condition_type_concept_id
			FROM (VALUES (1, 1, %d, 'I409'), (2, 1, %d, 'Z511'), (3, 2, %d, 'I514'), (4, 2, %d, 'K573'), (5, 2, 0, 'odd')) v(id, p, c, code)`, i409, z511, i514, k573),
		"drug_exposure": fmt.Sprintf(`SELECT id AS drug_exposure_id, p AS person_id, c AS drug_concept_id, c AS drug_source_concept_id, 'cip' AS drug_source_value, DATE '2020-01-01' AS drug_exposure_start_date, 32812 AS drug_type_concept_id, q AS quantity
			FROM (VALUES (1, 1, %d, 3), (2, 1, %d, 2), (3, 2, %d, NULL)) v(id, p, c, q)`, cipOne, cipTwo, cipOne),
		"procedure_occurrence": fmt.Sprintf("SELECT 1 AS procedure_occurrence_id, 1 AS person_id, %[1]d AS procedure_concept_id, %[1]d AS procedure_source_concept_id, DATE '2020-01-01' AS procedure_date, 2 AS quantity", ccam),
		"death":                fmt.Sprintf("SELECT 2 AS person_id, DATE '2021-01-01' AS death_date, %[1]d AS cause_concept_id, %[1]d AS cause_source_concept_id", z511),
	} {
		tb, ok := cdm.Lookup(table)
		if !ok {
			t.Fatal(table)
		}
		if err := w.StageQuery(ctx, tb, query); err != nil {
			t.Fatal(err)
		}
	}
	if err := vocab.Standardise(ctx, w); err != nil {
		t.Fatal(err)
	}
	s, _, err := w.Commit(ctx, writer.Meta{Now: time.Unix(0, 0), Sources: []lake.Source{{Name: "snds", Kind: "snds"}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lines returns the rows of a table, as text and sorted.
func lines(t *testing.T, s *lake.Snapshot, table string, columns ...string) string {
	t.Helper()
	var all []string
	err := s.Read(t.Context(), table, columns, func(row []any) error {
		all = append(all, strings.Trim(fmt.Sprint(row), "[]"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

const second = 1 << 52 // what the id of a second reading adds

// TestTranslation holds what a load gives the events, worked out by hand, and
// that another vocabulary and one without French codes leave no trace of it.
func TestTranslation(t *testing.T) {
	p := newPlace(t)
	plain := claims(t, p.lake)
	r := p.load(t, vocabtest.French().Write(t))
	s := p.current(t)
	check := func(name, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
	}
	text := func(rows ...[]any) string {
		var all []string
		for _, r := range rows {
			all = append(all, strings.Trim(fmt.Sprint(r), "[]"))
		}
		slices.Sort(all)
		return strings.Join(all, "\n")
	}
	check("conditions", lines(t, s, "condition_occurrence", "condition_occurrence_id", "person_id", "condition_concept_id", "condition_source_concept_id", "condition_source_value"), text(
		[]any{1, 1, vocabtest.Myocarditis, i409, "I409"},
		[]any{2, 1, vocabtest.Session, z511, "Z511"}, []any{2 + second, 1, vocabtest.Drug, z511, "Z511"},
		[]any{3, 2, vocabtest.Myocarditis, i514, "I514"}, []any{4, 2, k573, k573, "K573"}, []any{5, 2, 0, 0, "odd"}))
	check("drugs", lines(t, s, "drug_exposure", "drug_exposure_id", "drug_concept_id", "drug_source_concept_id", "quantity"), text(
		[]any{1, vocabtest.Pill, cipOne, 3}, []any{1 + second, vocabtest.OtherPill, cipOne, 0}, []any{2, cipTwo, cipTwo, 2},
		[]any{3, vocabtest.Pill, cipOne, nil}, []any{3 + second, vocabtest.OtherPill, cipOne, nil}))
	check("acts", lines(t, s, "procedure_occurrence", "procedure_concept_id", "procedure_source_concept_id"), text([]any{ccam, ccam}))
	check("deaths", lines(t, s, "death", "person_id", "cause_concept_id", "cause_source_concept_id"), text([]any{2, vocabtest.Session, z511}))

	if want := []vocab.SystemReport{{System: "CCAM", Codes: 1, InAthena: 1}, {System: "CIM10", Codes: 6, InAthena: 5, Standard: 3}, {System: "CIP13", Codes: 2, InAthena: 1, Standard: 1}}; !slices.Equal(r.Systems, want) {
		t.Errorf("code systems %+v, want %+v", r.Systems, want)
	}
	wantEvents := []vocab.EventReport{{"condition_occurrence", 4, 1}, {"death", 1, 0}, {"drug_exposure", 4, 2}, {"procedure_occurrence", 0, 0}}
	if !slices.Equal(r.Events, wantEvents) {
		t.Errorf("events %+v, want %+v", r.Events, wantEvents)
	}

	// A local concept maps to what its code maps to, and Athena's concept of the
	// code stands above it and what is under it; it stands above no standard one.
	relations := lines(t, s, "concept_relationship", "concept_id_1", "concept_id_2", "relationship_id")
	for _, want := range []string{fmt.Sprintf("%d %d Maps to", z511, vocabtest.Session), fmt.Sprintf("%d %d Mapped from", vocabtest.Drug, z511)} {
		if !strings.Contains(relations, want) {
			t.Errorf("the relation %q is missing", want)
		}
	}
	if strings.Contains(relations, fmt.Sprint(k573)) {
		t.Error("a code whose mapping was taken back is mapped")
	}
	above := map[string]bool{}
	for _, l := range strings.Split(lines(t, s, "concept_ancestor", "ancestor_concept_id", "descendant_concept_id", "min_levels_of_separation"), "\n") {
		above[l] = true
		var a, d, n int
		if _, err := fmt.Sscan(l, &a, &d, &n); err != nil {
			t.Fatal(err)
		}
		if a >= vocab.FirstLocal && d < vocab.FirstLocal {
			t.Errorf("a local concept stands above a standard one: %s", l)
		}
	}
	athena := vocabtest.French()
	for _, want := range []string{
		fmt.Sprint(athena.ID("CIM10", "I40"), i409, 2), fmt.Sprint(athena.ID("CIM10", "I40"), i40, 1), fmt.Sprint(athena.ID("CIM10", "I40.9"), i409, 1),
		fmt.Sprint(chapter, i409, 2), "8507 8507 0", fmt.Sprint(vocabtest.HeartIll, vocabtest.Myocarditis, 1),
	} {
		if !above[want] {
			t.Errorf("concept_ancestor lacks %q", want)
		}
	}

	// Another vocabulary takes the place of the first.
	other := vocabtest.New("v6")
	other.Concept(8507, "Gender", "Gender", "S", "M")
	other.Concept(vocabtest.Tumour, "OMOP Extension", "Condition", "S", "t")
	other.Code("ICD10", "Condition", "K57.3", vocabtest.Tumour)
	dir := other.Write(t)
	p.load(t, dir)
	fresh := newPlace(t)
	claims(t, fresh.lake)
	fresh.load(t, dir)
	if got, want := p.current(t), fresh.current(t); got.ID != want.ID {
		t.Errorf("after another vocabulary:\n%s\na hub that had only that one:\n%s", content(t, got), content(t, want))
	}
	if c := lines(t, fresh.current(t), "concept", "concept_id", "concept_name"); !strings.Contains(c, `8507 the "name" of M`) || strings.Contains(c, "8507 male") || !strings.Contains(c, "32812 claim") {
		t.Errorf("concepts of both:\n%s", c)
	}

	p.load(t, vocabtest.New("v7").Write(t))
	for _, e := range []string{"condition_occurrence", "drug_exposure", "procedure_occurrence", "death"} {
		before, _ := plain.Table(e)
		after, _ := p.current(t).Table(e)
		if fmt.Sprint(before.Files) != fmt.Sprint(after.Files) {
			t.Errorf("without French codes %s is not what it was before any vocabulary", e)
		}
	}
}

// TestKeysThatWouldBeTaken: a source whose keys are where those of further
// readings are is refused rather than losing rows.
func TestKeysThatWouldBeTaken(t *testing.T) {
	p := newPlace(t)
	p.load(t, vocabtest.French().Write(t))
	w, err := writer.Open(t.Context(), p.lake, duck.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	tb, _ := cdm.Lookup("measurement")
	if err := w.StageQuery(t.Context(), tb, fmt.Sprintf("SELECT unnest([5, %d]) AS measurement_id, unnest([1, 2]) AS person_id", 5+second)); err != nil {
		t.Fatal(err)
	}
	if err := vocab.Standardise(t.Context(), w); galien.KindOf(err) != galien.Internal || err == nil {
		t.Errorf("a key beyond 2^52 of another person: %v", err)
	}
}

// hospital is a lake, a vault and a ledger, and loads a hospital's files.
type hospital struct {
	place
	vault *vault.Vault
}

func newHospital(t *testing.T) hospital {
	p := newPlace(t)
	v, err := vault.Create(filepath.Join(p.dir, "vault"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return hospital{p, v}
}

func (h hospital) claims(t *testing.T) pmsi.Report {
	t.Helper()
	dir := filepath.Join(refdata.Dir(t, "snds-truth-small"), "input", "hospital")
	r, err := pmsi.Ingest(t.Context(), pmsi.Load{Lake: h.lake, Vault: h.vault, Quarantine: filepath.Join(h.dir, "quarantine"), Name: "pmsi",
		Files: []string{filepath.Join(dir, "rss122.txt"), filepath.Join(dir, "vidhospV016.txt")}, Now: time.Unix(0, 0), Engine: duck.Config{Threads: 2, MemoryLimit: "1GiB"}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOrderDoesNotMatter: vocabulary then claims, claims then vocabulary, and a
// vocabulary in between that is replaced, give one snapshot, to the byte.
func TestOrderDoesNotMatter(t *testing.T) {
	refdata.Dir(t, "snds-truth-small")
	french := vocabtest.French()
	french.Concept(8507, "Gender", "Gender", "S", "M")
	dir := french.Write(t)
	first := newHospital(t)
	first.claims(t)
	r := first.load(t, dir)
	if len(r.Events) == 0 || r.Events[0].Standard == 0 || r.Events[0].Further == 0 {
		t.Fatalf("nothing of the data is translated: %+v", r.Events)
	}
	want := first.current(t)
	if again := first.claims(t); again.Changed {
		t.Error("the same claims after a vocabulary changed the hub")
	}

	after := newHospital(t)
	after.load(t, dir)
	after.claims(t)
	old := vocabtest.New("v1")
	old.Concept(8507, "Gender", "Gender", "S", "old")
	old.Concept(vocabtest.Tumour, "OMOP Extension", "Condition", "S", "t")
	old.Code("CIM10", "Condition", "R07.4", vocabtest.Tumour)
	between := newHospital(t)
	between.load(t, old.Write(t))
	between.claims(t)
	if names := lines(t, between.current(t), "concept", "concept_id", "concept_name"); !strings.Contains(names, `8507 the "name" of old`) {
		t.Error("Athena's word for 8507 is missing")
	}
	between.load(t, dir)
	for name, h := range map[string]hospital{"vocabulary then claims": after, "claims between two vocabularies": between} {
		if got := h.current(t); got.ID != want.ID {
			t.Errorf("%s:\n%s\nclaims then vocabulary:\n%s", name, content(t, got), content(t, want))
		}
	}
}
