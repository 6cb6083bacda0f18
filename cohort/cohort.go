// Package cohort is the query model: what a cohort definition asks, as typed
// values that engines evaluate and permits are checked against.
//
// It owns the meaning of a definition and nothing else: no files, no SQL, no
// clock. The model follows OHDSI Circe (ATLAS) 1.12, whose JSON is read by
// package cohort/circe; what it cannot express is refused there by name.
//
// A definition selects entry events, keeps those that meet its criteria, gives
// each an exit, and joins what overlaps into cohort periods:
//
//	def, err := circe.Read(file)
//	def.Reads()  // every table and column the evaluation touches
//	def.Hash()   // the same for the same question, however it was written
//
// Rows of the source are events: each has a person, an id, a start and an end
// (possibly none). Order is always by start, then by id.
package cohort

import (
	"galien"
)

// Definition is one cohort definition. The zero value selects nothing; values
// are built by cohort/circe or as literals in tests, then checked by Validate.
type Definition struct {
	ConceptSets []ConceptSet
	// Entry lists the entry events: the union of all of them.
	Entry []Criterion
	// PriorDays and PostDays are the days of observation required before and
	// after an entry event, inside the same observation period.
	PriorDays, PostDays int
	EntryLimit          Limit
	// Additional, when not nil, restricts entry events, and QualifiedLimit
	// applies to what remains.
	Additional     *Group
	QualifiedLimit Limit
	// Rules are the inclusion rules; an event enters when it meets all.
	Rules       []Rule
	ResultLimit Limit
	Exit        Exit // nil: the end of the observation period
	Censoring   []Criterion
	// EraPad is the gap in days that still joins two cohort periods.
	EraPad int
	// CensorStart and CensorEnd clip the cohort periods; nil leaves an end open.
	CensorStart, CensorEnd *galien.Date
}

// Rule is a named inclusion rule.
type Rule struct {
	Name        string
	Description string
	Group       Group
}

// Limit says which of a person's events are kept.
type Limit uint8

// The limits, by start date.
const (
	All Limit = iota
	First
	Last
)

// String returns the limit's name as Circe writes it.
func (l Limit) String() string { return [...]string{"All", "First", "Last"}[l] }

// ConceptSet is a set of concepts given by expression; see Resolve rules in
// docs/cohorts.md.
type ConceptSet struct {
	ID    int
	Name  string
	Items []ConceptItem
}

// ConceptItem is one line of a concept set expression.
type ConceptItem struct {
	Concept     galien.ConceptID
	Excluded    bool
	Descendants bool
	Mapped      bool
}

// Criterion selects rows of one domain as events.
type Criterion struct {
	Domain *Domain
	// Codeset and SourceCodeset are concept set ids for the domain's concept
	// and source concept; nil leaves them free.
	Codeset, SourceCodeset *int
	// First keeps each person's earliest row of the codesets, before any
	// filter and inside or outside observation.
	First   bool
	Filters []Filter
	Adjust  *DateAdjustment
	// UserStart and UserEnd replace the dates of an observation or payer plan
	// period that covers them.
	UserStart, UserEnd *galien.Date
	// Nested criteria are tested with this event as their index; nil for none.
	Nested *Group
}

// DateAdjustment moves an event's start and end before anything else sees them.
type DateAdjustment struct {
	StartWithEnd, EndWithEnd bool // take the end date rather than the start
	StartOffset, EndOffset   int  // days
}

// GroupType says how many members of a group must hold.
type GroupType uint8

// The group types.
const (
	AllOf GroupType = iota
	AnyOf
	AtLeast
	AtMost
)

// Group is a boolean combination over one index event. An empty group holds
// for every event.
type Group struct {
	Type         GroupType
	Count        int // for AtLeast and AtMost
	Correlated   []Correlated
	Demographics []Demographic
	Groups       []Group
}

// Empty reports whether the group has no member.
func (g Group) Empty() bool {
	return len(g.Correlated)+len(g.Demographics)+len(g.Groups) == 0
}

