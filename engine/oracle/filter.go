package oracle

import (
	"slices"

	"galien"
	"galien/cohort"
)

// passes reports whether the event passes every filter.
func (q *question) passes(e event, filters []cohort.Filter) bool {
	for _, f := range filters {
		if !q.passesOne(e, f) {
			return false
		}
	}
	return true
}

func (q *question) passesOne(e event, f cohort.Filter) bool {
	switch f := f.(type) {
	case cohort.DateFilter:
		d := e.dateOperand(f.Operand)
		return d.known && compare(d.value, f.Op, f.Value, f.Extent)
	case cohort.NumberFilter:
		n := e.numberOperand(f.Operand)
		return n.known && compare(n.value, f.Op, f.Value.Float(), f.Extent.Float())
	case cohort.ConceptFilter:
		c, _ := q.conceptOperand(e, f.Operand)
		return c.known && slices.Contains(f.Concepts, c.value) != f.Exclude
	case cohort.CodesetFilter:
		c, linked := q.conceptOperand(e, f.Operand)
		if f.Codeset == nil {
			return linked && c.known != f.Exclude
		}
		return c.known && q.codesets[*f.Codeset][c.value] != f.Exclude
	case cohort.TextFilter:
		text, known := e.row.text(f.Operand.Column)
		return known && like([]rune(text), []rune(f.Pattern)) != f.Exclude
	case cohort.BelowFilter:
		n, known := e.row.integer(f.Column)
		return known && n < f.Bound
	case cohort.AbnormalFilter:
		return abnormal(e.row)
	}
	panic("oracle: a filter that cohort does not define")
}

// compare tests v against a bound, or against two.
func compare[T galien.Date | float64](v T, op cohort.Comparison, bound, extent T) bool {
	switch op {
	case cohort.Less:
		return v < bound
	case cohort.LessOrEqual:
		return v <= bound
	case cohort.Equal:
		return v == bound
	case cohort.NotEqual:
		return v != bound
	case cohort.Greater:
		return v > bound
	case cohort.GreaterOrEqual:
		return v >= bound
	case cohort.Between:
		return bound <= v && v <= extent
	case cohort.NotBetween:
		return !(bound <= v && v <= extent)
	}
	panic("oracle: a comparison that cohort does not define")
}

func (e event) dateOperand(o cohort.Operand) maybe[galien.Date] {
	switch o.Of {
	case cohort.StartDate:
		return some(e.start)
	case cohort.EndDate:
		return e.end
	case cohort.OwnColumn:
		return maybeOf(e.row.date(o.Column))
	}
	panic("oracle: an operand that is no date")
}

func (e event) numberOperand(o cohort.Operand) maybe[float64] {
	switch o.Of {
	case cohort.OwnColumn:
		return maybeOf(e.row.number(o.Column))
	case cohort.Length:
		if !e.end.known {
			return maybe[float64]{}
		}
		return some(float64(e.end.value.DaysSince(e.start)))
	case cohort.AgeAtStart:
		return e.person.ageAt(some(e.start))
	case cohort.AgeAtEnd:
		return e.person.ageAt(e.end)
	case cohort.Ratio:
		over, knownOver := e.row.number(o.Over)
		value, known := e.row.number(o.Column)
		if !known || !knownOver || over == 0 {
			return maybe[float64]{}
		}
		return some(value / over)
	}
	panic("oracle: an operand that is no number")
}

// ageAt is the year of a date less the year of birth.
func (p *person) ageAt(d maybe[galien.Date]) maybe[float64] {
	born, known := p.row.integer("year_of_birth")
	if !known || !d.known {
		return maybe[float64]{}
	}
	return some(float64(int64(d.value.Year()) - born))
}

// conceptOperand returns a concept of the event, its person or a row it links
// to, and whether the row that would hold it exists. A provider that is not
// known counts as one of unknown specialty; a visit or care site that is not
// known counts as no row at all.
func (q *question) conceptOperand(e event, o cohort.Operand) (concept maybe[galien.ConceptID], linked bool) {
	switch o.Of {
	case cohort.OwnColumn:
		return maybeOf(e.row.concept(o.Column)), true
	case cohort.Gender:
		return maybeOf(e.person.row.concept("gender_concept_id")), true
	case cohort.Race:
		return maybeOf(e.person.row.concept("race_concept_id")), true
	case cohort.Ethnicity:
		return maybeOf(e.person.row.concept("ethnicity_concept_id")), true
	case cohort.LinkedVisit:
		visit, linked := e.linkedVisit()
		return maybeOf(visit.concept("visit_concept_id")), linked
	case cohort.Specialty:
		provider, _ := q.link(e.row, "provider")
		return maybeOf(provider.concept("specialty_concept_id")), true
	case cohort.PlaceOfCare:
		site, linked := q.link(e.row, "care_site")
		return maybeOf(site.concept("place_of_service_concept_id")), linked
	}
	panic("oracle: an operand that is no concept")
}

// link returns the row of another table that a row names.
func (q *question) link(r row, table string) (row, bool) {
	id, known := r.integer(keys[table])
	if !known {
		return row{}, false
	}
	linked, ok := q.data.linked[table][id]
	return linked, ok
}

// linkedVisit returns the visit of the same person that the event names.
func (e event) linkedVisit() (row, bool) {
	if !e.visit.known {
		return row{}, false
	}
	for _, v := range e.person.tables["visit_occurrence"] {
		if id, known := v.integer("visit_occurrence_id"); known && id == e.visit.value {
			return v, true
		}
	}
	return row{}, false
}

// abnormal holds for a measurement outside its range or said abnormal.
func abnormal(r row) bool {
	value, known := r.number("value_as_number")
	if low, ok := r.number("range_low"); known && ok && value < low {
		return true
	}
	if high, ok := r.number("range_high"); known && ok && value > high {
		return true
	}
	said, ok := r.concept("value_as_concept_id")
	return ok && slices.Contains(cohort.AbnormalConcepts, said)
}

// like is SQL's LIKE: % stands for any text, _ for any one character, case
// counts.
func like(text, pattern []rune) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	if pattern[0] == '%' {
		for i := range len(text) + 1 {
			if like(text[i:], pattern[1:]) {
				return true
			}
		}
		return false
	}
	return len(text) > 0 && (pattern[0] == '_' || pattern[0] == text[0]) && like(text[1:], pattern[1:])
}
