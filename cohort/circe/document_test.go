package circe_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/cohort/circe"
)

func parse(t *testing.T, text string) *circe.Document {
	t.Helper()
	doc, err := circe.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func written(t *testing.T, doc *circe.Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := doc.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// tokens is a JSON text without its white space: keys in order, numbers and
// nulls as they stand.
func tokens(t *testing.T, text []byte) []json.Token {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var all []json.Token
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, token)
	}
}

// carried says something at every level that changes no answer.
const carried = `{
  "Title": "H\u00e9morragie d\u00e9riv\u00e9e, 痛み 🩸",
  "cdmVersionRange": ">=5.0.0",
  "tags": [1, 2.50, 1e400, 123456789012345678901234567890, null, {"a": null}],
  "ConceptSets": [
    {"id": 3, "createdBy": {"login": "x\/y", "since": -0.0}, "name": "saignement", "expression": {"items": [
      {"isExcluded": false, "concept": {"CONCEPT_NAME": "saigne <b>&", "CONCEPT_ID": 1, "VOCABULARY_ID": "SNOMED", "x": {"y": [null]}}, "includeMapped": null},
      {"concept": {"CONCEPT_ID": 2, "INVALID_REASON_CAPTION": null}, "includeDescendants": true}
    ]}}
  ],
  "PrimaryCriteria": {
    "ObservationWindow": {"PostDays": null, "PriorDays": 365},
    "CriteriaList": [
      {"ConditionOccurrence": {"CodesetId": 3, "First": null, "ConditionTypeExclude": false,
        "Age": {"Value": 17.90, "Op": "gte", "Extent": null},
        "Gender": [{"CONCEPT_NAME": "FEMALE", "CONCEPT_ID": 8.532e+03}, {"CONCEPT_ID": 8507, "CONCEPT_NAME": "MALE"}]}}
    ],
    "PrimaryCriteriaLimit": {"Type": "ALL"}
  },
  "AdditionalCriteria": null,
  "QualifiedLimit": {"Type": "first"},
  "InclusionRules": [
    {"name": "one", "description": null, "expression": {"Type": "all", "Count": 7, "CriteriaList": [
      {"Criteria": {"LocationRegion": {"StartDate": {"Value": "2020-01-01", "Op": "lt", "note": 1}, "CodesetId": null}},
       "StartWindow": {"Start": {"Coeff": -1, "Days": null}, "End": {"Days": 0, "Coeff": 1}, "UseEventEnd": null},
       "EndWindow": null, "RestrictVisit": false,
       "Occurrence": {"Count": 1, "Type": 2, "IsDistinct": false, "CountColumn": "START_DATE"}}
    ], "DemographicCriteriaList": [], "Groups": null}}
  ],
  "EndStrategy": {"DateOffset": null},
  "CensorWindow": {}
}
`

// An unchanged file comes back with every key, in order, spelled as it was.
func TestUnchangedDocument(t *testing.T) {
	got := written(t, parse(t, "\ufeff"+carried))
	if want := tokens(t, []byte(carried)); !reflect.DeepEqual(tokens(t, []byte(got)), want) {
		t.Errorf("written\n%s\nread\n%s", got, carried)
	}
	for _, spelling := range []string{`H\u00e9morragie`, "痛み 🩸", "2.50", "1e400", "123456789012345678901234567890", `x\/y`, "-0.0", "17.90"} {
		if !strings.Contains(got, spelling) {
			t.Errorf("%s is no longer spelled so", spelling)
		}
	}
}

// The layouts that ATLAS, Jackson and Python write come back to the byte.
func TestLayout(t *testing.T) {
	compact := with(`{"ConditionOccurrence":{"CodesetId":0,"Gender":[]}}`, `,"EndStrategy":{}`)
	var tabs bytes.Buffer
	if err := json.Indent(&tabs, []byte(compact), "", "\t"); err != nil {
		t.Fatal(err)
	}
	python := strings.NewReplacer(":", ": ", ",", ", ").Replace(compact)
	for _, text := range []string{compact, compact + "\n", tabs.String(), python} {
		if got := written(t, parse(t, text)); got != text {
			t.Errorf("read\n%s\nwritten\n%s", text, got)
		}
	}
}

