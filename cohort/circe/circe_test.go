package circe_test

import (
	"reflect"
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/cohort/circe"
)

// with wraps criteria into the smallest definition.
func with(entry, rest string) string {
	return `{"ConceptSets":[{"id":0,"expression":{"items":[{"concept":{"CONCEPT_ID":1}}]}}],"PrimaryCriteria":{"CriteriaList":[` + entry +
		`],"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"All"}}` + rest + `}`
}

// Every refusal names the path of what is refused.
func TestRefusalsNameThePath(t *testing.T) {
	condition := `{"ConditionOccurrence":{"CodesetId":0}}`
	rule := func(c string) string {
		return with(condition, `,"InclusionRules":[{"name":"r","expression":{"Type":"ALL","CriteriaList":[`+c+`]}}]`)
	}
	for _, c := range []struct{ text, path string }{
		{with(`{"NoteNlp":{}}`, ""), "PrimaryCriteria.CriteriaList[0].NoteNlp"},
		{with(`{"ConditionOccurrence":{"CodesetId":0,"Severity":1}}`, ""), "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Severity"},
		{with(`{"ConditionOccurrence":{"Age":{"Value":3,"Op":"about"}}}`, ""), "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Age.Op"},
		{with(`{"ConditionOccurrence":{"Age":{"Value":3,"Op":"bt"}}}`, ""), "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Age.Extent"},
		{with(`{"ConditionOccurrence":{"Age":{"Value":"three","Op":"gt"}}}`, ""), "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Age.Value"},
		{with(`{"ConditionOccurrence":{"CodesetId":"0"}}`, ""), "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.CodesetId"},
		{with(`{"ConditionOccurrence":{"OccurrenceStartDate":{"Value":"2019-02-30","Op":"gt"}}}`, ""), "OccurrenceStartDate.Value"},
		{with(`{"ConditionOccurrence":{"CodesetId":1.5}}`, ""), "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.CodesetId"},
		{with(`{"ConditionOccurrence":{"CodesetId":1e999999}}`, ""), "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.CodesetId"},
		{with(`{"Death":{"First":true}}`, ""), "PrimaryCriteria.CriteriaList[0].Death.First"},
		{with(condition+`,{"A":{},"B":{}}`, ""), "PrimaryCriteria.CriteriaList[1]"},
		{with(condition, `,"QualifiedLimit":{"Type":"Some"}`), "QualifiedLimit.Type"},
		{with(condition, `,"Surprise":{"x":1}`), "Surprise"},
		{with(condition, `,"CollapseSettings":{"CollapseType":"NO_COLLAPSE","EraPad":0}`), "CollapseSettings.CollapseType"},
		{with(condition, `,"EndStrategy":{"DateOffset":{"DateField":"MidDate","Offset":0}}`), "EndStrategy.DateOffset.DateField"},
		{with(condition, `,"EndStrategy":{"CustomEra":{"GapDays":0}}`), "EndStrategy.CustomEra.DrugCodesetId"},
		{with(condition, `,"AdditionalCriteria":{"Type":"NONE"}`), "AdditionalCriteria.Type"},
		{with(condition, `,"AdditionalCriteria":{"Type":"AT_LEAST"}`), "AdditionalCriteria.Count"},
		{rule(`{"Criteria":` + condition + `,"Occurrence":{"Type":2,"Count":1}}`), "InclusionRules[0].expression.CriteriaList[0].StartWindow"},
		{rule(`{"Criteria":` + condition + `,"StartWindow":{"Start":{"Days":1,"Coeff":3},"End":{"Days":1,"Coeff":1}},"Occurrence":{"Type":2,"Count":1}}`), "StartWindow.Start.Coeff"},
		{rule(`{"Criteria":` + condition + `,"StartWindow":{"Start":{"Days":1,"Coeff":-1,"TimeUnit":"hour"},"End":{"Days":1,"Coeff":1}},"Occurrence":{"Type":2,"Count":1}}`), "StartWindow.Start.TimeUnit"},
		{rule(`{"Criteria":` + condition + `,"StartWindow":{"Start":{"Days":1,"Coeff":-1},"End":{"Days":1,"Coeff":1}},"Occurrence":{"Type":3,"Count":1}}`), "Occurrence.Type"},
		{rule(`{"Criteria":` + condition + `,"StartWindow":{"Start":{"Days":1,"Coeff":-1},"End":{"Days":1,"Coeff":1}},"Occurrence":{"Type":2,"Count":1,"IsDistinct":true,"CountColumn":"DAYS_SUPPLY"}}`), "Occurrence.CountColumn"},
		{strings.Replace(with(condition, ""), `"PriorDays":0`, `"PriorDays":2147483647`, 1), "PrimaryCriteria.ObservationWindow.PriorDays"},
		{with(condition, `,"EndStrategy":{"DateOffset":{"DateField":"StartDate","Offset":-10000001}}`), "EndStrategy.DateOffset.Offset"},
		{with(condition, `,"EndStrategy":{"CustomEra":{"DrugCodesetId":0,"GapDays":0,"DaysSupplyOverride":2000000000}}`), "EndStrategy.CustomEra.DaysSupplyOverride"},
		{rule(`{"Criteria":` + condition + `,"StartWindow":{"Start":{"Days":99999999,"Coeff":-1},"End":{"Days":1,"Coeff":1}},"Occurrence":{"Type":2,"Count":1}}`), "StartWindow.Start.Days"},
		{with(condition, `,"AdditionalCriteria":`+strings.Repeat(`{"Type":"ALL","Groups":[`, 110)+strings.Repeat(`]}`, 110)), "Groups[0]"},
		{`[]`, "definition"}, {`{}`, "PrimaryCriteria"}, {`{"PrimaryCriteria":{"CriteriaList":[]}}`, "ObservationWindow"}, {with("", ""), "PrimaryCriteria.CriteriaList"},
	} {
		_, err := circe.Read(strings.NewReader(c.text))
		if err == nil {
			t.Errorf("%s: read", c.text)
		} else if galien.KindOf(err) != galien.Invalid || !strings.Contains(err.Error(), c.path+":") {
			t.Errorf("%s:\n%v\nwant the path %s", c.text, err, c.path)
		}
	}
}

