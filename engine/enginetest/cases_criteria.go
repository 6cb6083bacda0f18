package enginetest

import (
	"fmt"
	"strings"
)

// The open bounds of a window.
const (
	anyBefore = `{"Coeff":-1}`
	anyAfter  = `{"Coeff":1}`
)

// day is a bound n days from the index date, before it when negative.
func day(n int) string {
	if n < 0 {
		return fmt.Sprintf(`{"Days":%d,"Coeff":-1}`, -n)
	}
	return fmt.Sprintf(`{"Days":%d,"Coeff":1}`, n)
}

func window(start, end string, more ...string) string {
	return `{"Start":` + start + `,"End":` + end + strings.Join(append([]string{""}, more...), ",") + `}`
}

// The comparisons of a count.
const (
	exactly = 0
	atMost  = 1
	atLeast = 2
)

// counted is a correlated criterion.
func counted(comparison, count int, criterion, startWindow string, more ...string) string {
	return fmt.Sprintf(`{"Criteria":%s,"StartWindow":%s,"Occurrence":{"Type":%d,"Count":%d}%s}`, criterion, startWindow, comparison, count,
		strings.Join(append([]string{""}, more...), ","))
}

func group(kind string, parts ...string) string {
	return `{"Type":"` + kind + `"` + strings.Join(append([]string{""}, parts...), ",") + `}`
}

func criteria(list ...string) string { return `"CriteriaList":[` + strings.Join(list, ",") + `]` }

// additional is the part with additional criteria that must all hold.
func additional(list ...string) string {
	return `"AdditionalCriteria":` + group("ALL", criteria(list...))
}

const (
	insulin     = `{"DrugExposure":{"CodesetId":2}}`
	glycated    = `{"Measurement":{"CodesetId":3}}`
	stay        = `{"VisitOccurrence":{"CodesetId":4}}`
	examination = `{"ProcedureOccurrence":{"CodesetId":5}}`
)

