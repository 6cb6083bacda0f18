package columnar

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"galien"
	"galien/cdm"
	"galien/cohort"
	"galien/lake"
)

// events are the events of a criterion in a stripe, by person and start.
type events struct {
	person []uint16
	start  []galien.Date
	// sort is what orders entry events; nil where it is the start.
	sort []galien.Date
	// end and visit are there when they were asked for.
	end   []galien.Date
	visit []int64
	// counted is what a distinct count counts, NoInt64 for null; numbers with a
	// fraction as their bits.
	counted []int64
	// at is where each event was read, its segment and its row there, when their
	// ids were asked for.
	at       []place
	segments []segment
	key      string // the column of the events' ids
}

type place struct{ segment, row uint32 }

func (v *events) len() int { return len(v.person) }

// idReader reads the ids of rows, which is done only where order depends on
// them, and remembers where the column of each segment is.
type idReader struct {
	columns [][]int64 // by segment
}

func (r *idReader) id(e *Engine, segments []segment, key string, at place) (int64, error) {
	for len(r.columns) < len(segments) {
		r.columns = append(r.columns, nil)
	}
	ids := r.columns[at.segment]
	if ids == nil {
		var err error
		if ids, err = e.ints(segments[at.segment], key); err != nil {
			return 0, err
		}
		r.columns[at.segment] = ids
	}
	return ids[at.row], nil
}

// size is about how many bytes the events take.
func (v *events) size() int64 {
	return int64(len(v.person))*2 + int64(len(v.start)+len(v.sort)+len(v.end))*4 + int64(len(v.visit)+len(v.counted)+len(v.at))*8 + int64(len(v.segments))*64
}

// orderOf returns the places of events (or whatever is numbered from 0 to n)
// by person and date, those of one person and date in the order they are in.
// It returns nil when they are in order already; the list is the worker's.
func (w *worker) orderOf(person []uint16, date []galien.Date) []uint32 {
	n := len(person)
	sorted := true
	for i := 1; i < n; i++ {
		if person[i] < person[i-1] || person[i] == person[i-1] && date[i] < date[i-1] {
			sorted = false
			break
		}
	}
	if sorted {
		return nil
	}
	if cap(w.order) < n {
		w.order = make([]uint32, n+n/4)
	}
	order := w.order[:n]
	if n < 1024 {
		for i := range order {
			order[i] = uint32(i)
		}
		slices.SortStableFunc(order, func(a, b uint32) int {
			return cmp.Or(cmp.Compare(person[a], person[b]), cmp.Compare(date[a], date[b]))
		})
		return order
	}
	// Counting sort by person, then each person's few by date.
	next := w.counters()
	for _, p := range person {
		next[int(p)+1]++
	}
	for i := range stripePersons {
		next[i+1] += next[i]
	}
	for i, p := range person {
		order[next[p]] = uint32(i)
		next[p]++
	}
	for from := 0; from < n; {
		p := person[order[from]]
		to := from + 1
		for to < n && person[order[to]] == p {
			to++
		}
		one := order[from:to]
		if len(one) > 32 {
			slices.SortStableFunc(one, func(a, b uint32) int { return cmp.Compare(date[a], date[b]) })
		} else {
			for i := 1; i < len(one); i++ {
				for j := i; j > 0 && date[one[j]] < date[one[j-1]]; j-- {
					one[j], one[j-1] = one[j-1], one[j]
				}
			}
		}
		from = to
	}
	return order
}

// reordered returns list in an order, as a copy of its own.
func reordered[T any](list []T, order []uint32) []T {
	out := make([]T, len(list))
	if order == nil {
		copy(out, list)
		return out
	}
	for i, from := range order {
		out[i] = list[from]
	}
	return out
}

// events returns the events of a criterion. Where only some persons are asked
// about, by place in order, those of others may be left out; nil asks about all.
func (a *asker) events(c *criterion, among []uint16) (*events, error) {
	if c.nested == nil {
		return a.plainEvents(c)
	}
	if among != nil {
		all, err := a.plainEvents(c)
		if err != nil {
			return nil, err
		}
		// To look at the nested group for a few persons is cheaper than to keep
		// its answer for all.
		if 8*len(among) < all.len() {
			return a.nest(c, all.ofPersons(among))
		}
	}
	type key struct {
		stripe stripe
		part   cohort.Key
	}
	return cacheGet(a.e.parts, key{a.stripe, c.key}, func() (*events, int64, error) {
		all, err := a.plainEvents(c)
		if err != nil {
			return nil, 0, err
		}
		v, err := a.nest(c, all)
		if err != nil {
			return nil, 0, err
		}
		return v, v.size(), nil
	})
}

