package columnar

import (
	"cmp"
	"math/bits"
	"slices"

	"galien"
	"galien/cohort"
	"galien/lake"
)

// asker answers one plan for one stripe.
type asker struct {
	e      *Engine
	w      *worker
	plan   *plan
	stripe stripe
	// named is set when who is behind each number is asked for.
	named bool
}

// worker is memory that is used again from one stripe to the next.
type worker struct {
	counts    []uint32
	order     []uint32
	picks     picking
	gathering gathering
	entries   []entryEvent
	values    []int64
}

// counters returns a counter for every place of a stripe, and one more, at 0.
func (w *worker) counters() []uint32 {
	if w.counts == nil {
		w.counts = make([]uint32, stripePersons+1)
	} else {
		clear(w.counts)
	}
	return w.counts
}

// picking returns a picking of no rows yet: what a criterion that failed left
// behind is forgotten.
func (w *worker) picking() *picking {
	if w.picks.best == nil {
		w.picks.best = make([]int32, stripePersons)
	}
	w.picks.forget()
	return &w.picks
}

// cursor returns a cursor with what tests look at beside the row.
func (a *asker) cursor(u uses) (*cursor, error) {
	cur := &cursor{}
	var err error
	if len(u.person) > 0 {
		if cur.people, err = a.e.people(a.stripe, u.person); err != nil {
			return nil, err
		}
	}
	if u.visits {
		if cur.visits, err = a.e.visits(a.stripe, a.plan.scope); err != nil {
			return nil, err
		}
	}
	if u.providers || u.careSites {
		cur.links = &links{}
	}
	if u.providers {
		if cur.links.specialty, err = a.e.link("provider", "provider_id", "specialty_concept_id"); err != nil {
			return nil, err
		}
	}
	if u.careSites {
		if cur.links.place, err = a.e.link("care_site", "care_site_id", "place_of_service_concept_id"); err != nil {
			return nil, err
		}
	}
	return cur, nil
}

func (a *asker) observed() (*observed, error) { return a.e.observed(a.stripe, a.plan.scope) }

// tally counts events and the persons who have them.
type tally struct {
	events, persons int64
	who             []member // only when members are asked for
}

// member is a person of a tally with the number of events.
type member struct {
	place  uint16
	events int64
}

// answer is what a plan gives for one stripe.
type answer struct {
	rows     []cohort.Row
	steps    []tally
	masks    map[[2]int64]int64 // mode, mask
	observed []uint16           // only when members are asked for
}

// tell tells members who is behind the numbers of a stripe.
func (a *answer) tell(s stripe, m *cohort.Members) {
	observed := make([]galien.PersonID, len(a.observed))
	for i, place := range a.observed {
		observed[i] = s.first() + galien.PersonID(place)
	}
	m.Observed(observed)
	for step, t := range a.steps {
		persons, events := make([]galien.PersonID, len(t.who)), make([]int64, len(t.who))
		for i, one := range t.who {
			persons[i], events[i] = s.first()+galien.PersonID(one.place), one.events
		}
		m.Left(step, persons, events)
	}
}

// qualified is the index events of a plan: entry events after the additional
// criteria and the limits before them.
type qualified struct {
	*index
	steps []tally
}

// answer answers the plan. Rows come by person and start.
func (a *asker) answer() (*answer, error) {
	type key struct {
		stripe stripe
		part   cohort.Key
		named  bool
	}
	q, err := cacheGet(a.e.parts, key{a.stripe, a.plan.qualified, a.named}, func() (*qualified, int64, error) {
		q, err := a.qualify()
		if err != nil {
			return nil, 0, err
		}
		size := int64(len(q.person))*30 + 1024
		for _, t := range q.steps {
			size += int64(len(t.who)) * 16
		}
		return q, size, nil
	})
	if err != nil {
		return nil, err
	}
	def := a.plan.def
	out := &answer{steps: slices.Clone(q.steps)}
	included := make([]uint32, 0, q.n)
	if len(def.Rules) == 0 {
		for i := range q.n {
			included = append(included, uint32(i))
		}
	} else {
		masks, err := a.masks(q.index)
		if err != nil {
			return nil, err
		}
		out.masks = counted(q.index, masks)
		for rule := range def.Rules {
			through := int64(1)<<(rule+1) - 1
			out.steps = append(out.steps, a.count(q.person, func(i int) bool { return masks[i]&through == through }))
		}
		all := int64(1)<<len(def.Rules) - 1
		for i, m := range masks {
			if m == all {
				included = append(included, uint32(i))
			}
		}
	}
	included = limited(q.index, included, def.ResultLimit)
	out.steps = append(out.steps, a.countOf(q.person, included))
	if a.named {
		ops, err := a.observed()
		if err != nil {
			return nil, err
		}
		for place := range stripePersons {
			if from, to := ops.of(uint16(place)); to > from {
				out.observed = append(out.observed, uint16(place))
			}
		}
	}
	return out, a.periods(q.index, included, out)
}

