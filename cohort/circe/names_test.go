package circe_test

import (
	"reflect"
	"testing"

	"galien"
	"galien/cohort/circe"
)

// Names are found wherever a concept is written, and only there.
func TestReadNames(t *testing.T) {
	text := `{"name":"Bleeding","expression":{"ConceptSets":[{"id":0,"name":"set","expression":{"items":[
		{"concept":{"CONCEPT_ID":1,"CONCEPT_NAME":"one"}},{"concept":{"CONCEPT_ID":2}},{"concept":{"CONCEPT_ID":1,"CONCEPT_NAME":"another one"}}]}}],
		"PrimaryCriteria":{"CriteriaList":[{"ConditionOccurrence":{"Gender":[{"CONCEPT_ID":8532,"CONCEPT_NAME":"FEMALE"},{"CONCEPT_ID":"x","CONCEPT_NAME":"y"}]}}]}}}`
	want := circe.Names{Title: "Bleeding", Concepts: map[galien.ConceptID]string{1: "another one", 8532: "FEMALE"}}
	if got := circe.ReadNames([]byte(text)); !reflect.DeepEqual(got, want) {
		t.Errorf("names %v, want %v", got, want)
	}
	for _, none := range []string{"", "[", "[1]", `{"name":7}`} {
		if got := circe.ReadNames([]byte(none)); got.Title != "" || len(got.Concepts) != 0 {
			t.Errorf("%q has names %v", none, got)
		}
	}
}
