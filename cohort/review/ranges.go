package review

import (
	"fmt"
	"slices"

	"galien"
	"galien/cohort"
)

// criterion reviews a criterion; path leads to the object that names its domain.
func (r *reviewer) criterion(path string, c cohort.Criterion) {
	path += "." + c.Domain.Name
	if c.Codeset != nil {
		r.use(path+".CodesetId", *c.Codeset)
	}
	if c.SourceCodeset != nil {
		r.use(path+"."+c.Domain.SourceAttribute, *c.SourceCodeset)
	}
	if c.Domain.Concept != "" && c.Codeset == nil && c.SourceCodeset == nil && !selective(c) {
		r.find("whole-domain", path, c.Domain.Name)
	}
	r.domain(path, c)
	if a := c.Adjust; a != nil && a.EndOffset < a.StartOffset && (a.StartWithEnd || !a.EndWithEnd) {
		r.find("backward-dates", path+".DateAdjustment")
	}
	if c.UserStart != nil && c.UserEnd != nil && *c.UserEnd < *c.UserStart {
		r.find("backward-dates", path+".UserDefinedPeriod")
	}
	r.filters(path, c.Filters, c.Domain.Attributes)
	r.dates(path, c)
	if c.Nested != nil && !c.Nested.Empty() {
		r.group(path+".CorrelatedCriteria", *c.Nested, []cohort.Criterion{c}, false)
	}
}

// selective reports whether a criterion without a concept set says by other
// means which rows it is about; any death, visit or place is a notion of its own.
func selective(c cohort.Criterion) bool {
	if slices.Contains([]string{"Death", "VisitOccurrence", "VisitDetail", "LocationRegion"}, c.Domain.Name) || c.Nested != nil && !c.Nested.Empty() {
		return true
	}
	return slices.ContainsFunc(c.Filters, func(f cohort.Filter) bool {
		switch cohort.OperandOf(f).Of {
		case cohort.StartDate, cohort.EndDate, cohort.AgeAtStart, cohort.AgeAtEnd, cohort.Gender:
			return false
		}
		return true
	})
}

// attribute returns the path of the attribute that a filter is written as, or of
// its object where several attributes test the same.
func attribute(path string, f cohort.Filter, attrs []cohort.Attribute) string {
	name := ""
	for _, a := range attrs {
		if a.Tests(f) {
			if name != "" {
				return path
			}
			name = a.Name
		}
	}
	return path + "." + name
}

func (r *reviewer) filters(path string, filters []cohort.Filter, attrs []cohort.Attribute) {
	for _, f := range filters {
		path := attribute(path, f, attrs)
		switch f := f.(type) {
		case cohort.DateFilter:
			if f.Extent < f.Value {
				r.swapped(path, f.Op, f.Value, f.Extent)
			}
		case cohort.NumberFilter:
			if f.Extent < f.Value {
				r.swapped(path, f.Op, f.Value.Float(), f.Extent.Float())
			}
			if f.Operand.Of == cohort.OwnColumn && f.Operand.Column == "gap_days" {
				r.find("gap-days", path)
				continue
			}
			r.values(path, f)
		case cohort.CodesetFilter:
			if f.Codeset != nil {
				r.use(path, *f.Codeset)
			}
		case cohort.TextFilter:
			if f.Pattern == "" || f.Pattern == "%" || f.Pattern == "%%" {
				r.find("empty-text", path)
			}
		}
	}
}

func (r *reviewer) swapped(path string, op cohort.Comparison, low, high any) {
	if op == cohort.Between || op == cohort.NotBetween {
		r.find("empty-range", path, low, high)
	}
}

// oldest is an age that nobody is over.
const oldest = 150

// counted are columns that hold a number of things or of days.
var counted = []string{"condition_occurrence_count", "drug_exposure_count", "days_supply", "refills", "quantity"}

// values compares a range with the values that there can be.
func (r *reviewer) values(path string, f cohort.NumberFilter) {
	if (f.Op == cohort.Between || f.Op == cohort.NotBetween) && f.Extent < f.Value {
		return // found as a range that is empty
	}
	high := -1
	what := Text{"never negative", "jamais négatif"}
	switch {
	case f.Operand.Of == cohort.AgeAtStart, f.Operand.Of == cohort.AgeAtEnd:
		high = oldest
		what = Text{fmt.Sprintf("an age from 0 to %d", oldest), fmt.Sprintf("un âge de 0 à %d", oldest)}
	case f.Operand.Of == cohort.Length:
	case f.Operand.Of == cohort.OwnColumn && slices.Contains(counted, f.Operand.Column):
	default:
		return
	}
	some, every := holds(f, high)
	switch {
	case !some:
		r.find("impossible-value", path, what)
	case every:
		r.find("idle-range", path, what)
	}
}

