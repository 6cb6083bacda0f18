package cohort

import (
	"fmt"

	"galien"
)

// MaxRules is the largest number of inclusion rules: their results are the
// bits of a 64-bit mask.
const MaxRules = 62

// Validate reports the first thing in the definition that no engine can
// evaluate: an undefined concept set, no entry event, too many rules.
func (d *Definition) Validate() error {
	if len(d.Entry) == 0 {
		return galien.Errorf(galien.Invalid, "PrimaryCriteria.CriteriaList: a definition needs at least one entry event")
	}
	if len(d.Rules) > MaxRules {
		return galien.Errorf(galien.Invalid, "InclusionRules: %d rules, at most %d can be evaluated", len(d.Rules), MaxRules)
	}
	seen := map[int]bool{}
	for i, s := range d.ConceptSets {
		if seen[s.ID] {
			return galien.Errorf(galien.Invalid, "ConceptSets[%d].id: concept set %d is defined twice", i, s.ID)
		}
		seen[s.ID] = true
	}
	if e, ok := d.Exit.(DrugEra); ok && e.GapDays < 0 {
		return galien.Errorf(galien.Invalid, "EndStrategy.CustomEra.GapDays: %d days, a gap cannot be negative", e.GapDays)
	}
	if d.EraPad < 0 {
		return galien.Errorf(galien.Invalid, "CollapseSettings.EraPad: %d days, a pad cannot be negative", d.EraPad)
	}
	return nil
}

// Codesets returns the concept sets by id. A reference to a set that is not
// defined stands for the empty set, as in Circe.
func (d *Definition) Codesets() map[int]ConceptSet {
	sets := make(map[int]ConceptSet, len(d.ConceptSets))
	for _, s := range d.ConceptSets {
		sets[s.ID] = s
	}
	return sets
}

// String names the count column for error texts.
func (c CountColumn) String() string { return string(c) }

// CountOperandOf returns what a distinct count of column counts in criterion c,
// and an error where Circe has no such count.
func (c Criterion) CountOperandOf(column CountColumn) (CountOperand, error) {
	d := c.Domain
	nested := c.Nested != nil && !c.Nested.Empty()
	switch column {
	case CountStartDate:
		return CountOperand{Column: "start_date"}, nil
	case CountEndDate:
		return CountOperand{Column: "end_date"}, nil
	case CountVisit:
		if d.NoVisitCount {
			return CountOperand{}, fmt.Errorf("%s has no visit to count", d.Name)
		}
		return CountOperand{Column: "visit_occurrence_id"}, nil
	}
	o, ok := d.CountColumns[column]
	if !ok {
		return CountOperand{}, fmt.Errorf("%s has no column %s to count", d.Name, column)
	}
	if nested {
		return CountOperand{}, fmt.Errorf("column %s cannot be counted beside CorrelatedCriteria", column)
	}
	if o.Needs != "" && !c.tests(o.Needs) {
		return CountOperand{}, fmt.Errorf("column %s of %s can only be counted with %s", column, d.Name, o.Needs)
	}
	return o, nil
}

// tests reports whether the criterion has a filter on the operand of the named
// attribute.
func (c Criterion) tests(attribute string) bool {
	a, ok := c.Domain.Attribute(attribute)
	if !ok {
		return false
	}
	for _, f := range c.Filters {
		if OperandOf(f) == a.Operand {
			return true
		}
	}
	return false
}

// OperandOf returns the operand a filter tests; the zero Operand for an
// AbnormalFilter.
func OperandOf(f Filter) Operand {
	switch f := f.(type) {
	case DateFilter:
		return f.Operand
	case NumberFilter:
		return f.Operand
	case ConceptFilter:
		return f.Operand
	case CodesetFilter:
		return f.Operand
	case TextFilter:
		return f.Operand
	case BelowFilter:
		return Operand{Of: OwnColumn, Column: f.Column}
	}
	return Operand{}
}