// Of a file only what changed in the model changes.
func TestChangedDocument(t *testing.T) {
	five := 5
	for name, c := range map[string]struct {
		change   func(*cohort.Definition)
		old, new string // of the file
	}{
		"a number":          {func(d *cohort.Definition) { d.PriorDays = 30 }, `"PriorDays": 365`, `"PriorDays": 30`},
		"a null":            {func(d *cohort.Definition) { d.PostDays = 30 }, `"PostDays": null`, `"PostDays": 30`},
		"a flag":            {func(d *cohort.Definition) { d.Entry[0].First = true }, `"First": null`, `"First": true`},
		"a limit":           {func(d *cohort.Definition) { d.QualifiedLimit = cohort.Last }, `"Type": "first"`, `"Type": "Last"`},
		"an absent key":     {func(d *cohort.Definition) { d.EraPad = 5 }, `"CensorWindow": {}`, `"CensorWindow": {}, "CollapseSettings": {"CollapseType": "ERA", "EraPad": 5}`},
		"a concept is gone": {func(d *cohort.Definition) { d.ConceptSets[0].Items = d.ConceptSets[0].Items[:1] }, `, {"concept": {"CONCEPT_ID": 2, "INVALID_REASON_CAPTION": null}, "includeDescendants": true}`, ``},
		// The name of the old concept does not stay beside the new one.
		"another concept": {func(d *cohort.Definition) { d.ConceptSets[0].Items[1].Concept = 9 },
			`{"concept": {"CONCEPT_ID": 2, "INVALID_REASON_CAPTION": null}, "includeDescendants": true}`,
			`{"concept": {"CONCEPT_ID": 9}, "isExcluded": false, "includeDescendants": true, "includeMapped": false}`},
		"a line's flag": {func(d *cohort.Definition) { d.ConceptSets[0].Items[0].Mapped = true }, `"includeMapped": null`, `"includeMapped": true`},
		"a new set first": {func(d *cohort.Definition) {
			d.ConceptSets = slices.Insert(d.ConceptSets, 0, cohort.ConceptSet{ID: 8, Name: "n"})
		}, `"ConceptSets": [`, `"ConceptSets": [{"id": 8, "name": "n", "expression": {"items": []}},`},
		"a list of concepts": {func(d *cohort.Definition) {
			f := d.Entry[0].Filters[1].(cohort.ConceptFilter)
			f.Concepts = []galien.ConceptID{8521, 8532}
			d.Entry[0].Filters[1] = f
		}, `{"CONCEPT_NAME": "FEMALE", "CONCEPT_ID": 8.532e+03}, {"CONCEPT_ID": 8507, "CONCEPT_NAME": "MALE"}`,
			`{"CONCEPT_NAME": "FEMALE", "CONCEPT_ID": 8.532e+03}, {"CONCEPT_ID": 8521}`},
		"an operator": {func(d *cohort.Definition) {
			f := d.Entry[0].Filters[0].(cohort.NumberFilter)
			f.Op = cohort.Less
			d.Entry[0].Filters[0] = f
		}, `"Op": "gte"`, `"Op": "lt"`},
		"an open bound": {func(d *cohort.Definition) {
			d.Rules[0].Group.Correlated[0].StartWindow.Start = cohort.Bound{Before: true, Days: -7}
		}, `"Days": null`, `"Days": 7`},
		"an event's end": {func(d *cohort.Definition) { d.Rules[0].Group.Correlated[0].StartWindow.EventEnd = true }, `"UseEventEnd": null`, `"UseEventEnd": true`},
		"a new rule first": {func(d *cohort.Definition) {
			d.Rules = slices.Insert(d.Rules, 0, cohort.Rule{Name: "zero", Group: cohort.Group{Type: cohort.AtLeast, Count: 5}})
		}, `"InclusionRules": [`, `"InclusionRules": [{"name": "zero", "expression": {"Type": "AT_LEAST", "Count": 5, "CriteriaList": [], "DemographicCriteriaList": [], "Groups": []}},`},
		"an end": {func(d *cohort.Definition) { d.Exit = cohort.DrugEra{Codeset: 3, DaysForce: &five} }, `{"DateOffset": null}`,
			`{"DateOffset": null, "CustomEra": {"DrugCodesetId": 3, "GapDays": 0, "Offset": 0, "DaysSupplyOverride": 5}}`},
		"no rule": {func(d *cohort.Definition) { d.Rules = nil }, carried[strings.Index(carried, `[
    {"name": "one"`):strings.Index(carried, `,
  "EndStrategy"`)], `[]`},
	} {
		t.Run(name, func(t *testing.T) {
			doc := parse(t, carried)
			c.change(doc.Definition)
			// Compared without line breaks, so that the table reads.
			flat := func(s string) string {
				return strings.Join(strings.Fields(strings.ReplaceAll(s, "\n", " ")), " ")
			}
			source := strings.NewReplacer("[ ", "[", " ]", "]", "{ ", "{").Replace(flat(carried))
			old := strings.NewReplacer("[ ", "[", " ]", "]", "{ ", "{").Replace(flat(c.old))
			if !strings.Contains(source, old) {
				t.Fatalf("%s is not in the file", old)
			}
			want := strings.Replace(source, old, c.new, 1)
			if got := written(t, doc); !reflect.DeepEqual(tokens(t, []byte(got)), tokens(t, []byte(want))) {
				t.Errorf("written\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// What a file says of an item stays with it, whatever comes and goes around it.
func TestItemsKeepTheirOwn(t *testing.T) {
	entry := func(mark, domain, set string) string {
		return `{"` + domain + `":{"` + mark + `":null,"CodesetId":` + set + `}}`
	}
	doc := parse(t, with(entry("a", "Death", "0")+","+entry("b", "DrugEra", "0")+","+entry("c", "DrugExposure", "0")+","+entry("d", "Specimen", "0"), ""))
	era, ok := cohort.DomainByName("ConditionEra")
	if !ok {
		t.Fatal("no domain")
	}
	// The first goes, one comes before the third, and the third changes.
	list := doc.Definition.Entry
	two := 2
	list[2].Codeset = &two
	doc.Definition.Entry = []cohort.Criterion{list[1], {Domain: era}, list[2], list[3]}
	want := with(entry("b", "DrugEra", "0")+`,{"ConditionEra":{}},`+entry("c", "DrugExposure", "2")+","+entry("d", "Specimen", "0"), "")
	if got := written(t, doc); got != want {
		t.Errorf("written\n%s\nwant\n%s", got, want)
	}
	// Those in the middle go.
	doc.Definition.Entry = []cohort.Criterion{list[0], list[3]}
	want = with(entry("a", "Death", "0")+","+entry("d", "Specimen", "0"), "")
	if got := written(t, doc); got != want {
		t.Errorf("written\n%s\nwant\n%s", got, want)
	}
}

// Attributes that the model does not tell apart keep the names of the file.
func TestAttributesThatTestAlike(t *testing.T) {
	text := with(`{"DrugExposure":{"OccurrenceEndDate":{"Value":"2020-01-01","Op":"gt"}}}`, `,"AdditionalCriteria":{"Type":"ALL","DemographicCriteriaList":[{"Race":[{"CONCEPT_ID":5}],"EthnicityCS":{"CodesetId":0,"IsExclusion":false}}]}`)
	doc := parse(t, text)
	doc.Definition.Entry[0].Filters[0] = cohort.DateFilter{Operand: cohort.Operand{Of: cohort.StartDate}, Op: cohort.Less, Value: galien.MustDate("2020-01-01")}
	filters := doc.Definition.Additional.Demographics[0].Filters
	selection := filters[1].(cohort.CodesetFilter)
	selection.Exclude = true
	filters[1] = selection
	want := strings.NewReplacer(`"Op":"gt"`, `"Op":"lt"`, `"IsExclusion":false`, `"IsExclusion":true`).Replace(text)
	if got := written(t, doc); got != want {
		t.Errorf("written\n%s\nwant\n%s", got, want)
	}
}

// "eq a%" and "startsWith a" are the same test; a text is never put beside the
// operator of another.
func TestChangedText(t *testing.T) {
	doc := parse(t, with(`{"ConditionOccurrence":{"StopReason":{"Op":"eq","Text":"a%"}}}`, ""))
	f := doc.Definition.Entry[0].Filters[0].(cohort.TextFilter)
	f.Pattern = "b%"
	doc.Definition.Entry[0].Filters[0] = f
	want := with(`{"ConditionOccurrence":{"StopReason":{"Text":"b","Op":"startsWith"}}}`, "")
	if got := written(t, doc); got != want {
		t.Errorf("written\n%s\nwant\n%s", got, want)
	}
}

// WebAPI answers with the expression spelled as a text; it is written as one.
func TestExpressionInAText(t *testing.T) {
	inner := with(`{"ConditionOccurrence":{"CodesetId":0}}`, `,"Title":"\u00e9 \" <"`)
	spelled, err := json.Marshal(inner)
	if err != nil {
		t.Fatal(err)
	}
	text := `{"id":7,"name":"x","expression":` + string(spelled) + `,"tags":[]}`
	doc := parse(t, text)
	if got := doc.Path("InclusionRules[0]"); got != "expression.InclusionRules[0]" {
		t.Errorf("path %s", got)
	}
	if got := written(t, doc); got != text {
		t.Errorf("written\n%s\nread\n%s", got, text)
	}
	doc.Definition.PriorDays = 9
	var envelope struct{ Expression string }
	if err := json.Unmarshal([]byte(written(t, doc)), &envelope); err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(inner, `"PriorDays":0`, `"PriorDays":9`, 1); envelope.Expression != want {
		t.Errorf("inside\n%s\nwant\n%s", envelope.Expression, want)
	}
}

// A key given twice would lose one of its values.
func TestRefusesKeysGivenTwice(t *testing.T) {
	text := strings.Replace(with(`{"ConditionOccurrence":{"CodesetId":0}}`, ""), `"CONCEPT_ID":1`, `"CONCEPT_ID":1,"CONCEPT_ID":2`, 1)
	_, err := circe.Read(strings.NewReader(text))
	if galien.KindOf(err) != galien.Invalid || !strings.HasPrefix(err.Error(), "ConceptSets[0].expression.items[0].concept.CONCEPT_ID:") {
		t.Errorf("%v", err)
	}
}

// What Circe's JSON has no words for is refused by its path.
func TestCannotBeWritten(t *testing.T) {
	domain := func(name string) *cohort.Domain {
		d, ok := cohort.DomainByName(name)
		if !ok {
			t.Fatal(name)
		}
		return d
	}
	age := cohort.NumberFilter{Operand: cohort.Operand{Of: cohort.AgeAtStart}, Op: cohort.Greater, Value: 180000}
	set := 0
	entry := func(c cohort.Criterion) *cohort.Definition { return &cohort.Definition{Entry: []cohort.Criterion{c}} }
	with := func(change func(*cohort.Definition)) *cohort.Definition {
		d := entry(cohort.Criterion{Domain: domain("Death")})
		change(d)
		return d
	}
	for _, c := range []struct {
		def  *cohort.Definition
		path string
	}{
		{&cohort.Definition{}, "PrimaryCriteria.CriteriaList"},
		{entry(cohort.Criterion{}), "PrimaryCriteria.CriteriaList[0]"},
		{entry(cohort.Criterion{Domain: domain("Death"), First: true}), "PrimaryCriteria.CriteriaList[0].Death.First"},
		{entry(cohort.Criterion{Domain: domain("Death"), Adjust: &cohort.DateAdjustment{}}), "PrimaryCriteria.CriteriaList[0].Death.DateAdjustment"},
		{entry(cohort.Criterion{Domain: domain("Specimen"), Adjust: &cohort.DateAdjustment{}}), "PrimaryCriteria.CriteriaList[0].Specimen.DateAdjustment"},
		{entry(cohort.Criterion{Domain: domain("ConditionEra"), SourceCodeset: &set}), "PrimaryCriteria.CriteriaList[0].ConditionEra"},
		{entry(cohort.Criterion{Domain: domain("ObservationPeriod"), Codeset: &set}), "PrimaryCriteria.CriteriaList[0].ObservationPeriod.CodesetId"},
		{entry(cohort.Criterion{Domain: domain("Death"), Filters: []cohort.Filter{age, age}}), "PrimaryCriteria.CriteriaList[0].Death.Age"},
		{entry(cohort.Criterion{Domain: domain("DrugEra"), Filters: []cohort.Filter{cohort.NumberFilter{Operand: cohort.Operand{Column: "gap_days"}}}}), "PrimaryCriteria.CriteriaList[0].DrugEra.GapDays"},
		{entry(cohort.Criterion{Domain: domain("DrugEra"), Filters: []cohort.Filter{cohort.NumberFilter{Operand: cohort.Operand{Of: cohort.Length}, Value: 10000},
			cohort.NumberFilter{Operand: cohort.Operand{Column: "gap_days"}}}}), "PrimaryCriteria.CriteriaList[0].DrugEra.GapDays"},
		{entry(cohort.Criterion{Domain: domain("Death"), Filters: []cohort.Filter{cohort.NumberFilter{Operand: age.Operand, Value: 5000}}}), "PrimaryCriteria.CriteriaList[0].Death.Age"},
		{entry(cohort.Criterion{Domain: domain("Death"), Filters: []cohort.Filter{cohort.TextFilter{}}}), "PrimaryCriteria.CriteriaList[0].Death"},
		{entry(cohort.Criterion{Domain: domain("Death"), Filters: []cohort.Filter{cohort.ConceptFilter{Operand: cohort.Operand{Of: cohort.Gender}, Concepts: []galien.ConceptID{1}, Exclude: true}}}), "PrimaryCriteria.CriteriaList[0].Death.Gender"},
		{with(func(d *cohort.Definition) { d.Additional = &cohort.Group{Count: 1} }), "AdditionalCriteria.Count"},
		{with(func(d *cohort.Definition) { d.PriorDays = 1 << 30 }), "PrimaryCriteria.ObservationWindow.PriorDays"},
		{with(func(d *cohort.Definition) { d.Rules = make([]cohort.Rule, 63) }), "InclusionRules"},
		{with(func(d *cohort.Definition) {
			d.Rules = []cohort.Rule{{Group: cohort.Group{Correlated: []cohort.Correlated{{Criterion: d.Entry[0], StartWindow: cohort.Window{End: cohort.Bound{Open: true, Days: 3}}}}}}}
		}), "InclusionRules[0].expression.CriteriaList[0].StartWindow.End.Days"},
	} {
		var b bytes.Buffer
		err := circe.Write(&b, c.def)
		if galien.KindOf(err) != galien.Invalid || err == nil || !strings.HasPrefix(err.Error(), c.path+":") {
			t.Errorf("%v\nwant the path %s", err, c.path)
		}
		if b.Len() > 0 {
			t.Errorf("%s: something was written", c.path)
		}
	}
}

// FuzzDocument reads, writes and reads again: nothing is lost, and the model's
// own words say the same.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(carried), 365, "name", uint8(0))
	f.Add([]byte(with(`{"DrugExposure":{"OccurrenceEndDate":{"Value":"2020-01-01","Op":"gt"},"StopReason":{"Op":"!eq","Text":"%a"}}}`, `,"Title":"\ud800"`)), -1, "\xff\"", uint8(3))
	f.Add([]byte(`{"expression":"{\"PrimaryCriteria\":{\"CriteriaList\":[{\"Death\":{}}],\"ObservationWindow\":{}}}"}`), 0, "", uint8(7))
	f.Fuzz(func(t *testing.T, text []byte, days int, name string, what uint8) {
		doc, err := circe.Parse(bytes.NewReader(text))
		if err != nil {
			return
		}
		before := written(t, doc)
		if !reflect.DeepEqual(tokens(t, []byte(before)), tokens(t, bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))) {
			t.Fatalf("read\n%s\nwritten\n%s", text, before)
		}
		def := doc.Definition
		if what&1 > 0 {
			def.PriorDays = days % 1000
		}
		if what&2 > 0 && len(def.Rules) > 0 {
			def.Rules = append(def.Rules[1:], cohort.Rule{Name: strings.ToValidUTF8(name, "?")})
		}
		if what&4 > 0 && len(def.Entry) > 1 {
			def.Entry = def.Entry[1:]
		}
		var model bytes.Buffer
		if err := circe.Write(&model, def); err != nil {
			t.Fatal(err)
		}
		for _, after := range []string{model.String(), written(t, doc)} {
			again, err := circe.Read(strings.NewReader(after))
			if err != nil || again.Hash() != def.Hash() || len(again.Rules) > 0 && again.Rules[0].Name != def.Rules[0].Name {
				t.Fatalf("%v: written\n%s", err, after)
			}
		}
	})
}
