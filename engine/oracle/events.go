package oracle

import (
	"sort"

	"galien"
	"galien/cohort"
)

// maybe is a value that can be missing.
type maybe[T any] struct {
	value T
	known bool
}

func some[T any](v T) maybe[T] { return maybe[T]{v, true} }

func maybeOf[T any](v T, known bool) maybe[T] { return maybe[T]{v, known} }

// event is one row as a criterion sees it.
type event struct {
	person *person
	// id is the row's key and, for an event that has become an entry event, its
	// ordinal among the person's.
	id    int64
	start galien.Date
	end   maybe[galien.Date]
	visit maybe[int64]
	// sort is the date that orders entry events.
	sort galien.Date
	// row is where the event was read.
	row row
}

// indexEvent is an event that others are measured from, with the observation
// period it lies in. Where observation periods overlap, an entry event is one
// index event in each of them; the event of a nested criterion is a single one
// that has them all, and what correlates with it in each adds up.
type indexEvent struct {
	event
	periods []galien.Period
}

// period is the observation period of an entry event.
func (e indexEvent) period() galien.Period { return e.periods[0] }

// farFuture ends what has no end and needs one.
var farFuture = galien.MustDate("2099-12-31")

// events returns the person's events of a criterion.
func (q *question) events(p *person, c *cohort.Criterion) []event {
	rows := q.matching(p, c)
	if c.First {
		rows = earliest(rows, c.Domain)
	}
	var found []event
	for _, r := range rows {
		e, ok := eventOf(p, r, c)
		if !ok || !q.passes(e, c.Filters) {
			continue
		}
		if !userPeriod(&e, c) {
			continue
		}
		found = append(found, e)
	}
	if c.Nested != nil && !c.Nested.Empty() {
		found = q.nested(p, found, *c.Nested)
	}
	return found
}

// matching returns the rows of the criterion's concept sets.
func (q *question) matching(p *person, c *cohort.Criterion) []row {
	var rows []row
	for _, r := range p.tables[c.Domain.Table] {
		if _, dated := r.date(c.Domain.Start); !dated {
			continue
		}
		if _, placed := q.link(r, "location"); c.Domain.Table == "location_history" && !placed {
			continue
		}
		if c.Codeset != nil {
			concept, known := q.domainConcept(r, c.Domain)
			if !known || !q.codesets[*c.Codeset][concept] {
				continue
			}
		}
		if c.SourceCodeset != nil {
			concept, known := r.concept(c.Domain.SourceConcept)
			if !known || !q.codesets[*c.SourceCodeset][concept] {
				continue
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// domainConcept returns the concept that Codeset is tested against: a column of
// the row itself or, for a place of residence, of the location it names.
func (q *question) domainConcept(r row, d *cohort.Domain) (galien.ConceptID, bool) {
	if d.Table != "location_history" {
		return r.concept(d.Concept)
	}
	location, _ := q.link(r, "location")
	return location.concept(d.Concept)
}

// earliest returns the row with the earliest start, the lowest key among those
// of that day.
func earliest(rows []row, d *cohort.Domain) []row {
	if len(rows) == 0 {
		return nil
	}
	first := rows[0]
	for _, r := range rows[1:] {
		day, _ := r.date(d.Start)
		best, _ := first.date(d.Start)
		id, _ := r.integer(d.ID)
		bestID, _ := first.integer(d.ID)
		if day < best || day == best && id < bestID {
			first = r
		}
	}
	return []row{first}
}

// eventOf reads a row as an event, its dates adjusted; false when the
// adjustment leaves it without an end or with one before its start.
func eventOf(p *person, r row, c *cohort.Criterion) (event, bool) {
	d := c.Domain
	e := event{person: p, row: r}
	e.id, _ = r.integer(d.ID)
	e.start, _ = r.date(d.Start)
	e.end = endOf(r, d)
	if d.Visit != "" {
		e.visit = maybeOf(r.integer(d.Visit))
	}
	if a := c.Adjust; a != nil {
		start, end := some(e.start), e.end
		if a.StartWithEnd && !d.FixedAdjust {
			start = e.end
		}
		if !a.EndWithEnd && !d.FixedAdjust {
			end = some(e.start)
		}
		if !start.known || !end.known {
			return event{}, false
		}
		e.start = start.value.AddDays(a.StartOffset)
		e.end = some(end.value.AddDays(a.EndOffset))
		if e.end.value < e.start {
			return event{}, false
		}
	}
	e.sort = e.start
	return e, true
}

// endOf returns the end of a row, by its domain's rule where the table has none.
func endOf(r row, d *cohort.Domain) maybe[galien.Date] {
	if end, known := r.date(d.End); known {
		return some(end)
	}
	start, _ := r.date(d.Start)
	switch d.Ends {
	case cohort.NoEnd:
		return maybe[galien.Date]{}
	case cohort.FarFuture:
		return some(farFuture)
	case cohort.DaysSupply:
		if days, known := r.integer("days_supply"); known && -cohort.MaxDaysSupply <= days && days <= cohort.MaxDaysSupply {
			return some(start.AddDays(int(days)))
		}
	}
	return some(start.AddDays(1))
}

// userPeriod replaces the event's dates by those the criterion gives; false
// when the event does not cover them.
func userPeriod(e *event, c *cohort.Criterion) bool {
	covers := func(d galien.Date) bool { return e.start <= d && e.end.known && d <= e.end.value }
	if c.UserStart != nil && !covers(*c.UserStart) || c.UserEnd != nil && !covers(*c.UserEnd) {
		return false
	}
	if c.UserStart != nil {
		e.start = *c.UserStart
	}
	if c.UserEnd != nil {
		e.end = some(*c.UserEnd)
	}
	return true
}

// nested keeps the events for which the group holds with the event as index;
// events outside every observation period are lost.
func (q *question) nested(p *person, events []event, g cohort.Group) []event {
	var kept []event
	for _, e := range events {
		index := indexEvent{event: e}
		for _, period := range p.periods {
			if period.Contains(e.start) {
				index.periods = append(index.periods, period)
			}
		}
		if len(index.periods) > 0 && q.holds(index, g) {
			kept = append(kept, e)
		}
	}
	return kept
}

// byEntryOrder sorts entry events: by sort date, descending for Last, then by
// key, start and end, a missing end last; then by observation period.
func byEntryOrder(events []indexEvent, limit cohort.Limit) {
	sort.SliceStable(events, func(i, j int) bool {
		a, b := events[i], events[j]
		switch {
		case a.sort != b.sort:
			return (a.sort < b.sort) != (limit == cohort.Last)
		case a.id != b.id:
			return a.id < b.id
		case a.start != b.start:
			return a.start < b.start
		case a.end.known != b.end.known:
			return a.end.known
		case a.end.value != b.end.value:
			return a.end.value < b.end.value
		}
		return periodBefore(a.period(), b.period())
	})
}

// limited returns the event with the earliest start (the latest for Last), the
// lowest ordinal among those of that day; all of them without a limit.
func limited(events []indexEvent, limit cohort.Limit) []indexEvent {
	if limit == cohort.All || len(events) == 0 {
		return events
	}
	best := events[0]
	for _, e := range events[1:] {
		sooner := e.start < best.start
		if limit == cohort.Last {
			sooner = e.start > best.start
		}
		if sooner || e.start == best.start && e.id < best.id {
			best = e
		}
	}
	return []indexEvent{best}
}
