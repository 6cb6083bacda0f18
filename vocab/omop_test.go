package vocab_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"galien/lake/duck"
	"galien/source/omop"
	"galien/vocab/vocabtest"
)

// TestBesideOMOPTables: in a hub of OMOP tables a load takes the place of the
// delivery's vocabulary, keeps the site's own concepts and changes no event; a
// later delivery with a vocabulary takes the place of the load.
func TestBesideOMOPTables(t *testing.T) {
	h := newHospital(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"PERSON.csv":               "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id\n7,8507,1950,0,0\n",
		"CONDITION_OCCURRENCE.csv": "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_type_concept_id,condition_source_concept_id\n5,7,2000000005,2020-01-01,0,2000000005\n",
		"CONCEPT.csv": "concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,standard_concept,concept_code,valid_start_date,valid_end_date,invalid_reason\n" +
			"2000000005,site's own,Condition,Site,Site,,5,1970-01-01,2099-12-31,\n44,delivered,Condition,SNOMED,x,S,44,1970-01-01,2099-12-31,\n",
		"CONCEPT_ANCESTOR.csv": "ancestor_concept_id,descendant_concept_id,min_levels_of_separation,max_levels_of_separation\n44,2000000005,1,1\n44,44,0,0\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ingest := func() {
		t.Helper()
		_, err := omop.Ingest(t.Context(), omop.Load{Lake: h.lake, Vault: h.vault, Quarantine: filepath.Join(h.dir, "quarantine"), Dir: dir, Name: "omop", Now: time.Unix(0, 0), Engine: duck.Config{Threads: 1}})
		if err != nil {
			t.Fatal(err)
		}
	}
	ingest()
	before := h.current(t)
	if r := h.load(t, vocabtest.French().Write(t)); len(r.Events) > 0 {
		t.Errorf("events were changed: %+v", r.Events)
	}
	s := h.current(t)
	if a, b := lines(t, before, "condition_occurrence"), lines(t, s, "condition_occurrence"); a != b {
		t.Errorf("the condition was %s and is %s", a, b)
	}
	concepts := lines(t, s, "concept", "concept_id", "concept_name")
	if !strings.Contains(concepts, "2000000005 site's own") || strings.Contains(concepts, "44 delivered") {
		t.Errorf("concepts after the load:\n%s", concepts)
	}
	ancestors := lines(t, s, "concept_ancestor", "ancestor_concept_id", "descendant_concept_id")
	if !strings.Contains(ancestors, "44 2000000005") || strings.Contains(ancestors, "44 44") {
		t.Errorf("the hierarchy after the load:\n%s", ancestors)
	}
	if err := os.WriteFile(filepath.Join(dir, "CONCEPT.csv"), []byte("concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,standard_concept,concept_code,valid_start_date,valid_end_date,invalid_reason\n44,delivered again,Condition,SNOMED,x,S,44,1970-01-01,2099-12-31,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ingest()
	if v := h.current(t).Manifest.Vocabularies; v != nil {
		t.Errorf("the manifest still speaks of %+v", v)
	}
}