// plainEvents returns the events of a criterion without its nested group.
func (a *asker) plainEvents(c *criterion) (*events, error) {
	type key struct {
		stripe stripe
		plain  cohort.Key
	}
	return cacheGet(a.e.parts, key{a.stripe, c.plainKey}, func() (*events, int64, error) {
		v, err := a.gather(c)
		if err != nil {
			return nil, 0, err
		}
		return v, v.size(), nil
	})
}

// ofPersons returns the events of some persons, in order.
func (v *events) ofPersons(persons []uint16) *events {
	var which []uint32
	at := 0
	for _, p := range persons {
		for at = seek(v.person, at, p); at < len(v.person) && v.person[at] == p; at++ {
			which = append(which, uint32(at))
		}
	}
	return v.some(which)
}

// some returns some of the events.
func (v *events) some(which []uint32) *events {
	return &events{person: chosen(v.person, which), start: chosen(v.start, which), sort: chosen(v.sort, which), end: chosen(v.end, which),
		visit: chosen(v.visit, which), counted: chosen(v.counted, which), at: chosen(v.at, which), segments: v.segments, key: v.key}
}

// matching returns the rows among which are those of the criterion's concept
// set, and whether all of them are.
func (a *asker) matching(c *criterion) (list []rows, exact bool, err error) {
	switch {
	case c.Domain.Table == "location_history":
		s, n, err := a.places(c)
		return []rows{{s, 0, n}}, c.codes == nil, err
	case c.codes != nil && c.Domain.Concept == c.table.ConceptColumn():
		list, err = a.e.ofConcepts(c.Domain.Table, c.Domain.Concept, c.codes, a.stripe)
		return list, true, err
	}
	list, err = a.e.ofStripe(c.Domain.Table, a.stripe)
	return list, c.codes == nil, err
}

// gather finds the events of a criterion, before its nested group.
func (a *asker) gather(c *criterion) (*events, error) {
	cur, err := a.cursor(c.uses)
	if err != nil {
		return nil, err
	}
	list, exact, err := a.matching(c)
	if err != nil {
		return nil, err
	}
	g := &a.w.gathering
	g.begin(c, a.stripe)
	if c.Domain.Table == "observation_period" {
		g.window = a.plan.scope.window
	}
	var picked *picking
	if c.First {
		picked = a.w.picking()
	}
	loaded := segment{group: -1}
	var codes, source selection
	for i, r := range list {
		g.segments = append(g.segments, r.segment)
		if !r.same(loaded) {
			if err := c.cols.load(a.e, r.segment, cur); err != nil {
				return nil, err
			}
			if !exact {
				if err := codes.load(a.e, r.segment, c.Domain.Concept, c.codes); err != nil {
					return nil, err
				}
			}
			if c.source != nil {
				if err := source.load(a.e, r.segment, c.Domain.SourceConcept, c.source); err != nil {
					return nil, err
				}
			}
			loaded = r.segment
		}
		if !exact && codes.in == nil || c.source != nil && source.in == nil {
			continue // none of the set's concepts is here
		}
		if c.plain && exact && c.source == nil && !c.First && len(c.visible) == 0 {
			g.addAll(cur, uint32(i), r.from, r.to)
			continue
		}
		starts := cur.dates[c.slots.start]
		for cur.row = r.from; cur.row < r.to; cur.row++ {
			if starts[cur.row] == lake.NoDate || !exact && !codes.has(cur.row) || c.source != nil && !source.has(cur.row) ||
				len(c.visible) > 0 && !all(c.visible, cur) {
				continue
			}
			at := place{uint32(i), uint32(cur.row)}
			if c.First {
				start, _, seen := g.dates(cur)
				if !seen {
					continue
				}
				if err := picked.offer(a.e, g, g.place(cur), start, at); err != nil {
					return nil, err
				}
				continue
			}
			g.add(cur, at)
		}
	}
	if c.First {
		for _, at := range picked.take() {
			if s := g.segments[at.segment]; !s.same(loaded) {
				if err := c.cols.load(a.e, s, cur); err != nil {
					return nil, err
				}
				loaded = s
			}
			cur.row = int(at.row)
			g.add(cur, at)
		}
	}
	return g.finish(a.w), nil
}

