package review_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"galien/cohort/circe"
	"galien/cohort/review"
	"galien/refdata"
)

// parts are those of a definition that an example changes. The base is a first
// diagnosis (set 0), a rule without a drug (set 1), thirty days of follow-up.
type parts map[string]string

var base = parts{
	"sets": `{"id":0,"name":"a","expression":{"items":[{"concept":{"CONCEPT_ID":10,"DOMAIN_ID":"Condition"},"includeDescendants":true}]}},
		{"id":1,"name":"b","expression":{"items":[{"concept":{"CONCEPT_ID":20,"DOMAIN_ID":"Drug"},"includeDescendants":true}]}}`,
	"entry":      `{"ConditionOccurrence":{"CodesetId":0}}`,
	"window":     `{"PriorDays":365,"PostDays":30}`,
	"limit":      `First`,
	"additional": `null`,
	"qualified":  `First`,
	"result":     `First`,
	"rules":      rule(group(drug(`-30`, `0`, `0,"Count":0`))),
	"exit":       `{"DateOffset":{"DateField":"StartDate","Offset":30}}`,
	"censoring":  ``,
	"censor":     `{}`,
}

func (p parts) text() string {
	all := parts{}
	for k, v := range base {
		all[k] = v
	}
	for k, v := range p {
		all[k] = v
	}
	t := `{"ConceptSets":[<sets>],"PrimaryCriteria":{"CriteriaList":[<entry>],"ObservationWindow":<window>,"PrimaryCriteriaLimit":{"Type":"<limit>"}},
		"AdditionalCriteria":<additional>,"QualifiedLimit":{"Type":"<qualified>"},"ExpressionLimit":{"Type":"<result>"},"InclusionRules":[<rules>],
		"EndStrategy":<exit>,"CensoringCriteria":[<censoring>],"CensorWindow":<censor>}`
	for k, v := range all {
		t = strings.Replace(t, "<"+k+">", v, 1)
	}
	return t
}

func rule(group string) string { return `{"name":"r","expression":` + group + `}` }

func group(members ...string) string { return grouped("ALL", members...) }

func grouped(kind string, members ...string) string {
	return `{"Type":"` + kind + `","CriteriaList":[` + strings.Join(members, ",") + `]}`
}

func counted(kind, count string, members ...string) string {
	return strings.Replace(grouped(kind, members...), `,`, `,"Count":`+count+`,`, 1)
}

func days(n string) string {
	switch {
	case n == "first":
		return `{"Coeff":-1}`
	case n == "last":
		return `{"Coeff":1}`
	case strings.HasPrefix(n, "-"):
		return `{"Days":` + n[1:] + `,"Coeff":-1}`
	}
	return `{"Days":` + n + `,"Coeff":1}`
}

// near counts a criterion from start to end; occurrence begins with the type.
func near(criterion, start, end, occurrence string) string {
	return `{"Criteria":` + criterion + `,"StartWindow":{"Start":` + days(start) + `,"End":` + days(end) + `},"Occurrence":{"Type":` + occurrence + `}}`
}

func drug(start, end, occurrence string) string {
	return near(`{"DrugExposure":{"CodesetId":1}}`, start, end, occurrence)
}

func people(tests ...string) string {
	return `{"Type":"ALL","DemographicCriteriaList":[` + strings.Join(tests, ",") + `]}`
}

const one = `2,"Count":1`

func entry(attributes string) parts {
	return parts{"entry": `{"ConditionOccurrence":{"CodesetId":0,` + attributes + `}}`}
}

func rules(texts ...string) parts { return parts{"rules": strings.Join(texts, ",")} }

func sets(lines string) parts {
	return parts{"sets": `{"id":0,"name":"a","expression":{"items":[` + lines + `]}},{"id":1,"expression":{"items":[{"concept":{"CONCEPT_ID":20}}]}}`}
}

