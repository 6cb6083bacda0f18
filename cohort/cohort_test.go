package cohort_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/cdm"
	"galien/cohort"
	"galien/cohort/circe"
)

const definition = `{"ConceptSets":[{"id":0,"name":"bleeding","expression":{"items":[{"concept":{"CONCEPT_ID":1},"includeDescendants":true},{"concept":{"CONCEPT_ID":2}}]}},
{"id":1,"name":"drugs","expression":{"items":[{"concept":{"CONCEPT_ID":3}}]}}],
"PrimaryCriteria":{"CriteriaList":[{"ConditionOccurrence":{"CodesetId":0,"Age":{"Value":18,"Op":"gte"}}}],"ObservationWindow":{"PriorDays":365,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"First"}},
"QualifiedLimit":{"Type":"First"},"ExpressionLimit":{"Type":"All"},
"InclusionRules":[{"name":"no drug","expression":{"Type":"ALL","CriteriaList":[{"Criteria":{"DrugExposure":{"CodesetId":1,"VisitType":[{"CONCEPT_ID":9201}]}},"StartWindow":{"Start":{"Days":30,"Coeff":-1},"End":{"Days":0,"Coeff":1}},"Occurrence":{"Type":0,"Count":0}}]}}],
"EndStrategy":{"DateOffset":{"DateField":"EndDate","Offset":7}},"CollapseSettings":{"CollapseType":"ERA","EraPad":30}}`