// selection is which rows of a segment have a concept of a set.
type selection struct {
	*coded
	in []bool
}

func (s *selection) load(e *Engine, g segment, column string, set *conceptSet) (err error) {
	if s.coded, err = e.coded(g, column); err == nil {
		s.in = s.coded.in(set)
	}
	return err
}

func (s *selection) has(row int) bool { return s.in[s.code[row]] }

// picking finds each person's earliest row, the lowest id among those of a day.
type picking struct {
	best   []int32 // by place in the stripe: 1 + place in picks
	picks  []pick
	people []uint16
}

type pick struct {
	start galien.Date
	at    place
}

func (p *picking) offer(e *Engine, g *gathering, person uint16, start galien.Date, at place) error {
	n := p.best[person]
	if n == 0 {
		p.picks = append(p.picks, pick{start, at})
		p.people = append(p.people, person)
		p.best[person] = int32(len(p.picks))
		return nil
	}
	best := &p.picks[n-1]
	if start > best.start {
		return nil
	}
	if start == best.start {
		id, err := g.id(e, at)
		if err != nil {
			return err
		}
		other, err := g.id(e, best.at)
		if err != nil || id >= other {
			return err
		}
	}
	*best = pick{start, at}
	return nil
}

// take returns the rows picked, segment by segment.
func (p *picking) take() []place {
	list := make([]place, len(p.picks))
	for i, k := range p.picks {
		list[i] = k.at
	}
	slices.SortFunc(list, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.row, b.row))
	})
	return list
}

func (p *picking) forget() {
	for _, person := range p.people {
		p.best[person] = 0
	}
	p.picks, p.people = p.picks[:0], p.people[:0]
}

// gathering is the events of a criterion so far, in the order of the rows. Its
// memory is used again.
type gathering struct {
	events
	c      *criterion
	first  int64
	window *galien.Period // cuts observation periods
	ids    idReader
}

func (g *gathering) begin(c *criterion, s stripe) {
	g.c, g.first, g.window, g.key = c, int64(s.first()), nil, c.Domain.ID
	g.person, g.start, g.sort, g.end = g.person[:0], g.start[:0], g.sort[:0], g.end[:0]
	g.visit, g.counted, g.at, g.segments, g.ids = g.visit[:0], g.counted[:0], g.at[:0], nil, idReader{}
}

// addAll adds the rows of a plain criterion.
func (g *gathering) addAll(cur *cursor, segment uint32, from, to int) {
	persons, starts := cur.ints[g.c.slots.person][from:to], cur.dates[g.c.slots.start][from:to]
	for i, start := range starts {
		if start == lake.NoDate {
			continue
		}
		g.person = append(g.person, uint16(persons[i]-g.first))
		g.start = append(g.start, start)
		if g.c.wants.ids {
			g.at = append(g.at, place{segment, uint32(from + i)})
		}
	}
}

func (g *gathering) place(cur *cursor) uint16 {
	return uint16(cur.ints[g.c.slots.person][cur.row] - g.first)
}

func (g *gathering) id(e *Engine, at place) (int64, error) {
	return g.ids.id(e, g.segments, g.key, at)
}

// dates returns the dates of the cursor's row as they may be seen: observation
// periods are cut to the permit's window, and not seen outside of it.
func (g *gathering) dates(cur *cursor) (start, end galien.Date, seen bool) {
	start, end = cur.dates[g.c.slots.start][cur.row], lake.NoDate
	if g.c.ends {
		end = g.c.endOf(cur, start)
	}
	if w := g.window; w != nil {
		if start > w.End || end == lake.NoDate || end < w.Start {
			return start, end, false
		}
		start, end = max(start, w.Start), min(end, w.End)
	}
	return start, end, true
}