// Occurrence compares a count.
type Occurrence uint8

// The comparisons of a correlated criterion's count.
const (
	Exactly Occurrence = iota
	NoMoreThan
	NoLessThan
)

// Correlated counts events of a criterion within windows of an index event.
type Correlated struct {
	Criterion               Criterion
	StartWindow             Window
	EndWindow               *Window
	RestrictVisit           bool
	IgnoreObservationPeriod bool
	Occurrence              Occurrence
	Count                   int
	// Distinct counts distinct values of a column instead of events.
	Distinct *CountColumn
}

// CountsAbsence reports whether index events without any match can hold: a
// count of zero, or an upper bound.
func (c Correlated) CountsAbsence() bool { return c.Occurrence == NoMoreThan || c.Count == 0 }

// Window is a span of days around the index event.
type Window struct {
	Start, End Bound
	// IndexEnd measures from the index event's end rather than its start.
	IndexEnd bool
	// EventEnd tests the event's end rather than its start.
	EventEnd bool
}

// Bound is one side of a window: Days days from the index date, negative for
// before; or, when Open, the start (Before) or end of the index observation
// period, and no bound at all when that is ignored.
type Bound struct {
	Open   bool
	Before bool
	Days   int
}

// Demographic tests the person at the index event.
type Demographic struct {
	Filters []Filter
}

// Exit is the rule that ends a cohort period: DateOffset or DrugEra.
type Exit interface{ exit() }

// DateOffset ends a period a number of days after the event's start or end, at
// the latest at the end of observation.
type DateOffset struct {
	FromEnd bool
	Days    int
}

// DrugEra ends a period with the era of exposures that covers the event's
// start. An exposure lasts until its end plus Offset days; exposures join when
// the gap is at most GapDays.
type DrugEra struct {
	Codeset   int
	GapDays   int
	Offset    int  // days added to each exposure's end
	DaysForce *int // each exposure lasts this many days, when set
}

func (DateOffset) exit() {}
func (DrugEra) exit()    {}

// Row is one cohort period of one person, both days included.
type Row struct {
	Person     galien.PersonID
	Start, End galien.Date
}

// Step is one line of attrition: what remains after it.
type Step struct {
	Name    string // stable, in English: "entry events", "inclusion rule 1"
	Reason  string // why events leave here
	Events  int64
	Persons int64
}

// MaskCount counts what met exactly the inclusion rules of a mask: events in
// Mode 0, persons' best events in Mode 1, as Circe's cohort_inclusion_result.
type MaskCount struct {
	Mode    int
	Mask    int64
	Persons int64
}

// Summary accompanies the rows of a cohort.
type Summary struct {
	Rows, Persons int64
	Attrition     []Step
	Inclusion     []MaskCount // only with inclusion rules; ordered by mode, mask
}

// Members are told who is behind the numbers of an answer, some persons at a
// time, each once for a number.
type Members struct {
	// Observed is told who could be counted: those with an observation period.
	Observed func(persons []galien.PersonID)
	// Left is told, for a cohort, who is left after a step of the attrition, and
	// how many events each has there.
	Left func(step int, persons []galien.PersonID, events []int64)
	// Cell is told, for a table, who has a period in a cell of it, and who is
	// observed there.
	Cell func(keys []string, entered, observed []galien.PersonID)
}

// Dimension is a column of a tabulation.
type Dimension string

// The dimensions. Age is calendar year minus year of birth, in ten-year groups;
// year is the calendar year of the cohort start.
const (
	Sex      Dimension = "sex"
	AgeGroup Dimension = "age_group"
	Year     Dimension = "year"
)

// Total is the key of a dimension that a cell sums over.
const Total = "*"

// Cell is one cell of a tabulation, margins included (a key of Total).
type Cell struct {
	Keys []string // one per dimension
	// Persons and Events are cohort entries: distinct persons, and periods.
	Persons, Events int64
	// Population counts distinct persons observed on at least one day of the
	// cell, PersonDays their days of observation.
	Population, PersonDays int64
}
