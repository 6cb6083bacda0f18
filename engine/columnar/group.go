package columnar

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"galien"
	"galien/cohort"
	"galien/lake"
)

// index is the index events of groups, by person, each with the observation
// period it lies in.
type index struct {
	person         []uint16
	start          []galien.Date
	end            []galien.Date // when asked for
	visit          []int64       // when asked for
	opStart, opEnd []galien.Date
	// of numbers the event of each row, where overlapping observation periods
	// give one event several rows, next to each other; nil where each row is an
	// event. n is the number of events.
	of []int32
	n  int
}

func (x *index) event(row int) int {
	if x.of == nil {
		return row
	}
	return int(x.of[row])
}

// group reports for which index events a group holds, among the active ones
// (nil: all).
func (a *asker) group(g *group, x *index, active []bool) ([]bool, error) {
	if active == nil {
		active = make([]bool, x.n)
		for i := range active {
			active[i] = true
		}
	}
	if g.Empty() || !slices.Contains(active, true) {
		return active, nil
	}
	switch g.Type {
	case cohort.AllOf:
		left := active
		err := a.members(g, x, func(holds func([]bool) ([]bool, error)) (err error) {
			left, err = holds(left)
			return err
		})
		return left, err
	case cohort.AnyOf:
		left, any := slices.Clone(active), make([]bool, x.n)
		err := a.members(g, x, func(holds func([]bool) ([]bool, error)) error {
			found, err := holds(left)
			for i, h := range found {
				if h {
					any[i], left[i] = true, false
				}
			}
			return err
		})
		return any, err
	}
	counts := make([]int32, x.n)
	err := a.members(g, x, func(holds func([]bool) ([]bool, error)) error {
		found, err := holds(active)
		for i, h := range found {
			if h {
				counts[i]++
			}
		}
		return err
	})
	holds := make([]bool, x.n)
	for i, n := range counts {
		switch g.Type {
		case cohort.AtLeast:
			holds[i] = active[i] && int(n) >= g.Count
		case cohort.AtMost:
			holds[i] = active[i] && int(n) <= g.Count
		default:
			panic(fmt.Sprintf("columnar: no group of type %d", g.Type))
		}
	}
	return holds, err
}

// members calls visit with each member of a group: a function of the active
// events that returns those for which the member holds.
func (a *asker) members(g *group, x *index, visit func(holds func(active []bool) ([]bool, error)) error) error {
	for _, d := range g.demographics {
		if err := visit(func(active []bool) ([]bool, error) { return a.demographic(d, x, active) }); err != nil {
			return err
		}
	}
	for _, c := range g.correlated {
		if err := visit(func(active []bool) ([]bool, error) {
			if !slices.Contains(active, true) {
				return active, nil
			}
			return a.correlated(c, x, active)
		}); err != nil {
			return err
		}
	}
	for _, sub := range g.groups {
		if err := visit(func(active []bool) ([]bool, error) { return a.group(sub, x, active) }); err != nil {
			return err
		}
	}
	return nil
}

func (a *asker) demographic(d demographic, x *index, active []bool) ([]bool, error) {
	cur, err := a.cursor(d.uses)
	if err != nil {
		return nil, err
	}
	holds := make([]bool, x.n)
	for row, person := range x.person {
		i := x.event(row)
		if !active[i] {
			continue
		}
		cur.person, cur.start, cur.end = person, x.start[row], lake.NoDate
		if x.end != nil {
			cur.end = x.end[row]
		}
		holds[i] = all(d.tests, cur)
	}
	return holds, nil
}

// span is a range of days, both included; none when low is after high.
type span struct{ low, high int64 }

func (s span) and(t span) span { return span{max(s.low, t.low), min(s.high, t.high)} }

var (
	always = span{math.MinInt64, math.MaxInt64}
	never  = span{1, 0}
)

// around returns the days of a window around an index event, and whether the
// window bounds them at all.
func (x *index) around(w *cohort.Window, row int, unobserved bool) (s span, bounded bool) {
	from := x.start[row]
	if w.IndexEnd {
		from = x.end[row]
	}
	low, hasLow, lowKnown := x.day(w.Start, row, from, unobserved)
	high, hasHigh, highKnown := x.day(w.End, row, from, unobserved)
	if !lowKnown || !highKnown {
		return never, true
	}
	s = always
	if hasLow {
		s.low = low
	}
	if hasHigh {
		s.high = high
	}
	return s, hasLow || hasHigh
}

