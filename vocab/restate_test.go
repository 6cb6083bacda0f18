package vocab_test

import (
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/vocab"
)

// TestRestate: criteria of local concepts are asked of the source's column, also
// where they are nested; criteria of others stay; a mixture is refused.
func TestRestate(t *testing.T) {
	domain := func(name string) *cohort.Domain {
		d, ok := cohort.DomainByName(name)
		if !ok {
			t.Fatal(name)
		}
		return d
	}
	set := func(n int) *int { return &n }
	sets := []cohort.ConceptSet{
		{ID: 1, Items: []cohort.ConceptItem{{Concept: 2_000_000_001, Descendants: true}, {Concept: 2_000_000_002, Excluded: true}}},
		{ID: 2, Items: []cohort.ConceptItem{{Concept: 4329847}}},
		{ID: 3, Items: []cohort.ConceptItem{{Concept: 4329847}, {Concept: 2_000_000_001}}},
	}
	criterion := func(name string, codeset *int) cohort.Criterion {
		return cohort.Criterion{Domain: domain(name), Codeset: codeset}
	}
	drug := criterion("DrugExposure", set(1))
	drug.Nested = &cohort.Group{Correlated: []cohort.Correlated{{Criterion: criterion("ProcedureOccurrence", set(1))}}}
	def := &cohort.Definition{
		ConceptSets: sets,
		Entry:       []cohort.Criterion{criterion("ConditionOccurrence", set(1)), criterion("ConditionOccurrence", set(2)), criterion("Measurement", nil)},
		Additional:  &cohort.Group{Groups: []cohort.Group{{Correlated: []cohort.Correlated{{Criterion: drug}}}}},
		Rules:       []cohort.Rule{{Group: cohort.Group{Correlated: []cohort.Correlated{{Criterion: criterion("VisitOccurrence", set(1))}}}}},
		Censoring:   []cohort.Criterion{criterion("Death", set(1)), criterion("ConditionEra", set(1))},
	}
	before := def.Hash()
	got, err := vocab.Restate(def)
	if err != nil {
		t.Fatal(err)
	}
	if def.Hash() != before {
		t.Error("the definition itself was changed")
	}
	if got.Hash() == before {
		t.Error("what is asked is another question under the same hash")
	}
	// In the order of reading: entries, additional criteria with what is nested,
	// rules, censoring.
	want := []struct {
		concept string
		once    bool
	}{
		{"condition_source_concept_id", true}, {"condition_concept_id", false}, {"measurement_concept_id", true},
		{"drug_source_concept_id", true}, {"procedure_source_concept_id", true}, {"visit_concept_id", false},
		{"cause_source_concept_id", false}, {"condition_concept_id", false},
	}
	criteria := got.Criteria()
	if len(criteria) != len(want) {
		t.Fatalf("%d criteria, want %d", len(criteria), len(want))
	}
	for i, c := range criteria {
		if c.Domain.Concept != want[i].concept || len(c.Filters) == 1 != want[i].once {
			t.Errorf("criterion %d is asked of %s, with %d filters; want %s, once: %v", i, c.Domain.Concept, len(c.Filters), want[i].concept, want[i].once)
		}
	}
	o, err := criteria[0].CountOperandOf(cohort.CountDomainConcept)
	if err != nil || o.Column != "condition_source_concept_id" {
		t.Errorf("a distinct count of concepts counts %q, %v", o.Column, err)
	}
	if reads := strings.Join(got.Reads()["condition_occurrence"], " "); !strings.Contains(reads, "condition_source_concept_id") {
		t.Errorf("the permit is not asked for the source's column: %s", reads)
	}

	def.Entry = append(def.Entry, criterion("ConditionOccurrence", set(3)))
	if _, err := vocab.Restate(def); galien.KindOf(err) != galien.Invalid || !strings.Contains(err.Error(), "concept set 3") {
		t.Errorf("a mixture: %v", err)
	}
}