// count tallies the events for which keep holds; person is in order.
func (a *asker) count(person []uint16, keep func(int) bool) tally {
	var t tally
	last := -1
	for i, p := range person {
		if keep(i) {
			last = t.event(a, p, last)
		}
	}
	return t
}

// countOf tallies some of the events, in order.
func (a *asker) countOf(person []uint16, some []uint32) tally {
	var t tally
	last := -1
	for _, i := range some {
		last = t.event(a, person[i], last)
	}
	return t
}

// event counts one event; last is the person of the one before it.
func (t *tally) event(a *asker, place uint16, last int) int {
	t.events++
	if int(place) != last {
		t.persons++
		if a.named {
			t.who = append(t.who, member{place: place})
		}
	}
	if a.named {
		t.who[len(t.who)-1].events++
	}
	return int(place)
}

// qualify finds the index events.
func (a *asker) qualify() (*qualified, error) {
	def := a.plan.def
	x, t, err := a.entry()
	if err != nil {
		return nil, err
	}
	q := &qualified{index: x, steps: []tally{t, a.count(x.person, func(int) bool { return true })}}
	if def.Additional == nil {
		return q, nil
	}
	holds, err := a.group(a.plan.additional, x, nil)
	if err != nil {
		return nil, err
	}
	q.steps = append(q.steps, a.count(x.person, func(i int) bool { return holds[i] }))
	var kept []uint32
	for i, h := range holds {
		if h {
			kept = append(kept, uint32(i))
		}
	}
	kept = limited(x, kept, def.QualifiedLimit)
	q.steps = append(q.steps, a.countOf(x.person, kept))
	if len(kept) < x.n {
		if kept == nil {
			kept = []uint32{}
		}
		q.index = x.chosen(kept)
	}
	return q, nil
}

func (x *index) chosen(which []uint32) *index {
	return &index{person: chosen(x.person, which), start: chosen(x.start, which), end: chosen(x.end, which), visit: chosen(x.visit, which),
		opStart: chosen(x.opStart, which), opEnd: chosen(x.opEnd, which), n: len(which)}
}

// entry returns the entry events after the entry limit, in order of person and
// then, where that matters, of Circe's: sort date (descending for the last
// event), id, start, end (a missing one last), observation period. It also
// tallies them before the limit.
func (a *asker) entry() (*index, tally, error) {
	def := a.plan.def
	ops, err := a.observed()
	if err != nil {
		return nil, tally{}, err
	}
	lists := make([]*events, len(a.plan.entry))
	for i, c := range a.plan.entry {
		if lists[i], err = a.events(c, nil); err != nil {
			return nil, tally{}, err
		}
	}
	o := entryOrder{e: a.e, lists: lists, ids: make([]idReader, len(lists)), ops: ops, descending: def.EntryLimit == cohort.Last, ends: a.plan.index.end}
	list := a.w.entries[:0]
	places := make([]int, len(lists))
	var t tally
	for done := false; !done; {
		// The next person with an event, and all of that person's.
		person := -1
		for i, v := range lists {
			if places[i] < v.len() && (person < 0 || int(v.person[places[i]]) < person) {
				person = int(v.person[places[i]])
			}
		}
		if done = person < 0; done {
			break
		}
		first := len(list)
		from, to := ops.of(uint16(person))
		for i, v := range lists {
			k := places[i]
			for ; k < v.len() && int(v.person[k]) == person; k++ {
				for op := from; op < to; op++ {
					d := v.start[k]
					if d < ops.start[op] || d > ops.end[op] || d.DaysSince(ops.start[op]) < def.PriorDays || ops.end[op].DaysSince(d) < def.PostDays {
						continue
					}
					list = append(list, entryEvent{uint32(k), int32(i), op})
				}
			}
			places[i] = k
		}
		some := list[first:]
		t.add(a, uint16(person), len(some))
		switch {
		case len(some) < 2 || !a.plan.ordered:
		case def.EntryLimit != cohort.All:
			best := some[0]
			for _, x := range some[1:] {
				if o.compare(x, best) < 0 {
					best = x
				}
			}
			list = append(list[:first], best)
		default:
			slices.SortStableFunc(some, o.compare)
		}
	}
	a.w.entries = list
	if o.err != nil {
		return nil, t, o.err
	}
	n := len(list)
	x := &index{n: n, person: make([]uint16, n), start: make([]galien.Date, n), opStart: make([]galien.Date, n), opEnd: make([]galien.Date, n)}
	if a.plan.index.end {
		x.end = make([]galien.Date, n)
	}
	if a.plan.index.visit {
		x.visit = make([]int64, n)
	}
	for i, f := range list {
		v := lists[f.list]
		x.person[i], x.start[i] = v.person[f.event], v.start[f.event]
		x.opStart[i], x.opEnd[i] = ops.start[f.period], ops.end[f.period]
		if x.end != nil {
			x.end[i] = v.end[f.event]
		}
		if x.visit != nil {
			x.visit[i] = v.visit[f.event]
		}
	}
	return x, t, nil
}