// day returns a bound of a window whose index date is from; not bounded when it
// is open and observation does not count, not known without an index date.
func (x *index) day(b cohort.Bound, row int, from galien.Date, unobserved bool) (day int64, bounded, known bool) {
	switch {
	case !b.Open:
		return int64(from) + int64(b.Days), true, from != lake.NoDate
	case unobserved:
		return 0, false, true
	case b.Before:
		return int64(x.opStart[row]), true, true
	}
	return int64(x.opEnd[row]), true, true
}

// correlated reports for which index events the number of events around them
// is as the criterion says.
func (a *asker) correlated(c *correlated, x *index, active []bool) ([]bool, error) {
	var among []uint16 // the persons of active events
	if c.events.nested != nil {
		for row, person := range x.person {
			if n := len(among); active[x.event(row)] && (n == 0 || among[n-1] != person) {
				among = append(among, person)
			}
		}
	}
	v, err := a.events(c.events, among)
	if err != nil {
		return nil, err
	}
	// enough is a count beyond which more make no difference.
	enough := c.Count
	if c.Occurrence != cohort.NoLessThan {
		enough++
	}
	holds := make([]bool, x.n)
	matches, values := 0, a.w.values[:0]
	from, to := 0, 0 // the person's events
	for row, person := range x.person {
		i := x.event(row)
		if !active[i] {
			continue
		}
		if row == 0 || x.event(row-1) != i {
			matches, values = 0, values[:0]
		}
		if to == 0 || from == len(v.person) || v.person[from] != person || to == from {
			from = seek(v.person, max(from, to), person)
			to = from
			for to < len(v.person) && v.person[to] == person {
				to++
			}
		}
		starts, ends, tested := always, always, false
		if !c.IgnoreObservationPeriod {
			starts = span{int64(x.opStart[row]), int64(x.opEnd[row])}
		}
		look := func(w *cohort.Window) {
			s, bounded := x.around(w, row, c.IgnoreObservationPeriod)
			if w.EventEnd {
				ends, tested = ends.and(s), tested || bounded
			} else {
				starts = starts.and(s)
			}
		}
		look(&c.StartWindow)
		if c.EndWindow != nil {
			look(c.EndWindow)
		}
		k := from
		if to-from > 16 {
			k += sort.Search(to-from, func(k int) bool { return int64(v.start[from+k]) >= starts.low })
		}
		for ; k < to; k++ {
			start := int64(v.start[k])
			if start > starts.high || c.Distinct == nil && matches >= enough && matches > 0 {
				break
			}
			if start < starts.low {
				continue
			}
			if tested {
				if end := v.end[k]; end == lake.NoDate || int64(end) < ends.low || int64(end) > ends.high {
					continue
				}
			}
			if c.RestrictVisit && (v.visit[k] == lake.NoInt64 || v.visit[k] != x.visit[row]) {
				continue
			}
			matches++
			if c.Distinct != nil {
				values = append(values, v.counted[k])
			}
		}
		n := matches
		if c.Distinct != nil {
			n = distinct(values)
		}
		holds[i] = c.holds(matches, n)
	}
	a.w.values = values[:0]
	return holds, nil
}

// holds compares a count; where no event matches at all, only what counts
// absence can hold.
func (c *correlated) holds(matches, n int) bool {
	if matches == 0 && !c.absence {
		return false
	}
	switch c.Occurrence {
	case cohort.Exactly:
		return n == c.Count
	case cohort.NoMoreThan:
		return n <= c.Count
	case cohort.NoLessThan:
		return n >= c.Count
	}
	panic(fmt.Sprintf("columnar: no occurrence %d", c.Occurrence))
}

// distinct counts the different values of a list, null left out; it sorts it.
func distinct(values []int64) int {
	slices.Sort(values)
	n := 0
	for i, v := range values {
		if v != lake.NoInt64 && (i == 0 || v != values[i-1]) {
			n++
		}
	}
	return n
}