// add adds the event of the cursor's row if it passes the criterion's tests.
func (g *gathering) add(cur *cursor, at place) {
	c, d := g.c, g.c.Domain
	start, end, seen := g.dates(cur)
	if !seen {
		return
	}
	if a := c.Adjust; a != nil {
		from, to := start, end
		if a.StartWithEnd && !d.FixedAdjust {
			from = end
		}
		if !a.EndWithEnd && !d.FixedAdjust {
			to = start
		}
		if from == lake.NoDate || to == lake.NoDate {
			return
		}
		start, end = from.AddDays(a.StartOffset), to.AddDays(a.EndOffset)
		if end < start {
			return
		}
	}
	cur.person, cur.start, cur.end, cur.visit = g.place(cur), start, end, lake.NoInt64
	if c.visit {
		cur.visit = cur.ints[c.slots.visit][cur.row]
	}
	if !all(c.tests, cur) {
		return
	}
	sorted := start
	for _, u := range []*galien.Date{c.UserStart, c.UserEnd} {
		if u != nil && !(cur.start <= *u && cur.end != lake.NoDate && *u <= cur.end) {
			return
		}
	}
	if c.UserStart != nil {
		start = *c.UserStart
	}
	if c.UserEnd != nil {
		end = *c.UserEnd
	}
	g.person = append(g.person, cur.person)
	g.start = append(g.start, start)
	if c.wants.ids {
		g.at = append(g.at, at)
	}
	if c.UserStart != nil {
		g.sort = append(g.sort, sorted)
	}
	if c.wants.end {
		g.end = append(g.end, end)
	}
	if c.wants.visit {
		g.visit = append(g.visit, cur.visit)
	}
	if c.counted != nil {
		g.counted = append(g.counted, c.count(cur, start, end))
	}
}

// endOf returns the end of a row, by its domain's rule where the table has none.
func (c *criterion) endOf(cur *cursor, start galien.Date) galien.Date {
	if c.Domain.End != "" {
		if end := cur.dates[c.slots.end][cur.row]; end != lake.NoDate {
			return end
		}
	}
	switch c.Domain.Ends {
	case cohort.NoEnd:
		return lake.NoDate
	case cohort.FarFuture:
		return farFuture
	case cohort.DaysSupply:
		if days := cur.ints[c.slots.supply][cur.row]; -cohort.MaxDaysSupply <= days && days <= cohort.MaxDaysSupply {
			return start.AddDays(int(days))
		}
	}
	return start.AddDays(1)
}

// farFuture ends what has no end and needs one.
var farFuture = galien.MustDate("2099-12-31")

// count returns what a distinct count sees in an event.
func (c *criterion) count(cur *cursor, start, end galien.Date) int64 {
	o := c.counted
	switch {
	case o.Constant:
		return 1
	case o.Length:
		if end == lake.NoDate {
			return lake.NoInt64
		}
		return int64(end.DaysSince(start))
	case o.Column == countedStart:
		return int64(start)
	case o.Column == countedEnd:
		if end == lake.NoDate {
			return lake.NoInt64
		}
		return int64(end)
	case o.Column == countedVisit:
		return cur.visit
	}
	if column, _ := c.table.Column(o.Column); column.Type == cdm.Float {
		v := cur.floats[c.slots.counted][cur.row]
		switch {
		case v != v:
			return lake.NoInt64
		case v == 0:
			return 0 // and not the bits of -0, which count as the same
		}
		return int64(math.Float64bits(v))
	}
	v := cur.ints[c.slots.counted][cur.row]
	if v == lake.NoInt64 && o.NoneAsZero {
		return 0
	}
	return v
}

// finish puts the events in order, in memory of their own.
func (g *gathering) finish(w *worker) *events {
	order := w.orderOf(g.person, g.start)
	v := &events{person: reordered(g.person, order), start: reordered(g.start, order), key: g.key}
	if g.c.UserStart != nil {
		v.sort = reordered(g.sort, order)
	}
	if g.c.wants.end {
		v.end = reordered(g.end, order)
	}
	if g.c.wants.visit {
		v.visit = reordered(g.visit, order)
	}
	if g.c.counted != nil {
		v.counted = reordered(g.counted, order)
	}
	if g.c.wants.ids {
		v.at, v.segments = reordered(g.at, order), g.segments
	}
	return v
}

