package enginetest

import (
	"slices"
	"strings"
)

// cases are all examples, in the order of the manual.
var cases = slices.Concat(entryCases, conceptCases, dateCases, attributeCases, correlatedCases, groupCases, limitCases, exitCases, periodCases)

// circeJSON puts parts of a definition together.
func circeJSON(parts ...string) string { return "{" + strings.Join(parts, ",") + "}" }

// entry is the part that states the entry criteria, with an optional rest.
func entry(criteria string, rest ...string) string {
	return `"PrimaryCriteria":{"CriteriaList":[` + criteria + `]` + strings.Join(append([]string{""}, rest...), ",") + `}`
}

const (
	diabetes  = `{"ConditionOccurrence":{"CodesetId":0}}`
	metformin = `{"DrugExposure":{"CodesetId":1}}`
	tenDays   = `"EndStrategy":{"DateOffset":{"DateField":"StartDate","Offset":10}}`
	ownEnd    = `"EndStrategy":{"DateOffset":{"DateField":"EndDate","Offset":0}}`
)

var entryCases = []Case{
	{
		Section: "Entry events", Name: "every occurrence enters",
		Says: "Every row that a criterion selects is an entry event. By default it lasts to the end of the observation period, and what overlaps becomes one period.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 1 12 2020-05-01
			3 2 21 2020-03-01`,
		Definition: circeJSON(entry(diabetes)),
		Rows:       `1 2020-03-01 2020-12-31`,
		Steps: `entry events = 2/1
			exit and censoring = 2/1
			collapse into periods = 1/1`,
	},
	{
		Section: "Entry events", Name: "the first in history is looked for before anything else",
		Says: "First keeps a person's earliest row of the concept sets, outside observation too: person 1 then has no entry event, for the earliest row cannot be one.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2019-06-01
			2 1 11 2020-03-01
			3 2 11 2020-04-01
			4 2 11 2020-05-01`,
		Definition: circeJSON(entry(`{"ConditionOccurrence":{"CodesetId":0,"First":true}}`), tenDays),
		Rows:       `2 2020-04-01 2020-04-11`,
	},
	{
		Section: "Entry events", Name: "an entry event starts inside an observation period",
		Says: "The first and the last day of an observation period belong to it; the day after does not.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-01-01
			2 2 11 2020-12-31
			3 3 11 2021-01-01`,
		Definition: circeJSON(entry(diabetes)),
		Rows: `1 2020-01-01 2020-12-31
			2 2020-12-31 2020-12-31`,
		Steps: `entry events = 2/2`,
	},
	{
		Section: "Entry events", Name: "days of observation before",
		Says: "PriorDays 30 asks for 30 days between the start of the observation period and the event.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-01-30
			2 2 11 2020-01-31`,
		Definition: circeJSON(entry(diabetes, `"ObservationWindow":{"PriorDays":30,"PostDays":0}`)),
		Rows:       `2 2020-01-31 2020-12-31`,
	},
	{
		Section: "Entry events", Name: "days of observation after",
		Says: "PostDays 10 asks for 10 days between the event and the end of the observation period.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-12-21
			2 2 11 2020-12-22`,
		Definition: circeJSON(entry(diabetes, `"ObservationWindow":{"PriorDays":0,"PostDays":10}`)),
		Rows:       `1 2020-12-21 2020-12-31`,
	},
	{
		Section: "Entry events", Name: "required days are counted within one period",
		Says: "Adjacent observation periods do not add up: ten days into the second there are ten days before, however long the first was.",
		Tables: `observation_period: id person start end
			1 1 2019-01-01 2020-02-29
			2 1 2020-03-01 2020-12-31
			condition_occurrence: id person concept start
			3 1 11 2020-03-11`,
		Definition: circeJSON(entry(diabetes, `"ObservationWindow":{"PriorDays":30,"PostDays":0}`)),
		Rows:       ``,
		Steps:      `entry events = 0/0`,
	},
	{
		Section: "Entry events", Name: "several criteria add up",
		Says: "Entry events are those of all criteria together.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			drug_exposure: id person concept start
			2 1 20 2020-06-01
			3 2 20 2020-07-01`,
		Definition: circeJSON(entry(diabetes+","+metformin), tenDays),
		Rows: `1 2020-03-01 2020-03-11
			1 2020-06-01 2020-06-11
			2 2020-07-01 2020-07-11`,
	},
	{
		Section: "Entry events", Name: "the first entry event of each person",
		Says: "PrimaryCriteriaLimit First keeps the earliest of a person's entry events in observation. Person 1's row of 2019 is not one.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2019-06-01
			2 1 11 2020-03-01
			3 1 11 2020-05-01`,
		Definition: circeJSON(entry(diabetes, `"PrimaryCriteriaLimit":{"Type":"First"}`), tenDays),
		Rows:       `1 2020-03-01 2020-03-11`,
		Steps: `entry events = 2/1
			entry limit = 1/1`,
	},
	{
		Section: "Entry events", Name: "the last entry event of each person",
		Says: "PrimaryCriteriaLimit Last keeps the latest.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 1 11 2020-05-01`,
		Definition: circeJSON(entry(diabetes, `"PrimaryCriteriaLimit":{"Type":"Last"}`), tenDays),
		Rows:       `1 2020-05-01 2020-05-11`,
	},
	{
		Section: "Entry events", Name: "on the same day the lower key comes first",
		Says: "Events are in order of start, then of key, whichever limit applies.",
		Tables: `condition_occurrence: id person concept start end
			7 1 11 2020-03-01 2020-03-20
			5 1 11 2020-03-01 2020-03-04
			6 1 11 2020-03-01 2020-03-09`,
		Definition: circeJSON(entry(diabetes, `"PrimaryCriteriaLimit":{"Type":"Last"}`), ownEnd),
		Rows:       `1 2020-03-01 2020-03-04`,
	},
}