func read(t *testing.T, text string) *cohort.Definition {
	t.Helper()
	def, err := circe.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// Names and the order of a set's lines do not change the question; anything
// that can change the answer does.
func TestHash(t *testing.T) {
	want := read(t, definition).Hash()
	for _, same := range [][2]string{
		{`"name":"bleeding"`, `"name":"gastrointestinal bleeding"`},
		{`"name":"no drug"`, `"name":"R1","description":"none before"`},
		{`{"concept":{"CONCEPT_ID":1},"includeDescendants":true},{"concept":{"CONCEPT_ID":2}}`, `{"concept":{"CONCEPT_ID":2}},{"concept":{"CONCEPT_ID":1,"CONCEPT_NAME":"x"},"includeDescendants":true}`},
		{`"EraPad":30}}`, `"EraPad":30},"CensorWindow":{},"cdmVersionRange":">=5.0.0"}`},
	} {
		if got := read(t, replace(t, same)).Hash(); got != want {
			t.Errorf("%s: the hash changed", same[1])
		}
	}
	turned := read(t, replace(t, [2]string{`{"Value":18,"Op":"gte"}`, `{"Value":18,"Op":"gte"},"Gender":[{"CONCEPT_ID":8532},{"CONCEPT_ID":8507}]`}))
	straight := turned.Hash()
	slices.Reverse(turned.Entry[0].Filters)
	slices.Reverse(turned.Entry[0].Filters[0].(cohort.ConceptFilter).Concepts)
	if turned.Hash() != straight {
		t.Error("the order of filters and concepts changed the hash")
	}
	seen := map[string]string{want: "the definition"}
	for _, other := range [][2]string{
		{`"CONCEPT_ID":3`, `"CONCEPT_ID":4`}, {`"includeDescendants":true`, `"includeDescendants":false`},
		{`"PriorDays":365`, `"PriorDays":364`}, {`"PrimaryCriteriaLimit":{"Type":"First"}`, `"PrimaryCriteriaLimit":{"Type":"Last"}`}, {`"QualifiedLimit":{"Type":"First"}`, `"QualifiedLimit":{"Type":"All"}`}, {`"Value":18`, `"Value":19`}, {`"Op":"gte"`, `"Op":"gt"`},
		{`"Days":30,"Coeff":-1`, `"Days":30,"Coeff":1`}, {`"Type":0,"Count":0`, `"Type":1,"Count":0`}, {`"Count":0`, `"Count":1`},
		{`9201`, `9202`}, {`"DateField":"EndDate"`, `"DateField":"StartDate"`}, {`"Offset":7`, `"Offset":8`}, {`"EraPad":30`, `"EraPad":0`},
		{`{"DateOffset":{"DateField":"EndDate","Offset":7}}`, `{"CustomEra":{"DrugCodesetId":1,"GapDays":7,"Offset":0}}`},
		{`"ConditionOccurrence"`, `"ConditionEra"`},
	} {
		text := replace(t, other)
		if strings.Contains(text, "ConditionEra") {
			text = strings.Replace(text, `,"Age":{"Value":18,"Op":"gte"}`, "", 1)
		}
		h := read(t, text).Hash()
		if before, ok := seen[h]; ok {
			t.Errorf("%s has the hash of %s", other[1], before)
		}
		seen[h] = other[1]
	}
}

func replace(t *testing.T, pair [2]string) string {
	t.Helper()
	text := strings.Replace(definition, pair[0], pair[1], 1)
	if text == definition {
		t.Fatalf("%s is not in the definition", pair[0])
	}
	return text
}

// What a permit must grant, worked out by hand from the definition above.
func TestReads(t *testing.T) {
	want := cohort.Columns{
		"person":             {"person_id", "year_of_birth"},
		"observation_period": {"observation_period_end_date", "observation_period_start_date", "person_id"},
		"condition_occurrence": {"condition_concept_id", "condition_end_date", "condition_occurrence_id", "condition_start_date",
			"person_id", "visit_occurrence_id"},
		"drug_exposure": {"days_supply", "drug_concept_id", "drug_exposure_end_date", "drug_exposure_id", "drug_exposure_start_date",
			"person_id", "visit_occurrence_id"},
		"visit_occurrence": {"person_id", "visit_concept_id", "visit_occurrence_id"},
	}
	if got := read(t, definition).Reads(); !reflect.DeepEqual(got, want) {
		t.Errorf("reads\n%v\nwant\n%v", got, want)
	}
}

// Every column a domain names exists in the model, so no plan can ask for one
// that is not there.
func TestDomainsMatchTheModel(t *testing.T) {
	for _, d := range cohort.Domains() {
		table, ok := cdm.Lookup(d.Table)
		if !ok {
			t.Errorf("%s: no table %s", d.Name, d.Table)
			continue
		}
		location, _ := cdm.Lookup("location")
		check := func(what, column string) {
			if column == "" {
				return
			}
			_, own := table.Column(column)
			_, elsewhere := location.Column(column)
			if !own && !(d.Table == "location_history" && elsewhere) {
				t.Errorf("%s: %s %s is no column of %s", d.Name, what, column, d.Table)
			}
		}
		for what, column := range map[string]string{"id": d.ID, "person": d.Person, "concept": d.Concept, "source concept": d.SourceConcept,
			"start": d.Start, "end": d.End, "visit": d.Visit} {
			check(what, column)
		}
		for _, a := range d.Attributes {
			check(a.Name, a.Operand.Column)
			check(a.Name, a.Operand.Over)
			switch a.Operand.Of {
			case cohort.Specialty:
				check(a.Name, "provider_id")
			case cohort.PlaceOfCare:
				check(a.Name, "care_site_id")
			case cohort.LinkedVisit:
				check(a.Name, "visit_occurrence_id")
			}
		}
		for name, o := range d.CountColumns {
			check(name.String(), o.Column)
		}
	}
}

func TestCheckDimensions(t *testing.T) {
	for _, bad := range [][]cohort.Dimension{{"town"}, {cohort.Sex, cohort.Sex}, {""}} {
		if err := cohort.CheckDimensions(bad); galien.KindOf(err) != galien.Invalid || err == nil {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if err := cohort.CheckDimensions([]cohort.Dimension{cohort.Year, cohort.Sex, cohort.AgeGroup}); err != nil {
		t.Error(err)
	}
}