// examples are definitions that a rule is about: at says where it finds
// something in bad; in good, the nearest thing to it, it finds nothing.
var examples = []struct {
	rule, at  string
	bad, good parts
}{
	{"undefined-set", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.ConditionSourceConcept", entry(`"ConditionSourceConcept":7`), entry(`"ConditionSourceConcept":1`)},
	{"undefined-set", "EndStrategy.CustomEra.DrugCodesetId", parts{"exit": `{"CustomEra":{"DrugCodesetId":7,"GapDays":0,"Offset":0}}`}, parts{"exit": `{"CustomEra":{"DrugCodesetId":1,"GapDays":0,"Offset":0}}`}},
	{"undefined-set", "InclusionRules[0].expression.DemographicCriteriaList[0]", rules(rule(people(`{"GenderCS":{"CodesetId":7}}`))), rules(rule(people(`{"GenderCS":{}}`)))},
	{"empty-set", "ConceptSets[0].expression.items", sets(``), sets(`{"concept":{"CONCEPT_ID":10}}`)},
	{"empty-set", "ConceptSets[0].expression.items", sets(`{"concept":{"CONCEPT_ID":10},"isExcluded":true}`), sets(`{"concept":{"CONCEPT_ID":10},"isExcluded":true},{"concept":{"CONCEPT_ID":11}}`)},
	{"unused-set", "ConceptSets[1]", rules(), rules(rule(group(near(`{"ConditionEra":{"Gender":[],"CorrelatedCriteria":`+group(drug("0", "5", one))+`}}`, "0", "9", one))))},
	{"repeated-set", "ConceptSets[1]", parts{"sets": `{"id":0,"expression":{"items":[{"concept":{"CONCEPT_ID":1}},{"concept":{"CONCEPT_ID":2}}]}},{"id":1,"expression":{"items":[{"concept":{"CONCEPT_ID":2}},{"concept":{"CONCEPT_ID":1}}]}}`},
		parts{"sets": `{"id":0,"expression":{"items":[{"concept":{"CONCEPT_ID":1}},{"concept":{"CONCEPT_ID":2}}]}},{"id":1,"expression":{"items":[{"concept":{"CONCEPT_ID":2},"includeDescendants":true},{"concept":{"CONCEPT_ID":1}}]}}`}},
	{"excluded-line", "ConceptSets[0].expression.items[1]", sets(`{"concept":{"CONCEPT_ID":10},"includeDescendants":true},{"concept":{"CONCEPT_ID":10},"isExcluded":true,"includeDescendants":true},{"concept":{"CONCEPT_ID":11}}`),
		// Only the descendants.
		sets(`{"concept":{"CONCEPT_ID":10},"includeDescendants":true},{"concept":{"CONCEPT_ID":10},"isExcluded":true}`)},
	{"repeated-line", "ConceptSets[0].expression.items[1]", sets(`{"concept":{"CONCEPT_ID":10}},{"concept":{"CONCEPT_ID":10}}`), sets(`{"concept":{"CONCEPT_ID":10}},{"concept":{"CONCEPT_ID":10},"includeMapped":true}`)},
	{"other-domain", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.CodesetId", sets(`{"concept":{"CONCEPT_ID":10,"DOMAIN_ID":"Procedure"}},{"concept":{"CONCEPT_ID":11,"DOMAIN_ID":"Condition"},"isExcluded":true}`),
		sets(`{"concept":{"CONCEPT_ID":10,"DOMAIN_ID":"Procedure"}},{"concept":{"CONCEPT_ID":11,"DOMAIN_ID":"Condition/Meas"}}`)},
	{"other-domain", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.CodesetId", sets(`{"concept":{"CONCEPT_ID":10,"DOMAIN_ID":"Procedure"}}`),
		// Where a domain is not stated, nothing is known.
		sets(`{"concept":{"CONCEPT_ID":10,"DOMAIN_ID":"Procedure"}},{"concept":{"CONCEPT_ID":11}}`)},

	{"whole-domain", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence", parts{"entry": `{"ConditionOccurrence":{"Age":{"Value":18,"Op":"gte"}}}`}, parts{"entry": `{"ConditionOccurrence":{"ConditionType":[{"CONCEPT_ID":1}]}}`}},
	{"whole-domain", "PrimaryCriteria.CriteriaList[0].DrugEra", parts{"entry": `{"DrugEra":{"First":true}}`}, parts{"entry": `{"VisitOccurrence":{"First":true}}`}},
	{"empty-text", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.StopReason", entry(`"StopReason":{"Op":"contains","Text":""}`), entry(`"StopReason":{"Op":"contains","Text":"a"}`)},
	{"empty-range", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Age", entry(`"Age":{"Value":65,"Extent":18,"Op":"bt"}`), entry(`"Age":{"Value":65,"Extent":65,"Op":"bt"}`)},
	{"empty-range", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.OccurrenceStartDate", entry(`"OccurrenceStartDate":{"Value":"2021-01-01","Extent":"2020-01-01","Op":"bt"}`), entry(`"OccurrenceStartDate":{"Value":"2021-01-01","Op":"gt"}`)},
	{"gap-days", "PrimaryCriteria.CriteriaList[0].DrugEra.GapDays", parts{"entry": `{"DrugEra":{"CodesetId":1,"EraLength":{"Value":30,"Op":"gt"},"GapDays":{"Value":3,"Op":"lt"}}}`}, parts{"entry": `{"DrugEra":{"CodesetId":1,"EraLength":{"Value":30,"Op":"gt"}}}`}},
	{"impossible-value", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Age", entry(`"Age":{"Value":0,"Op":"lt"}`), entry(`"Age":{"Value":0,"Op":"lte"}`)},
	{"impossible-value", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Age", entry(`"Age":{"Value":150,"Op":"gt"}`), entry(`"Age":{"Value":149,"Op":"gt"}`)},
	{"impossible-value", "PrimaryCriteria.CriteriaList[0].VisitOccurrence.VisitLength", parts{"entry": `{"VisitOccurrence":{"VisitLength":{"Value":-9,"Extent":-1,"Op":"bt"}}}`}, parts{"entry": `{"VisitOccurrence":{"VisitLength":{"Value":-9,"Extent":0,"Op":"bt"}}}`}},
	{"idle-range", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Age", entry(`"Age":{"Value":0,"Op":"gte"}`), entry(`"Age":{"Value":0,"Op":"gt"}`)},
	{"idle-range", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.Age", entry(`"Age":{"Value":200,"Op":"!eq"}`), entry(`"Age":{"Value":100,"Op":"!eq"}`)},
	{"backward-dates", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence", entry(`"OccurrenceStartDate":{"Value":"2020-06-01","Op":"gte"},"OccurrenceEndDate":{"Value":"2020-05-31","Op":"lte"}`),
		entry(`"OccurrenceStartDate":{"Value":"2020-06-01","Op":"gte"},"OccurrenceEndDate":{"Value":"2020-06-01","Op":"lte"}`)},
	{"backward-dates", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.DateAdjustment", entry(`"DateAdjustment":{"StartWith":"END_DATE","StartOffset":1,"EndWith":"END_DATE","EndOffset":0}`),
		entry(`"DateAdjustment":{"StartWith":"START_DATE","StartOffset":1,"EndWith":"END_DATE","EndOffset":0}`)},
	{"backward-dates", "PrimaryCriteria.CriteriaList[0].ObservationPeriod.UserDefinedPeriod", parts{"entry": `{"ObservationPeriod":{"UserDefinedPeriod":{"StartDate":"2020-01-02","EndDate":"2020-01-01"}}}`},
		parts{"entry": `{"ObservationPeriod":{"UserDefinedPeriod":{"StartDate":"2020-01-02","EndDate":"2020-01-02"}}}`}},

	{"backward-window", "InclusionRules[0].expression.CriteriaList[0].StartWindow", rules(rule(group(drug("30", "0", one)))), rules(rule(group(drug("0", "0", one))))},
	{"edge-window", "InclusionRules[0].expression.CriteriaList[0].StartWindow", rules(rule(group(drug("last", "30", one)))), rules(rule(group(drug("first", "last", one))))},
	{"edge-window", "InclusionRules[0].expression.CriteriaList[0].StartWindow", rules(rule(group(drug("-30", "first", one)))), rules(rule(group(drug("-30", "last", one))))},
	{"windows-apart", "InclusionRules[0].expression.CriteriaList[0].EndWindow", rules(rule(group(ending("1", "9", "-9", "0", `false`)))), rules(rule(group(ending("1", "9", "-9", "1", `false`))))},
	{"windows-apart", "InclusionRules[0].expression.CriteriaList[0].EndWindow",
		// The end window counts from the end of the index event, which may be late.
		rules(rule(group(ending("1", "9", "-9", "0", `false`)))), rules(rule(group(ending("1", "9", "-9", "0", `true`))))},
	{"unobserved-days", "InclusionRules[0].expression.CriteriaList[0].StartWindow.Start.Days", rules(rule(group(drug("-366", "0", `0,"Count":0`)))), rules(rule(group(drug("-365", "0", `0,"Count":0`))))},
	{"unobserved-days", "InclusionRules[0].expression.CriteriaList[0].StartWindow.End.Days", rules(rule(group(drug("0", "31", `1,"Count":3`)))), rules(rule(group(drug("0", "31", `2,"Count":1`))))},
	{"death-before", "InclusionRules[0].expression.CriteriaList[0].StartWindow", rules(rule(group(near(`{"Death":{}}`, "first", "-1", one)))), rules(rule(group(near(`{"Death":{}}`, "first", "-1", `0,"Count":0`))))},
	{"after-death", "InclusionRules[0].expression.CriteriaList[0].StartWindow", parts{"entry": `{"Death":{}}`, "rules": rule(group(drug("1", "30", one)))}, parts{"entry": `{"Death":{}}`, "rules": rule(group(drug("-30", "0", one)))}},
	{"no-shared-visit", "InclusionRules[0].expression.CriteriaList[0].RestrictVisit", rules(rule(group(visiting(near(`{"DrugEra":{"CodesetId":1}}`, "0", "9", one))))), rules(rule(group(visiting(drug("0", "9", one)))))},
	{"no-shared-visit", "InclusionRules[0].expression.CriteriaList[0].RestrictVisit", parts{"entry": `{"ConditionEra":{"CodesetId":0}}`, "rules": rule(group(visiting(drug("0", "9", one))))},
		parts{"entry": `{"ConditionEra":{"CodesetId":0}},{"ConditionOccurrence":{"CodesetId":0}}`, "rules": rule(group(visiting(drug("0", "9", one))))}},

	{"impossible-count", "InclusionRules[0].expression.CriteriaList[0].Occurrence", rules(rule(group(drug("0", "9", `1,"Count":-1`)))), rules(rule(group(drug("0", "9", `1,"Count":0`))))},
	{"impossible-count", "InclusionRules[0].expression.CriteriaList[0].Occurrence", rules(rule(group(near(`{"DrugExposure":{"CodesetId":1,"First":true}}`, "0", "9", `2,"Count":2`)))), rules(rule(group(drug("0", "9", `2,"Count":2`))))},
	{"impossible-count", "InclusionRules[0].expression.CriteriaList[0].Occurrence", rules(rule(group(near(`{"Measurement":{"CodesetId":1}}`, "0", "9", `2,"Count":2,"IsDistinct":true,"CountColumn":"DURATION"`)))),
		rules(rule(group(near(`{"DrugExposure":{"CodesetId":1}}`, "0", "9", `2,"Count":2,"IsDistinct":true,"CountColumn":"DURATION"`))))},
	{"idle-count", "InclusionRules[0].expression.CriteriaList[0].Occurrence", rules(rule(group(drug("0", "9", `2,"Count":0`)))), rules(rule(group(drug("0", "9", `0,"Count":0`))))},
	{"idle-count", "InclusionRules[0].expression.CriteriaList[0].Occurrence", rules(rule(group(near(`{"Death":{}}`, "0", "9", `1,"Count":1`)))), rules(rule(group(near(`{"Death":{}}`, "0", "9", `1,"Count":0`))))},
	{"impossible-group", "InclusionRules[0].expression.Count", rules(rule(counted("AT_LEAST", "3", drug("0", "9", one), drug("0", "5", one)))), rules(rule(counted("AT_LEAST", "2", drug("0", "9", one), drug("0", "5", one))))},
	{"impossible-group", "InclusionRules[0].expression.Count", rules(rule(counted("AT_MOST", "-1", drug("0", "9", one)))), rules(rule(counted("AT_MOST", "0", drug("0", "9", one))))},
	{"idle-group", "InclusionRules[0].expression.Count", rules(rule(counted("AT_LEAST", "0", drug("0", "9", one)))), rules(rule(counted("AT_LEAST", "1", drug("0", "9", one))))},
	{"idle-group", "InclusionRules[0].expression.Count", rules(rule(counted("AT_MOST", "1", drug("0", "9", one)))), rules(rule(counted("AT_MOST", "0", drug("0", "9", one))))},
	{"empty-group", "InclusionRules[1].expression", rules(rule(group(drug("0", "9", one))), rule(group())), rules(rule(group(drug("0", "9", one))))},
	{"empty-group", "AdditionalCriteria", parts{"additional": group()}, parts{"additional": group(drug("0", "9", one))}},
	{"empty-group", "InclusionRules[0].expression.Groups[0]", rules(rule(`{"Type":"ALL","Groups":[` + group() + `]}`)), rules(rule(`{"Type":"ALL","Groups":[` + group(drug("0", "9", one)) + `]}`))},
	{"empty-demographic", "InclusionRules[0].expression.DemographicCriteriaList[0]", rules(rule(people(`{}`))), rules(rule(people(`{"Age":{"Value":18,"Op":"gte"}}`)))},
	{"contradiction", "InclusionRules[1].expression.CriteriaList[0]", rules(rule(group(drug("0", "9", `0,"Count":0`))), rule(group(drug("0", "9", one)))), rules(rule(group(drug("0", "9", `0,"Count":0`))), rule(group(drug("1", "9", one))))},
	{"contradiction", "InclusionRules[0].expression.CriteriaList[1]", rules(rule(group(drug("0", "9", `1,"Count":1`), drug("0", "9", `2,"Count":2`)))), rules(rule(grouped("ANY", drug("0", "9", `1,"Count":1`), drug("0", "9", `2,"Count":2`))))},
	{"contradiction", "PrimaryCriteria.CriteriaList[0].ConditionOccurrence.CorrelatedCriteria.CriteriaList[1]", entry(`"CorrelatedCriteria":` + group(drug("0", "9", `0,"Count":0`), drug("0", "9", one))),
		entry(`"CorrelatedCriteria":` + group(drug("0", "9", `1,"Count":1`), drug("0", "9", one)))},
	{"contradicting-demographics", "InclusionRules[0].expression.DemographicCriteriaList[0]", parts{"entry": `{"ConditionOccurrence":{"CodesetId":0,"Age":{"Value":18,"Op":"lt"}}}`, "rules": rule(people(`{"Age":{"Value":18,"Op":"gte"}}`))},
		parts{"entry": `{"ConditionOccurrence":{"CodesetId":0,"Age":{"Value":18,"Op":"lte"}}}`, "rules": rule(people(`{"Age":{"Value":18,"Op":"gte"}}`))}},
	{"contradicting-demographics", "InclusionRules[1].expression.DemographicCriteriaList[0]", rules(rule(people(`{"Gender":[{"CONCEPT_ID":8507}]}`)), rule(people(`{"Gender":[{"CONCEPT_ID":8532}]}`))),
		rules(rule(people(`{"Gender":[{"CONCEPT_ID":8507},{"CONCEPT_ID":8532}]}`)), rule(people(`{"Gender":[{"CONCEPT_ID":8532}]}`)))},
	{"repeated-criterion", "InclusionRules[0].expression.CriteriaList[1]", rules(rule(grouped("ANY", drug("0", "9", one), drug("0", "9", one)))), rules(rule(grouped("ANY", drug("0", "9", one), drug("0", "8", one))))},
	{"repeated-entry", "PrimaryCriteria.CriteriaList[1]", parts{"entry": `{"ConditionOccurrence":{"CodesetId":0}},{"ConditionOccurrence":{"CodesetId":0}}`}, parts{"entry": `{"ConditionOccurrence":{"CodesetId":0}},{"ConditionEra":{"CodesetId":0}}`}},
	{"repeated-rule", "InclusionRules[1]", rules(rule(group(drug("0", "9", one))), rule(group(drug("0", "9", one)))), rules(rule(group(drug("0", "9", one))), rule(grouped("ANY", drug("0", "9", one))))},
	{"repeated-rule", "InclusionRules[0]", parts{"additional": group(drug("0", "9", one)), "rules": rule(group(drug("0", "9", one)))}, parts{"additional": group(drug("0", "9", one)), "rules": rule(group(drug("0", "8", one)))}},

	{"contradicting-limits", "ExpressionLimit", parts{"result": "Last"}, parts{"limit": "All", "result": "Last"}},
	{"contradicting-limits", "QualifiedLimit", parts{"additional": group(drug("0", "9", one)), "qualified": "Last", "result": "All"},
		// Without additional criteria there is no such limit.
		parts{"qualified": "Last"}},
	{"negative-days", "PrimaryCriteria.ObservationWindow.PriorDays", parts{"window": `{"PriorDays":-365,"PostDays":30}`}, parts{"window": `{"PriorDays":0,"PostDays":30}`}},
	{"negative-days", "EndStrategy.DateOffset.Offset", parts{"exit": `{"DateOffset":{"DateField":"EndDate","Offset":-1}}`}, parts{"exit": `{"DateOffset":{"DateField":"EndDate","Offset":0}}`}},
	{"exit-before-start", "EndStrategy.DateOffset.Offset", parts{"exit": `{"DateOffset":{"DateField":"StartDate","Offset":-1}}`}, parts{"exit": `{"DateOffset":{"DateField":"StartDate","Offset":0}}`}},
	{"one-day-periods", "EndStrategy.DateOffset.Offset", parts{"exit": `{"DateOffset":{"DateField":"StartDate","Offset":0}}`}, parts{"exit": `{"DateOffset":{"DateField":"EndDate","Offset":0}}`}},
	{"no-exit", "EndStrategy", parts{"limit": "All", "result": "All", "exit": `null`}, parts{"limit": "All", "exit": `null`}},
	{"no-exit", "EndStrategy", parts{"limit": "All", "result": "All", "exit": `{}`}, parts{"entry": `{"ConditionOccurrence":{"CodesetId":0,"First":true}}`, "limit": "All", "result": "All", "exit": `{}`}},
	{"exit-without-drug", "EndStrategy.CustomEra.DrugCodesetId", parts{"exit": `{"CustomEra":{"DrugCodesetId":1,"GapDays":30,"Offset":0}}`}, parts{"entry": `{"DrugExposure":{"CodesetId":1}}`, "exit": `{"CustomEra":{"DrugCodesetId":1,"GapDays":30,"Offset":0}}`}},
	{"immediate-censoring", "CensoringCriteria[0]", parts{"censoring": `{"ConditionOccurrence":{"CodesetId":0}}`, "entry": `{"ConditionOccurrence":{"CodesetId":0,"First":true}}`},
		parts{"censoring": `{"ConditionOccurrence":{"CodesetId":0,"DateAdjustment":{"StartWith":"START_DATE","StartOffset":1,"EndWith":"END_DATE","EndOffset":1}}}`}},
	{"immediate-censoring", "CensoringCriteria[0]", parts{"censoring": `{"ConditionOccurrence":{"CodesetId":0}}`}, parts{"censoring": `{"ConditionOccurrence":{"CodesetId":0,"Age":{"Value":65,"Op":"gte"}}}`}},
	{"backward-censor-window", "CensorWindow", parts{"censor": `{"StartDate":"2021-01-01","EndDate":"2020-12-31"}`}, parts{"censor": `{"StartDate":"2021-01-01","EndDate":"2021-01-01"}`}},
}

// ending counts drugs that also end within a window.
func ending(start, end, from, to, indexEnd string) string {
	return strings.TrimSuffix(drug(start, end, one), "}") + `,"EndWindow":{"Start":` + days(from) + `,"End":` + days(to) + `,"UseIndexEnd":` + indexEnd + `}}`
}

// visiting asks for the same visit.
func visiting(criterion string) string {
	return strings.TrimSuffix(criterion, "}") + `,"RestrictVisit":true}`
}

func check(t *testing.T, text string) []review.Finding {
	t.Helper()
	doc, err := circe.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return review.Check(doc.Definition, doc.Domains())
}

func TestExamples(t *testing.T) {
	for _, e := range examples {
		finds := func(f review.Finding) bool { return f.Rule.ID == e.rule }
		bad := check(t, e.bad.text())
		if i := slices.IndexFunc(bad, finds); i < 0 || bad[i].Path != e.at {
			t.Errorf("%s is to find something at %s, and finds %v\n%s", e.rule, e.at, shown(bad), e.bad.text())
		}
		if good := check(t, e.good.text()); slices.ContainsFunc(good, finds) {
			t.Errorf("%s is to find nothing, and finds %v\n%s", e.rule, shown(good), e.good.text())
		}
	}
}

func shown(findings []review.Finding) (all []string) {
	for _, f := range findings {
		all = append(all, f.Rule.ID+" at "+f.Path)
	}
	return all
}

// The base of the examples is sound, so that what is found in one is its own.
func TestNothingToFind(t *testing.T) {
	if found := check(t, base.text()); len(found) > 0 {
		t.Errorf("found %v", shown(found))
	}
}

// Every rule has an example, an id of its own, and whole sentences in both
// languages.
func TestRulesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range review.Rules() {
		if seen[r.ID] || !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(r.ID) || r.Looks == "" {
			t.Errorf("rule %q is not whole, or there are two", r.ID)
		}
		seen[r.ID] = true
		if !slices.ContainsFunc(examples, func(e struct {
			rule, at  string
			bad, good parts
		}) bool {
			return e.rule == r.ID
		}) {
			t.Errorf("rule %s has no example", r.ID)
		}
	}
	for _, e := range examples {
		for _, f := range check(t, e.bad.text()) {
			for _, lang := range []review.Language{review.English, review.French} {
				for _, s := range []string{f.Problem(lang), f.Remedy(lang)} {
					if !strings.HasSuffix(s, ".") || strings.Contains(s, "%!") {
						t.Errorf("%s: %q is no sentence", f.Rule.ID, s)
					}
				}
			}
			if f.Problem(review.English) == f.Problem(review.French) || f.Remedy(review.English) == f.Remedy(review.French) {
				t.Errorf("%s says the same in both languages", f.Rule.ID)
			}
		}
	}
}

// Errors come before warnings, and warnings before hints.
func TestGravestFirst(t *testing.T) {
	found := check(t, parts{"exit": `{"DateOffset":{"DateField":"StartDate","Offset":0}}`, "censor": `{"StartDate":"2021-01-01","EndDate":"2020-12-31"}`, "limit": "Last"}.text())
	if want := []string{"backward-censor-window at CensorWindow", "contradicting-limits at ExpressionLimit", "one-day-periods at EndStrategy.DateOffset.Offset"}; !slices.Equal(shown(found), want) {
		t.Errorf("found %v", shown(found))
	}
}

// Published definitions were reviewed by people and select persons: none has an
// error, and few have a warning.
func TestPublishedDefinitions(t *testing.T) {
	f, err := os.Open(filepath.Join(refdata.Dir(t, "circe-oracle"), "expressions", "library.ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 64<<20)
	all, warned := 0, 0
	count := map[string]int{}
	for lines.Scan() {
		var line struct {
			ID         int
			Expression json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		doc, err := circe.Parse(bytes.NewReader(line.Expression))
		if err != nil {
			t.Fatal(err)
		}
		all++
		seen := map[string]bool{}
		worst := review.Hint
		for _, f := range review.Check(doc.Definition, doc.Domains()) {
			if f.Rule.Level == review.Error {
				t.Errorf("%d: %s at %s", line.ID, f.Rule.ID, f.Path)
			}
			if !seen[f.Rule.ID] {
				seen[f.Rule.ID] = true
				count[f.Rule.ID]++
			}
			worst = max(worst, f.Rule.Level)
		}
		if worst > review.Hint {
			warned++
		}
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	if all != 1100 || warned > all/10 {
		t.Errorf("%d of %d published definitions have a warning", warned, all)
	}
	for id, n := range count {
		if n > all/10 {
			t.Errorf("%s finds something in %d of %d published definitions", id, n, all)
		}
	}
	t.Logf("warnings in %d of %d definitions; definitions by rule: %v", warned, all, count)
}

func FuzzCheck(f *testing.F) {
	for _, e := range examples {
		f.Add(e.bad.text())
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := circe.Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, f := range review.Check(doc.Definition, doc.Domains()) {
			for _, lang := range []review.Language{review.English, review.French} {
				if f.Path == "" || f.Problem(lang) == "" || f.Remedy(lang) == "" {
					t.Errorf("%s says nothing", f.Rule.ID)
				}
			}
		}
	})
}

var update = flag.Bool("update", false, "write docs/check.md from the rules")

// The page is what the rules say.
func TestPage(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "check.md")
	if *update {
		if err := os.WriteFile(path, []byte(review.Page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != review.Page() {
		t.Error("docs/check.md is not what the rules say: run go test ./cohort/review -run TestPage -update")
	}
}