var correlatedCases = []Case{
	{
		Section: "Correlated criteria", Name: "within days after",
		Says: "From day 0 to day 30 after the index event's start, both included.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01
			drug_exposure: id person concept start
			3 1 20 2020-03-31
			4 2 20 2020-04-01`,
		Definition: circeJSON(entry(diabetes), additional(counted(atLeast, 1, metformin, window(day(0), day(30))))),
		Rows:       `1 2020-03-01 2020-12-31`,
		Steps: `entry events = 2/2
			additional criteria = 1/1`,
	},
	{
		Section: "Correlated criteria", Name: "before, the day itself left out",
		Says: "From 30 days before to 1 day before.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01
			3 3 11 2020-03-01
			drug_exposure: id person concept start
			4 1 20 2020-02-29
			5 2 20 2020-03-01
			6 3 20 2020-01-30`,
		Definition: circeJSON(entry(diabetes), additional(counted(atLeast, 1, metformin, window(day(-30), day(-1))))),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
	{
		Section: "Correlated criteria", Name: "events are looked for in the index observation period",
		Says: "What happened outside the observation period of the index event is not seen, in another period neither.",
		Tables: `observation_period: id person start end
			1 1 2019-01-01 2019-12-31
			2 1 2020-01-02 2020-12-31
			condition_occurrence: id person concept start
			3 1 11 2020-03-01
			drug_exposure: id person concept start
			4 1 20 2019-06-01`,
		Definition: circeJSON(entry(diabetes), additional(counted(atLeast, 1, metformin, window(anyBefore, anyAfter)))),
		Rows:       ``,
	},
	{
		Section: "Correlated criteria", Name: "unless that is ignored",
		Says: "IgnoreObservationPeriod looks everywhere; open bounds are then no bounds.",
		Tables: `observation_period: id person start end
			1 1 2019-01-01 2019-12-31
			2 1 2020-01-02 2020-12-31
			condition_occurrence: id person concept start
			3 1 11 2020-03-01
			drug_exposure: id person concept start
			4 1 20 2018-06-01`,
		Definition: circeJSON(entry(diabetes), additional(counted(atLeast, 1, metformin, window(anyBefore, anyAfter), `"IgnoreObservationPeriod":true`))),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
	{
		Section: "Correlated criteria", Name: "none at all",
		Says: "Exactly 0 holds for an event without any match.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01
			drug_exposure: id person concept start
			3 1 21 2020-02-01`,
		Definition: circeJSON(entry(diabetes), additional(counted(exactly, 0, insulin, window(anyBefore, anyAfter)))),
		Rows:       `2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Correlated criteria", Name: "at most one, none included",
		Says: "An upper bound holds for an event without any match too.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01
			3 3 11 2020-03-01
			drug_exposure: id person concept start
			4 2 21 2020-02-01
			5 3 21 2020-02-01
			6 3 21 2020-02-02`,
		Definition: circeJSON(entry(diabetes), additional(counted(atMost, 1, insulin, window(anyBefore, anyAfter)))),
		Rows: `1 2020-03-01 2020-12-31
			2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Correlated criteria", Name: "the index event counts itself",
		Says: "A criterion of the same kind finds the index event too: two occurrences ask for one more.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01
			3 2 11 2020-03-01`,
		Definition: circeJSON(entry(diabetes), additional(counted(atLeast, 2, diabetes, window(day(0), day(0))))),
		Rows:       `2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Correlated criteria", Name: "counting different days",
		Says: "IsDistinct counts different values, here of the start date, rather than events; missing values count for nothing.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01
			drug_exposure: id person concept start
			3 1 20 2020-04-01
			4 1 20 2020-04-01
			5 2 20 2020-04-01
			6 2 20 2020-04-02`,
		Definition: circeJSON(entry(diabetes), additional(`{"Criteria":`+metformin+`,"StartWindow":`+window(day(0), anyAfter)+
			`,"Occurrence":{"Type":2,"Count":2,"IsDistinct":true,"CountColumn":"START_DATE"}}`)),
		Rows: `2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Correlated criteria", Name: "from the index event's end",
		Says: "UseIndexEnd measures from the end of the index event: here a glycated haemoglobin within five days of discharge.",
		Tables: `visit_occurrence: id person concept start end
			1 1 40 2020-03-01 2020-03-10
			2 2 40 2020-03-01 2020-03-02
			measurement: id person concept start
			3 1 30 2020-03-12
			4 2 30 2020-03-12`,
		Definition: circeJSON(entry(stay), additional(counted(atLeast, 1, glycated, window(day(0), day(5), `"UseIndexEnd":true`)))),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
	{
		Section: "Correlated criteria", Name: "where the other event ends",
		Says: "UseEventEnd in the start window tests the end of the other event: here a stay that ends in the week before.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-20
			2 2 11 2020-03-20
			visit_occurrence: id person concept start end
			3 1 40 2020-03-01 2020-03-15
			4 2 40 2020-03-15 2020-03-25`,
		Definition: circeJSON(entry(diabetes), additional(counted(atLeast, 1, stay, window(day(-7), day(-1), `"UseEventEnd":true`)))),
		Rows:       `1 2020-03-20 2020-12-31`,
	},
	{
		Section: "Correlated criteria", Name: "a window for the end as well",
		Says: "An end window tests the other event's end unless it says otherwise: here a stay during which the index event lies.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-05
			2 2 11 2020-03-05
			visit_occurrence: id person concept start end
			3 1 40 2020-03-01 2020-03-10
			4 2 40 2020-03-01 2020-03-04`,
		Definition: circeJSON(entry(diabetes), additional(counted(atLeast, 1, stay, window(anyBefore, day(0)), `"EndWindow":`+window(day(0), anyAfter)))),
		Rows:       `1 2020-03-05 2020-12-31`,
	},
	{
		Section: "Correlated criteria", Name: "within the same visit",
		Says: "RestrictVisit wants both events to name the same visit.",
		Tables: `visit_occurrence: id person concept start end
			1 1 40 2020-03-01 2020-03-10
			2 2 40 2020-03-01 2020-03-10
			3 2 40 2020-03-01 2020-03-10
			condition_occurrence: id person concept start visit
			4 1 11 2020-03-02 1
			5 2 11 2020-03-02 2
			6 3 11 2020-03-02 -
			procedure_occurrence: id person concept start visit
			7 1 50 2020-03-03 1
			8 2 50 2020-03-03 3
			9 3 50 2020-03-03 -`,
		Definition: circeJSON(entry(diabetes), additional(counted(atLeast, 1, examination, window(anyBefore, anyAfter), `"RestrictVisit":true`))),
		Rows:       `1 2020-03-02 2020-12-31`,
	},
	{
		Section: "Correlated criteria", Name: "criteria of the other event",
		Says: "CorrelatedCriteria inside a criterion are tested with its event as the index: here metformin that is followed by a glycated haemoglobin within a week.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01
			drug_exposure: id person concept start
			3 1 20 2020-04-01
			4 2 20 2020-04-01
			measurement: id person concept start
			5 1 30 2020-04-08
			6 2 30 2020-04-09`,
		Definition: circeJSON(entry(diabetes), additional(counted(atLeast, 1,
			`{"DrugExposure":{"CodesetId":1,"CorrelatedCriteria":`+group("ALL", criteria(counted(atLeast, 1, glycated, window(day(0), day(7)))))+`}}`,
			window(day(0), anyAfter)))),
		Rows: `1 2020-03-01 2020-12-31`,
	},
}

var (
	hasMetformin   = counted(atLeast, 1, metformin, window(anyBefore, anyAfter))
	hasInsulin     = counted(atLeast, 1, insulin, window(anyBefore, anyAfter))
	hasExamination = counted(atLeast, 1, examination, window(anyBefore, anyAfter))
)

// treated are three persons with diabetes: 1 has metformin, insulin and an
// examination, 2 has insulin, 3 has nothing.
const treated = `condition_occurrence: id person concept start
	1 1 11 2020-03-01
	2 2 11 2020-03-01
	3 3 11 2020-03-01
	drug_exposure: id person concept start
	4 1 20 2020-04-01
	5 1 21 2020-04-01
	6 2 21 2020-04-01
	procedure_occurrence: id person concept start
	7 1 50 2020-04-01`

var groupCases = []Case{
	{
		Section: "Groups", Name: "any of several",
		Says:       "ANY holds when at least one member does.",
		Tables:     treated,
		Definition: circeJSON(entry(diabetes), `"AdditionalCriteria":`+group("ANY", criteria(hasMetformin, hasInsulin))),
		Rows: `1 2020-03-01 2020-12-31
			2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Groups", Name: "at least two of three",
		Says:       "AT_LEAST counts the members that hold.",
		Tables:     treated,
		Definition: circeJSON(entry(diabetes), `"AdditionalCriteria":`+group("AT_LEAST", `"Count":2`, criteria(hasMetformin, hasInsulin, hasExamination))),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
	{
		Section: "Groups", Name: "at most one of three",
		Says:       "AT_MOST holds when no member does, too.",
		Tables:     treated,
		Definition: circeJSON(entry(diabetes), `"AdditionalCriteria":`+group("AT_MOST", `"Count":1`, criteria(hasMetformin, hasInsulin, hasExamination))),
		Rows: `2 2020-03-01 2020-12-31
			3 2020-03-01 2020-12-31`,
	},
	{
		Section: "Groups", Name: "an empty group",
		Says:       "A group without members holds for every event, of whatever type it is.",
		Tables:     treated,
		Definition: circeJSON(entry(diabetes), `"AdditionalCriteria":`+group("ANY", criteria())),
		Rows: `1 2020-03-01 2020-12-31
			2 2020-03-01 2020-12-31
			3 2020-03-01 2020-12-31`,
	},
	{
		Section: "Groups", Name: "groups in groups",
		Says:       "A group is a member of the group around it: here insulin, and metformin or no examination.",
		Tables:     treated,
		Definition: circeJSON(entry(diabetes), `"AdditionalCriteria":`+group("ALL", criteria(hasInsulin), `"Groups":[`+group("ANY", criteria(hasMetformin, counted(exactly, 0, examination, window(anyBefore, anyAfter))))+`]`)),
		Rows: `1 2020-03-01 2020-12-31
			2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Groups", Name: "the person at the event",
		Says: "A demographic criterion is a member like any other; it tests the person and the dates of the index event.",
		Tables: `person: id gender_concept_id year_of_birth
			1 8532 1950
			2 8507 1950
			3 8532 1990
			condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01
			3 3 11 2020-03-01`,
		Definition: circeJSON(entry(diabetes), `"AdditionalCriteria":`+group("ALL", `"DemographicCriteriaList":[{"Age":{"Value":65,"Op":"gt"},"Gender":[{"CONCEPT_ID":8532}]}]`)),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
}

func rule(name string, members ...string) string {
	return `{"name":"` + name + `","expression":` + group("ALL", criteria(members...)) + `}`
}

var limitCases = []Case{
	{
		Section: "Limits and inclusion rules", Name: "the first event that meets the additional criteria",
		Says: "QualifiedLimit applies to the events that meet the additional criteria, and only where there are some.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 1 11 2020-05-01
			3 1 11 2020-07-01
			drug_exposure: id person concept start
			4 1 20 2020-05-05
			5 1 20 2020-07-05`,
		Definition: circeJSON(entry(diabetes), additional(counted(atLeast, 1, metformin, window(day(0), day(7)))), `"QualifiedLimit":{"Type":"First"}`, tenDays),
		Rows:       `1 2020-05-01 2020-05-11`,
		Steps: `entry limit = 3/1
			additional criteria = 2/1
			qualified limit = 1/1`,
	},
	{
		Section: "Limits and inclusion rules", Name: "no additional criteria, no qualified limit",
		Says: "Without AdditionalCriteria, QualifiedLimit does nothing.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 1 11 2020-05-01`,
		Definition: circeJSON(entry(diabetes), `"QualifiedLimit":{"Type":"First"}`, tenDays),
		Rows: `1 2020-03-01 2020-03-11
			1 2020-05-01 2020-05-11`,
	},
	{
		Section: "Limits and inclusion rules", Name: "inclusion rules and their results",
		Says: "An event enters when every rule holds. The results count events (mode 0), and each person's best event (mode 1), by the rules met: bit 0 is the first rule.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 1 11 2020-06-01
			3 2 11 2020-03-01
			drug_exposure: id person concept start
			4 1 20 2020-03-02
			5 1 20 2020-06-02
			6 2 20 2020-03-02
			procedure_occurrence: id person concept start
			7 1 50 2020-06-03`,
		Definition: circeJSON(entry(diabetes), `"InclusionRules":[`+rule("metformin", counted(atLeast, 1, metformin, window(day(0), day(7))))+`,`+
			rule("examination", counted(atLeast, 1, examination, window(day(0), day(7))))+`]`, tenDays),
		Rows: `1 2020-06-01 2020-06-11`,
		Steps: `entry events = 3/2
			inclusion rule 1: metformin = 3/2
			inclusion rule 2: examination = 1/1
			result limit = 1/1`,
		Inclusion: `0 1 2
			0 3 1
			1 1 1
			1 3 1`,
	},
	{
		Section: "Limits and inclusion rules", Name: "the first event that meets the rules",
		Says: "ExpressionLimit applies to the events that meet all rules.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 1 11 2020-05-01
			3 1 11 2020-07-01
			drug_exposure: id person concept start
			4 1 20 2020-05-05
			5 1 20 2020-07-05`,
		Definition: circeJSON(entry(diabetes), `"InclusionRules":[`+rule("metformin", counted(atLeast, 1, metformin, window(day(0), day(7))))+`]`, `"ExpressionLimit":{"Type":"First"}`, tenDays),
		Rows:       `1 2020-05-01 2020-05-11`,
	},
	{
		Section: "Limits and inclusion rules", Name: "the last event that meets the rules",
		Says: "ExpressionLimit Last keeps the latest of them, and on the same day the one that came first in the order of entry events.",
		Tables: `condition_occurrence: id person concept start end
			1 1 11 2020-03-01 2020-03-02
			3 1 11 2020-07-01 2020-07-09
			2 1 11 2020-07-01 2020-07-04`,
		Definition: circeJSON(entry(diabetes), `"ExpressionLimit":{"Type":"Last"}`, ownEnd),
		Rows:       `1 2020-07-01 2020-07-04`,
	},
}

// exposures are four of metformin: to 10 March, from 20 March to 5 April, from
// 7 May for a supply of 20 days, and one of insulin.
const exposures = `drug_exposure: id person concept start end days_supply
	1 1 20 2020-03-01 2020-03-10 -
	2 1 20 2020-03-20 2020-04-05 -
	3 1 20 2020-05-07 - 20
	4 1 21 2020-04-10 2020-05-01 -`

func drugEra(gap, offset int, more ...string) string {
	return fmt.Sprintf(`"EndStrategy":{"CustomEra":{"DrugCodesetId":1,"GapDays":%d,"Offset":%d%s}}`, gap, offset, strings.Join(append([]string{""}, more...), ","))
}

var exitCases = []Case{
	{
		Section: "Exit", Name: "days after the start, at most to the end of observation",
		Says: "A date offset never leads beyond the observation period.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-12-25`,
		Definition: circeJSON(entry(diabetes), tenDays),
		Rows: `1 2020-03-01 2020-03-11
			2 2020-12-25 2020-12-31`,
	},
	{
		Section: "Exit", Name: "an exit before the start",
		Says: "An event whose exit precedes its start is dropped.",
		Tables: `condition_occurrence: id person concept start end
			1 1 11 2020-03-01 2020-03-20
			2 2 11 2020-03-01 2020-03-05`,
		Definition: circeJSON(entry(diabetes), `"EndStrategy":{"DateOffset":{"DateField":"EndDate","Offset":-10}}`),
		Rows:       `1 2020-03-01 2020-03-10`,
		Steps: `result limit = 2/2
			exit and censoring = 1/1`,
	},
	{
		Section: "Exit", Name: "the end of continuous exposure",
		Says:       "Exposures join while the gap to the next start is at most GapDays; the period ends with the era that covers its start. Here ten days join the first two.",
		Tables:     exposures,
		Definition: circeJSON(entry(`{"DrugExposure":{"CodesetId":1,"First":true}}`), drugEra(10, 0)),
		Rows:       `1 2020-03-01 2020-04-05`,
	},
	{
		Section: "Exit", Name: "a gap one day too long",
		Says:       "Nine days do not join exposures ten days apart.",
		Tables:     exposures,
		Definition: circeJSON(entry(`{"DrugExposure":{"CodesetId":1,"First":true}}`), drugEra(9, 0)),
		Rows:       `1 2020-03-01 2020-03-10`,
	},
	{
		Section: "Exit", Name: "days added to an era join too",
		Says:       "Offset lengthens the era, and exposures join over gap and offset together, as in Circe: here 5 + 27 days reach from 5 April to 7 May, whose supply lasts to 27 May, and 27 days are added.",
		Tables:     exposures,
		Definition: circeJSON(entry(`{"DrugExposure":{"CodesetId":1,"First":true}}`), drugEra(5, 27)),
		Rows:       `1 2020-03-01 2020-06-23`,
	},
	{
		Section: "Exit", Name: "a length of exposure of one's own",
		Says:       "DaysSupplyOverride makes each exposure last that many days, whatever its end says.",
		Tables:     exposures,
		Definition: circeJSON(entry(`{"DrugExposure":{"CodesetId":1,"First":true}}`), drugEra(0, 0, `"DaysSupplyOverride":20`)),
		Rows:       `1 2020-03-01 2020-04-09`,
	},
	{
		Section: "Exit", Name: "an event that no era covers",
		Says: "It lasts to the end of the observation period.",
		Tables: exposures + `
			condition_occurrence: id person concept start
			5 1 11 2020-06-15`,
		Definition: circeJSON(entry(diabetes), drugEra(10, 0)),
		Rows:       `1 2020-06-15 2020-12-31`,
	},
	{
		Section: "Exit", Name: "censoring events",
		Says: "A censoring event from the start on ends the period, at the earliest on its first day; one before it does not.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01
			3 3 11 2020-03-01
			drug_exposure: id person concept start
			4 1 21 2020-02-01
			5 1 21 2020-05-01
			6 1 21 2020-06-01
			7 2 21 2020-03-01
			8 3 21 2020-02-29`,
		Definition: circeJSON(entry(diabetes), `"CensoringCriteria":[`+insulin+`]`),
		Rows: `1 2020-03-01 2020-05-01
			2 2020-03-01 2020-03-01
			3 2020-03-01 2020-12-31`,
	},
}

// twoEvents are ten days from start to exit each, five days apart.
const twoEvents = `condition_occurrence: id person concept start
	1 1 11 2020-03-01
	2 1 11 2020-03-16`

var periodCases = []Case{
	{
		Section: "Cohort periods", Name: "periods that touch",
		Says: "Periods that share a day become one; periods of which one starts the day after the other ends do not.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 1 11 2020-03-11
			3 2 11 2020-03-01
			4 2 11 2020-03-12`,
		Definition: circeJSON(entry(diabetes), tenDays),
		Rows: `1 2020-03-01 2020-03-21
			2 2020-03-01 2020-03-11
			2 2020-03-12 2020-03-22`,
	},
	{
		Section: "Cohort periods", Name: "a pad that joins",
		Says:       "EraPad 5 joins a period that starts five days after the one before it ended.",
		Tables:     twoEvents,
		Definition: circeJSON(entry(diabetes), tenDays, `"CollapseSettings":{"CollapseType":"ERA","EraPad":5}`),
		Rows:       `1 2020-03-01 2020-03-26`,
	},
	{
		Section: "Cohort periods", Name: "a pad one day too short",
		Says:       "EraPad 4 does not.",
		Tables:     twoEvents,
		Definition: circeJSON(entry(diabetes), tenDays, `"CollapseSettings":{"CollapseType":"ERA","EraPad":4}`),
		Rows: `1 2020-03-01 2020-03-11
			1 2020-03-16 2020-03-26`,
	},
	{
		Section: "Cohort periods", Name: "a long period swallows short ones",
		Says: "What counts is the latest end so far, not the end of the period just before.",
		Tables: `condition_occurrence: id person concept start end
			1 1 11 2020-03-01 2020-06-30
			2 1 11 2020-03-05 2020-03-06
			3 1 11 2020-06-15 2020-06-16`,
		Definition: circeJSON(entry(diabetes), ownEnd),
		Rows:       `1 2020-03-01 2020-06-30`,
	},
	{
		Section: "Cohort periods", Name: "the censor window",
		Says: "CensorWindow cuts the finished periods; those outside it are dropped.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-25
			2 2 11 2020-05-30
			3 3 11 2020-06-01`,
		Definition: circeJSON(entry(diabetes), tenDays, `"CensorWindow":{"StartDate":"2020-04-01","EndDate":"2020-05-31"}`),
		Rows: `1 2020-04-01 2020-04-04
			2 2020-05-30 2020-05-31`,
		Steps: `collapse into periods = 3/3
			censor window = 2/2`,
	},
}