func ownSet(items string) string {
	return `"ConceptSets":[{"id":0,"name":"set","expression":{"items":[` + items + `]}}]`
}

var conceptCases = []Case{
	{
		Section: "Concept sets", Name: "descendants that are still valid",
		Says: "Descendants come from CONCEPT_ANCESTOR, those withdrawn left out.",
		Tables: `condition_occurrence: id person concept start
			1 1 10 2020-03-01
			2 2 11 2020-03-01
			3 3 13 2020-03-01`,
		Definition: circeJSON(ownSet(`{"concept":{"CONCEPT_ID":10},"includeDescendants":true}`), entry(diabetes)),
		Rows: `1 2020-03-01 2020-12-31
			2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Concept sets", Name: "a concept alone",
		Says: "Without descendants, only the concept itself.",
		Tables: `condition_occurrence: id person concept start
			1 1 10 2020-03-01
			2 2 11 2020-03-01`,
		Definition: circeJSON(ownSet(`{"concept":{"CONCEPT_ID":10}}`), entry(diabetes)),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
	{
		Section: "Concept sets", Name: "a withdrawn concept that is listed",
		Says: "A listed concept counts whether or not it is still valid.",
		Tables: `condition_occurrence: id person concept start
			1 1 13 2020-03-01`,
		Definition: circeJSON(ownSet(`{"concept":{"CONCEPT_ID":13}}`), entry(diabetes)),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
	{
		Section: "Concept sets", Name: "a concept that the vocabulary lacks",
		Says: "A listed concept that CONCEPT does not have is in no set.",
		Tables: `condition_occurrence: id person concept start
			1 1 99 2020-03-01`,
		Definition: circeJSON(ownSet(`{"concept":{"CONCEPT_ID":99}}`), entry(diabetes)),
		Rows:       ``,
	},
	{
		Section: "Concept sets", Name: "exclusions win",
		Says: "Excluded concepts are taken away, wherever they stand in the list.",
		Tables: `condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 12 2020-03-01`,
		Definition: circeJSON(ownSet(`{"concept":{"CONCEPT_ID":11},"isExcluded":true},{"concept":{"CONCEPT_ID":10},"includeDescendants":true}`), entry(diabetes)),
		Rows:       `2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Concept sets", Name: "mapped concepts",
		Says: "Mapped adds the concepts that a valid 'Maps to' leads from.",
		Tables: `drug_exposure: id person concept start
			1 1 22 2020-03-01`,
		Definition: circeJSON(ownSet(`{"concept":{"CONCEPT_ID":20},"includeMapped":true}`), entry(`{"DrugExposure":{"CodesetId":0}}`)),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
	{
		Section: "Concept sets", Name: "source concepts",
		Says: "A source concept set is tested on the source's own coding; where both are given, both must hold.",
		Tables: `condition_occurrence: id person concept source start
			1 1 0 10 2020-03-01
			2 2 10 0 2020-03-01`,
		Definition: circeJSON(entry(`{"ConditionOccurrence":{"ConditionSourceConcept":0}}`)),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
}

var dateCases = []Case{
	{
		Section: "Dates of an event", Name: "a missing end is the next day",
		Says: "A condition without an end date ends the day after its start.",
		Tables: `condition_occurrence: id person concept start end
			1 1 11 2020-03-01 -
			2 2 11 2020-03-01 2020-03-01`,
		Definition: circeJSON(entry(diabetes), ownEnd),
		Rows: `1 2020-03-01 2020-03-02
			2 2020-03-01 2020-03-01`,
	},
	{
		Section: "Dates of an event", Name: "a drug ends with its supply",
		Says: "A drug exposure without an end date ends days_supply days after its start, and without a supply the next day. A stated end comes first.",
		Tables: `drug_exposure: id person concept start end days_supply
			1 1 20 2020-03-01 - 30
			2 2 20 2020-03-01 - -
			3 3 20 2020-03-01 2020-03-15 30`,
		Definition: circeJSON(entry(metformin), ownEnd),
		Rows: `1 2020-03-01 2020-03-31
			2 2020-03-01 2020-03-02
			3 2020-03-01 2020-03-15`,
	},
	{
		Section: "Dates of an event", Name: "dates can be moved",
		Says: "DateAdjustment chooses and shifts both dates before anything else sees them: here a stay counts from its last day, for ten days.",
		Tables: `visit_occurrence: id person concept start end
			1 1 40 2020-03-01 2020-03-10`,
		Definition: circeJSON(entry(`{"VisitOccurrence":{"CodesetId":4,"DateAdjustment":{"StartWith":"END_DATE","StartOffset":0,"EndWith":"END_DATE","EndOffset":10}}}`), ownEnd),
		Rows:       `1 2020-03-10 2020-03-20`,
	},
	{
		Section: "Dates of an event", Name: "an adjusted end before the start",
		Says: "An event whose adjusted end precedes its adjusted start is dropped.",
		Tables: `visit_occurrence: id person concept start end
			1 1 40 2020-03-01 2020-03-10
			2 2 40 2020-03-01 2020-03-05`,
		Definition: circeJSON(entry(`{"VisitOccurrence":{"CodesetId":4,"DateAdjustment":{"StartWith":"START_DATE","StartOffset":5,"EndWith":"END_DATE","EndOffset":0}}}`), ownEnd),
		Rows:       `1 2020-03-06 2020-03-10`,
	},
	{
		Section: "Dates of an event", Name: "a date of one's own in a period",
		Says: "UserDefinedPeriod replaces the dates of the observation periods that contain the given date; the others are no events.",
		Tables: `observation_period: id person start end
			1 1 2020-01-01 2020-12-31
			2 2 2020-07-01 2020-12-31`,
		Definition: circeJSON(entry(`{"ObservationPeriod":{"UserDefinedPeriod":{"StartDate":"2020-06-01"}}}`)),
		Rows:       `1 2020-06-01 2020-12-31`,
	},
	{
		Section: "Dates of an event", Name: "a death",
		Says: "A death is an event of one day; it ends the next day, at the latest with the observation period.",
		Tables: `death: person start
			1 2020-03-01
			2 2020-12-31`,
		Definition: circeJSON(entry(`{"Death":{}}`), ownEnd),
		Rows: `1 2020-03-01 2020-03-02
			2 2020-12-31 2020-12-31`,
	},
}

var attributeCases = []Case{
	{
		Section: "Attributes", Name: "a measured value",
		Says: "A bound is strict or not as its operator says, and a missing value passes no test.",
		Tables: `measurement: id person concept start value_as_number
			1 1 30 2020-03-01 6.5
			2 2 30 2020-03-01 6.6
			3 3 30 2020-03-01 -`,
		Definition: circeJSON(entry(`{"Measurement":{"CodesetId":3,"ValueAsNumber":{"Value":6.5,"Op":"gt"}}}`)),
		Rows:       `2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Attributes", Name: "between includes both ends, not between neither",
		Says: "bt holds from the value to the extent, both included; !bt holds elsewhere, and never for a missing value.",
		Tables: `measurement: id person concept start value_as_number
			1 1 30 2020-03-01 6
			2 2 30 2020-03-01 7
			3 3 30 2020-03-01 8
			4 4 30 2020-03-01 -`,
		Definition: circeJSON(entry(`{"Measurement":{"CodesetId":3,"ValueAsNumber":{"Value":6,"Op":"!bt","Extent":7}}}`)),
		Rows:       `3 2020-03-01 2020-12-31`,
	},
	{
		Section: "Attributes", Name: "age is a difference of years",
		Says: "Age is the calendar year of the event less the year of birth; the month of birth does not matter.",
		Tables: `person: id gender_concept_id year_of_birth month_of_birth
			1 8532 1970 12
			2 8532 1971 1
			condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01`,
		Definition: circeJSON(entry(`{"ConditionOccurrence":{"CodesetId":0,"Age":{"Value":50,"Op":"gte"}}}`)),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
	{
		Section: "Attributes", Name: "gender",
		Says: "A list of concepts holds when the value is one of them.",
		Tables: `person: id gender_concept_id year_of_birth
			1 8532 1970
			2 8507 1970
			condition_occurrence: id person concept start
			1 1 11 2020-03-01
			2 2 11 2020-03-01`,
		Definition: circeJSON(entry(`{"ConditionOccurrence":{"CodesetId":0,"Gender":[{"CONCEPT_ID":8507}]}}`)),
		Rows:       `2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Attributes", Name: "a negated text never holds for a missing one",
		Says: "Text is compared with case, and nothing is neither like nor unlike anything.",
		Tables: `condition_occurrence: id person concept start stop_reason
			1 1 11 2020-03-01 Recovered
			2 2 11 2020-03-01 Moved
			3 3 11 2020-03-01 -
			4 4 11 2020-03-01 recovered`,
		Definition: circeJSON(entry(`{"ConditionOccurrence":{"CodesetId":0,"StopReason":{"Text":"Recov","Op":"!startsWith"}}}`)),
		Rows: `2 2020-03-01 2020-12-31
			4 2020-03-01 2020-12-31`,
	},
	{
		Section: "Attributes", Name: "the visit of an event",
		Says: "VisitType is the concept of the visit that the event names. A visit of another person does not count.",
		Tables: `visit_occurrence: id person concept start end
			1 1 40 2020-03-01 2020-03-10
			condition_occurrence: id person concept start visit
			2 1 11 2020-03-02 1
			3 2 11 2020-03-02 1
			4 3 11 2020-03-02 -`,
		Definition: circeJSON(entry(`{"ConditionOccurrence":{"CodesetId":0,"VisitType":[{"CONCEPT_ID":40}]}}`)),
		Rows:       `1 2020-03-02 2020-12-31`,
	},
	{
		Section: "Attributes", Name: "a concept set selection without a set",
		Says: "It asks for a value to be there or, with IsExclusion, to be missing.",
		Tables: `measurement: id person concept start unit_concept_id
			1 1 30 2020-03-01 60
			2 2 30 2020-03-01 -`,
		Definition: circeJSON(entry(`{"Measurement":{"CodesetId":3,"UnitCS":{"IsExclusion":true}}}`)),
		Rows:       `2 2020-03-01 2020-12-31`,
	},
	{
		Section: "Attributes", Name: "the end date of a drug tests its start",
		Says: "OccurrenceEndDate of a drug exposure is tested against the start date, as Circe does.",
		Tables: `drug_exposure: id person concept start end
			1 1 20 2020-03-01 2020-06-01
			2 2 20 2020-03-02 2020-03-02`,
		Definition: circeJSON(entry(`{"DrugExposure":{"CodesetId":1,"OccurrenceEndDate":{"Value":"2020-03-01","Op":"lte"}}}`)),
		Rows:       `1 2020-03-01 2020-12-31`,
	},
	{
		Section: "Attributes", Name: "abnormal measurements",
		Says: "Abnormal holds below the range, above it, or when the value says so (4155142, 4155143). Circe wants ValueAsConcept beside it.",
		Tables: `measurement: id person concept start value_as_number range_low range_high value_as_concept_id
			1 1 30 2020-03-01 3 4 6 4155143
			2 2 30 2020-03-01 5 4 6 4155143
			3 3 30 2020-03-01 5 4 6 0`,
		Definition: circeJSON(entry(`{"Measurement":{"CodesetId":3,"Abnormal":true,"ValueAsConcept":[{"CONCEPT_ID":4155143},{"CONCEPT_ID":0}]}}`)),
		Rows: `1 2020-03-01 2020-12-31
			2 2020-03-01 2020-12-31`,
	},
}