// places puts the places of residence of a stripe's persons together, with the
// region of each.
func (a *asker) places(c *criterion) (segment, int, error) {
	type key struct {
		stripe stripe
		scope  string
	}
	m, err := cacheGet(a.e.parts, key{a.stripe, string(a.plan.scope.sum)}, func() (*memory, int64, error) {
		var cols columns
		person, location, id := cols.int("entity_id"), cols.int("location_id"), cols.int("location_history_id")
		start, end, domain := cols.date("start_date"), cols.date("end_date"), cols.text("domain_id")
		visible := a.plan.scope.visible(c.table, &cols)
		regions, err := a.e.link("location", "location_id", "region_concept_id")
		if err != nil {
			return nil, 0, err
		}
		m := &memory{ints: map[string][]int64{"entity_id": {}, "location_history_id": {}, "region_concept_id": {}},
			dates: map[string][]galien.Date{"start_date": {}, "end_date": {}}}
		segments, err := a.e.segments("location_history", lake.Plain, lake.NoBucket)
		if err != nil {
			return nil, 0, err
		}
		var cur cursor
		for _, s := range segments {
			bounds, err := a.e.bounds(s, "entity_id")
			if err != nil {
				return nil, 0, err
			}
			if b := bounds[s.group]; b.high < int64(a.stripe.first()) || b.low > int64(a.stripe.last()) {
				continue
			}
			if err := cols.load(a.e, s, &cur); err != nil {
				return nil, 0, err
			}
			for cur.row = range cur.ints[person] {
				p := cur.ints[person][cur.row]
				region, placed := regions[cur.ints[location][cur.row]]
				if p < int64(a.stripe.first()) || p > int64(a.stripe.last()) || !placed || cur.texts[domain][cur.row].Value != "PERSON" || !all(visible, &cur) {
					continue
				}
				m.ints["entity_id"] = append(m.ints["entity_id"], p)
				m.ints["location_history_id"] = append(m.ints["location_history_id"], cur.ints[id][cur.row])
				m.ints["region_concept_id"] = append(m.ints["region_concept_id"], region)
				m.dates["start_date"] = append(m.dates["start_date"], cur.dates[start][cur.row])
				m.dates["end_date"] = append(m.dates["end_date"], cur.dates[end][cur.row])
			}
		}
		return m, int64(len(m.ints["entity_id"])) * 32, nil
	})
	if err != nil {
		return segment{}, 0, err
	}
	return segment{memory: m}, len(m.ints["entity_id"]), nil
}

// nest keeps the events for which the criterion's group holds with the event
// as index; events outside every observation period are lost.
func (a *asker) nest(c *criterion, v *events) (*events, error) {
	ops, err := a.observed()
	if err != nil {
		return nil, err
	}
	n := v.len()
	ix := &index{of: make([]int32, 0, n), person: make([]uint16, 0, n), start: make([]galien.Date, 0, n),
		opStart: make([]galien.Date, 0, n), opEnd: make([]galien.Date, 0, n)}
	of := make([]uint32, 0, n) // the event of each logical index event
	for i, p := range v.person {
		found := false
		from, to := ops.of(p)
		for k := from; k < to; k++ {
			if v.start[i] < ops.start[k] || v.start[i] > ops.end[k] {
				continue
			}
			if !found {
				found = true
				of = append(of, uint32(i))
			}
			ix.of = append(ix.of, int32(len(of)-1))
			ix.person = append(ix.person, p)
			ix.start = append(ix.start, v.start[i])
			if v.end != nil {
				ix.end = append(ix.end, v.end[i])
			}
			if v.visit != nil {
				ix.visit = append(ix.visit, v.visit[i])
			}
			ix.opStart = append(ix.opStart, ops.start[k])
			ix.opEnd = append(ix.opEnd, ops.end[k])
		}
	}
	ix.n = len(of)
	holds, err := a.group(c.nested, ix, nil)
	if err != nil {
		return nil, err
	}
	keep := of[:0]
	for i, h := range holds {
		if h {
			keep = append(keep, of[i])
		}
	}
	return v.some(keep), nil
}

// chosen returns some of a list, as a copy; nil for a list that is not there.
func chosen[T any](list []T, which []uint32) []T {
	if list == nil {
		return nil
	}
	out := make([]T, len(which))
	for i, k := range which {
		out[i] = list[k]
	}
	return out
}

// seek returns the first place from i whose person is p or comes after.
func seek(person []uint16, i int, p uint16) int {
	for step := 0; step < 8; step++ {
		if i == len(person) || person[i] >= p {
			return i
		}
		i++
	}
	step := 8
	for i+step < len(person) && person[i+step] < p {
		step *= 2
	}
	return i + sort.Search(min(step+1, len(person)-i), func(k int) bool { return person[i+k] >= p })
}
