package oracle

import (
	"galien"
	"galien/cohort"
)

// holds reports whether a group holds for an index event.
func (q *question) holds(index indexEvent, g cohort.Group) bool {
	if g.Empty() {
		return true
	}
	members, holding := 0, 0
	count := func(holds bool) {
		members++
		if holds {
			holding++
		}
	}
	for i := range g.Correlated {
		count(q.correlates(index, &g.Correlated[i]))
	}
	for _, d := range g.Demographics {
		count(q.passes(index.event, d.Filters))
	}
	for _, sub := range g.Groups {
		count(q.holds(index, sub))
	}
	switch g.Type {
	case cohort.AllOf:
		return holding == members
	case cohort.AnyOf:
		return holding >= 1
	case cohort.AtLeast:
		return holding >= g.Count
	case cohort.AtMost:
		return holding <= g.Count
	}
	panic("oracle: a group type that cohort does not define")
}

// correlates reports whether the number of events around the index event is as
// the criterion says.
func (q *question) correlates(index indexEvent, c *cohort.Correlated) bool {
	var matches []event
	for _, period := range index.periods {
		for _, e := range q.remembered(index.person, &c.Criterion) {
			if matchesIn(period, index.event, e, c) {
				matches = append(matches, e)
			}
		}
	}
	if len(matches) == 0 && !c.CountsAbsence() {
		return false
	}
	n := len(matches)
	if c.Distinct != nil {
		n = q.distinct(matches, c)
	}
	switch c.Occurrence {
	case cohort.Exactly:
		return n == c.Count
	case cohort.NoMoreThan:
		return n <= c.Count
	case cohort.NoLessThan:
		return n >= c.Count
	}
	panic("oracle: an occurrence that cohort does not define")
}

// matchesIn reports whether an event lies where the criterion looks for it, the
// index event being in the given observation period.
func matchesIn(period galien.Period, index, e event, c *cohort.Correlated) bool {
	if !c.IgnoreObservationPeriod && !period.Contains(e.start) {
		return false
	}
	if !inWindow(period, index, e, c.StartWindow, c.IgnoreObservationPeriod) {
		return false
	}
	if c.EndWindow != nil && !inWindow(period, index, e, *c.EndWindow, c.IgnoreObservationPeriod) {
		return false
	}
	if c.RestrictVisit {
		return index.visit.known && e.visit.known && index.visit.value == e.visit.value
	}
	return true
}

// inWindow reports whether the event's date lies between the window's bounds.
// A bound that cannot be placed, for want of a date, is met by no event; an
// open one is that of the observation period, or none.
func inWindow(period galien.Period, index, e event, w cohort.Window, unobserved bool) bool {
	from, tested := some(index.start), some(e.start)
	if w.IndexEnd {
		from = index.end
	}
	if w.EventEnd {
		tested = e.end
	}
	// place returns a bound in days since 1970; false for no bound at all.
	place := func(b cohort.Bound) (day int64, bounded, known bool) {
		switch {
		case b.Open && unobserved:
			return 0, false, true
		case b.Open && b.Before:
			return int64(period.Start), true, true
		case b.Open:
			return int64(period.End), true, true
		}
		return int64(from.value) + int64(b.Days), true, from.known
	}
	start, startBound, startKnown := place(w.Start)
	end, endBound, endKnown := place(w.End)
	if startBound && !(startKnown && tested.known && start <= int64(tested.value)) {
		return false
	}
	if endBound && !(endKnown && tested.known && int64(tested.value) <= end) {
		return false
	}
	return true
}

// distinct counts the different values that the matches have, missing ones left
// out.
func (q *question) distinct(matches []event, c *cohort.Correlated) int {
	operand, err := c.Criterion.CountOperandOf(*c.Distinct)
	if err != nil {
		panic("oracle: a count that was not refused") // prepare refuses it
	}
	values := map[any]bool{}
	for _, e := range matches {
		if v := q.counted(e, *c.Distinct, operand, c.Criterion.Domain); v != nil {
			values[v] = true
		}
	}
	return len(values)
}

// counted returns the value that a distinct count sees in an event, nil for none.
func (q *question) counted(e event, column cohort.CountColumn, o cohort.CountOperand, d *cohort.Domain) any {
	switch {
	case column == cohort.CountStartDate:
		return e.start
	case column == cohort.CountEndDate:
		return anyOf(e.end)
	case column == cohort.CountVisit:
		return anyOf(e.visit)
	case o.Constant:
		return true
	case o.Length:
		if !e.end.known {
			return nil
		}
		return e.end.value.DaysSince(e.start)
	case column == cohort.CountDomainConcept && d.Table == "location_history":
		return anyOf(maybeOf(q.domainConcept(e.row, d)))
	}
	v := e.row.value(o.Column)
	if v == nil && o.NoneAsZero {
		return int64(0)
	}
	return v
}

func anyOf[T int64 | galien.Date | galien.ConceptID](v maybe[T]) any {
	if !v.known {
		return nil
	}
	return v.value
}