// holds reports whether some and whether every whole number from 0 to high (-1
// for any) passes a test. What a test says changes at its bounds only.
func holds(f cohort.NumberFilter, high int) (some, every bool) {
	every = true
	for _, near := range []cohort.Decimal{0, f.Value, f.Extent, cohort.Decimal(max(high, 0)) * 10000} {
		for step := cohort.Decimal(-1); step <= 1; step++ {
			v := (near/10000 + step) * 10000
			if v < 0 || high >= 0 && v > cohort.Decimal(high)*10000 {
				continue
			}
			ok := passes(f, v)
			some, every = some || ok, every && ok
		}
	}
	return some, every
}

func passes(f cohort.NumberFilter, v cohort.Decimal) bool {
	switch f.Op {
	case cohort.Less:
		return v < f.Value
	case cohort.LessOrEqual:
		return v <= f.Value
	case cohort.Equal:
		return v == f.Value
	case cohort.NotEqual:
		return v != f.Value
	case cohort.Greater:
		return v > f.Value
	case cohort.GreaterOrEqual:
		return v >= f.Value
	case cohort.Between:
		return f.Value <= v && v <= f.Extent
	}
	return v < f.Value || v > f.Extent
}

// dates finds a start that must be later than the end.
func (r *reviewer) dates(path string, c cohort.Criterion) {
	var earliest, latest galien.Date
	var from, to bool
	for _, f := range c.Filters {
		d, ok := f.(cohort.DateFilter)
		if !ok {
			continue
		}
		switch {
		case d.Operand.Of == cohort.StartDate && slices.Contains([]cohort.Comparison{cohort.Equal, cohort.Greater, cohort.GreaterOrEqual, cohort.Between}, d.Op):
			earliest, from = d.Value, true
		case d.Operand.Of == cohort.EndDate && d.Op == cohort.Between:
			latest, to = d.Extent, true
		case d.Operand.Of == cohort.EndDate && slices.Contains([]cohort.Comparison{cohort.Equal, cohort.Less, cohort.LessOrEqual}, d.Op):
			latest, to = d.Value, true
		}
	}
	if from && to && latest < earliest {
		r.find("backward-dates", path)
	}
}

// agree finds demographic criteria that nobody meets together: ages, those of
// the entry events among them, and sexes.
func (r *reviewer) agree(tests []member[cohort.Demographic]) {
	ages := func(filters []cohort.Filter, left *[oldest + 1]bool) (tested bool) {
		for _, f := range filters {
			n, ok := f.(cohort.NumberFilter)
			if !ok || n.Operand.Of != cohort.AgeAtStart {
				continue
			}
			tested = true
			for age := range left {
				left[age] = left[age] && passes(n, cohort.Decimal(age)*10000)
			}
		}
		return tested
	}
	everyone := func() (a [oldest + 1]bool) {
		for i := range a {
			a[i] = true
		}
		return a
	}
	var entering [oldest + 1]bool
	for _, c := range r.def.Entry {
		left := everyone()
		ages(c.Filters, &left)
		for age, ok := range left {
			entering[age] = entering[age] || ok
		}
	}
	if !slices.Contains(entering[:], true) {
		return // each entry event was found impossible
	}
	left := entering
	var sexes []galien.ConceptID
	limited := false
	for _, t := range tests {
		alone := everyone()
		if ages(t.part.Filters, &alone) && slices.Contains(alone[:], true) {
			before := left
			ages(t.part.Filters, &left)
			if !slices.Contains(left[:], true) {
				r.find("contradicting-demographics", t.path, Text{"an age", "un âge"})
				left = before
			}
		}
		for _, f := range t.part.Filters {
			c, ok := f.(cohort.ConceptFilter)
			if !ok || c.Operand.Of != cohort.Gender || c.Exclude {
				continue
			}
			if !limited {
				sexes, limited = slices.Clone(c.Concepts), true
				continue
			}
			both := slices.DeleteFunc(slices.Clone(sexes), func(s galien.ConceptID) bool { return !slices.Contains(c.Concepts, s) })
			if len(both) == 0 {
				r.find("contradicting-demographics", t.path, Text{"a sex", "un sexe"})
				continue
			}
			sexes = both
		}
	}
}