func TestRefusesWhatIsNotOneDefinition(t *testing.T) {
	for _, text := range []string{"", "{", "null", `"x"`, "{} {}", "\x00", strings.Repeat("[", 100000)} {
		if _, err := circe.Read(strings.NewReader(text)); galien.KindOf(err) != galien.Invalid {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// Bounds are rendered by Circe as %d of the number's integer part, or as %.4f,
// which rounds half up on the decimals as written.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		attribute, value string
		want             cohort.Decimal
	}{
		{"Age", "17.9", 170000}, {"Age", "-3.7", -30000}, {"Age", "1e2", 1000000},
		{"ValueAsNumber", "2.00005", 20001}, {"ValueAsNumber", "2.00004", 20000}, {"ValueAsNumber", "-2.00005", -20001}, {"ValueAsNumber", "0.1", 1000},
	} {
		def, err := circe.Read(strings.NewReader(with(`{"Measurement":{"`+c.attribute+`":{"Value":`+c.value+`,"Op":"gt"}}}`, "")))
		if err != nil {
			t.Fatal(err)
		}
		if got := def.Entry[0].Filters[0].(cohort.NumberFilter).Value; got != c.want {
			t.Errorf("%s %s reads as %d ten-thousandths, want %d", c.attribute, c.value, got, c.want)
		}
	}
}

// R writes large whole numbers with an exponent; published definitions have them.
func TestWholeNumbers(t *testing.T) {
	for _, c := range []struct {
		text string
		want galien.ConceptID
	}{{"4e+05", 400000}, {"4.43e6", 4430000}, {"12.0", 12}, {"9223372036854775807", 9223372036854775807}} {
		text := strings.Replace(with(`{"ConditionOccurrence":{"CodesetId":0}}`, ""), `"CONCEPT_ID":1`, `"CONCEPT_ID":`+c.text, 1)
		def, err := circe.Read(strings.NewReader(text))
		if err != nil || def.ConceptSets[0].Items[0].Concept != c.want {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

// A definition may come bare, with a byte order mark, or in WebAPI's envelope.
func TestEnvelope(t *testing.T) {
	bare := with(`{"ConditionOccurrence":{"CodesetId":0}}`, "")
	want, err := circe.Read(strings.NewReader(bare))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"\ufeff" + bare, `{"id":7,"name":"x","expression":` + bare + `}`} {
		got, err := circe.Read(strings.NewReader(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%.30s: %v", text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(with(`{"ConditionOccurrence":{"CodesetId":0,"First":true}}`, `,"CensorWindow":{"StartDate":"2020-01-01"}`))
	f.Add(with(`{"DrugEra":{"GapDays":{"Value":1,"Op":"lt"}}}`, ""))
	f.Fuzz(func(t *testing.T, text string) {
		def, err := circe.Read(strings.NewReader(text))
		if err == nil {
			def.Hash()
			def.Reads()
		}
	})
}
