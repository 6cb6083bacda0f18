package cohort

import "galien"

// Operand is what a filter tests: something of the event, its person, or a row
// that the event links to.
type Operand struct {
	Of OperandKind
	// Column is a column of the criterion's own table (OwnColumn, Ratio).
	Column string
	// Over is the divisor's column of a Ratio.
	Over string
}

// OperandKind says where an operand is read.
type OperandKind uint8

// The operands. Dates are the event's own, after adjustment.
const (
	OwnColumn   OperandKind = iota
	StartDate               // the event's start
	EndDate                 // the event's end
	Length                  // end minus start, days
	AgeAtStart              // year of start minus year of birth
	AgeAtEnd                // year of end minus year of birth
	Ratio                   // Column / Over; none where Over is zero
	Gender                  // person.gender_concept_id
	Race                    // person.race_concept_id
	Ethnicity               // person.ethnicity_concept_id
	LinkedVisit             // visit_concept_id of the linked visit of the same person
	Specialty               // provider.specialty_concept_id of the linked provider
	PlaceOfCare             // care_site.place_of_service_concept_id of the linked care site
)

// Comparison is the operator of a range.
type Comparison uint8

// The comparisons; Between includes both ends.
const (
	Less Comparison = iota
	LessOrEqual
	Equal
	NotEqual
	Greater
	GreaterOrEqual
	Between
	NotBetween
)

// Filter is one test of a criterion or demographic: DateFilter, NumberFilter,
// ConceptFilter, CodesetFilter, TextFilter, AbnormalFilter or BelowFilter. A
// missing value passes no filter, negated or not.
type Filter interface{ filter() }

// DateFilter compares a date operand.
type DateFilter struct {
	Operand Operand
	Op      Comparison
	Value   galien.Date
	Extent  galien.Date // for Between and NotBetween
}

// NumberFilter compares a numeric operand with decimals. Bounds are as Circe
// writes them: cut to an integer, or rounded half up to four places.
type NumberFilter struct {
	Operand Operand
	Op      Comparison
	Value   Decimal
	Extent  Decimal
}

// ConceptFilter tests membership of a list of concepts.
type ConceptFilter struct {
	Operand  Operand
	Concepts []galien.ConceptID
	Exclude  bool
}

// CodesetFilter tests membership of a concept set; with no set, it tests that
// the value is present (or, with Exclude, missing).
type CodesetFilter struct {
	Operand Operand
	Codeset *int
	Exclude bool
}

// TextFilter is an SQL LIKE test, case sensitive; % and _ in Pattern are
// wildcards.
type TextFilter struct {
	Operand Operand
	Pattern string
	Exclude bool
}

// AbnormalFilter holds for a measurement outside its range or said abnormal.
type AbnormalFilter struct{}

// BelowFilter holds where a whole number of the criterion's own table is below a
// bound. No file says it: it is for definitions that are restated for a hub.
type BelowFilter struct {
	Column string
	Bound  int64
}

// AbnormalConcepts are the values that say "abnormally low" and "high" in
// AbnormalFilter.
var AbnormalConcepts = []galien.ConceptID{4155142, 4155143}

func (DateFilter) filter()     {}
func (NumberFilter) filter()   {}
func (ConceptFilter) filter()  {}
func (CodesetFilter) filter()  {}
func (TextFilter) filter()     {}
func (AbnormalFilter) filter() {}
func (BelowFilter) filter()    {}

// Decimal is a fixed-point number in ten-thousandths.
type Decimal int64

// Float returns the decimal as a floating-point number.
func (d Decimal) Float() float64 { return float64(d) / 10000 }