// entryEvent is an event of one of the entry criteria in an observation period.
type entryEvent struct {
	event  uint32
	list   int32
	period int32
}

// entryOrder compares the entry events of one person.
type entryOrder struct {
	e          *Engine
	lists      []*events
	ids        []idReader // of the lists
	ops        *observed
	descending bool
	ends       bool // ends are looked at, and so part of the order
	err        error
}

// id returns the id of an event's row.
func (o *entryOrder) id(x entryEvent) int64 {
	v := o.lists[x.list]
	id, err := o.ids[x.list].id(o.e, v.segments, v.key, v.at[x.event])
	if err != nil {
		o.err = err
	}
	return id
}

func (o *entryOrder) compare(a, b entryEvent) int {
	v, w := o.lists[a.list], o.lists[b.list]
	x, y := v.start[a.event], w.start[b.event]
	if v.sort != nil {
		x = v.sort[a.event]
	}
	if w.sort != nil {
		y = w.sort[b.event]
	}
	if x != y {
		if o.descending {
			return cmp.Compare(y, x)
		}
		return cmp.Compare(x, y)
	}
	i, j := o.id(a), o.id(b)
	if c := cmp.Or(cmp.Compare(i, j), cmp.Compare(v.start[a.event], w.start[b.event])); c != 0 {
		return c
	}
	if o.ends && v.end[a.event] != w.end[b.event] {
		switch {
		case v.end[a.event] == lake.NoDate:
			return 1
		case w.end[b.event] == lake.NoDate:
			return -1
		}
		return cmp.Compare(v.end[a.event], w.end[b.event])
	}
	return cmp.Or(cmp.Compare(o.ops.start[a.period], o.ops.start[b.period]), cmp.Compare(o.ops.end[a.period], o.ops.end[b.period]))
}

// limited returns of each person the event with the earliest start (the latest
// for Last), the first of those of that day; all of them without a limit.
func limited(x *index, some []uint32, limit cohort.Limit) []uint32 {
	if limit == cohort.All {
		return some
	}
	kept := some[:0:0]
	for _, i := range some {
		n := len(kept)
		if n == 0 || x.person[kept[n-1]] != x.person[i] {
			kept = append(kept, i)
			continue
		}
		best := x.start[kept[n-1]]
		if limit == cohort.First && x.start[i] < best || limit == cohort.Last && x.start[i] > best {
			kept[n-1] = i
		}
	}
	return kept
}

// masks returns the inclusion rules that hold for each index event: bit i for
// rule i.
func (a *asker) masks(x *index) ([]int64, error) {
	masks := make([]int64, x.n)
	for r, g := range a.plan.rules {
		type key struct {
			stripe      stripe
			index, rule cohort.Key
		}
		holds, err := cacheGet(a.e.parts, key{a.stripe, a.plan.qualified, g.key}, func() ([]bool, int64, error) {
			holds, err := a.group(g, x, nil)
			return holds, int64(len(holds)), err
		})
		if err != nil {
			return nil, err
		}
		for i, h := range holds {
			if h {
				masks[i] |= 1 << r
			}
		}
	}
	return masks, nil
}

// counted counts the masks of all events (mode 0) and of each person's best
// event (mode 1): the one that meets the most rules; among those the one whose
// first rule met comes first (one that meets none counts as the first), then
// the earliest, then the first in order.
func counted(x *index, masks []int64) map[[2]int64]int64 {
	counts := map[[2]int64]int64{}
	for from := 0; from < x.n; {
		best := from
		counts[[2]int64{0, masks[from]}]++
		to := from + 1
		for ; to < x.n && x.person[to] == x.person[from]; to++ {
			counts[[2]int64{0, masks[to]}]++
			if better(masks[to], masks[best], x.start[to], x.start[best]) {
				best = to
			}
		}
		counts[[2]int64{1, masks[best]}]++
		from = to
	}
	return counts
}

func better(mask, best int64, start, bestStart galien.Date) bool {
	if n, m := bits.OnesCount64(uint64(mask)), bits.OnesCount64(uint64(best)); n != m {
		return n > m
	}
	if f, g := firstRule(mask), firstRule(best); f != g {
		return f < g
	}
	return start < bestStart
}

func firstRule(mask int64) int {
	if mask == 0 {
		return 0
	}
	return bits.TrailingZeros64(uint64(mask))
}
