package disclosure

import (
	"math"
	"slices"
)

// A move is a change to the withheld rows that leaves every published number
// and every sum as it was: someone who sees only what is published cannot tell
// the table from the moved one. How far moves can carry a row up and down is
// how little is known of it.
//
// The moves searched for are circuits. A node that is divided and its parts sum
// to zero when the sign of the node is turned; so a change along a closed path,
// plus and minus in turn, keeps all sums. Such paths are looked for in two
// dimensions at a time, doubled (plus here, minus there) along each of the
// others. In a hierarchy a place on the path is a chain of nodes, from just
// under the node that is divided down to a category that is not.

const unlimited = int64(math.MaxInt64 / 4)

// layer is one number to protect: the persons counted, those of the population
// who are not, or an amount. They can be moved apart, since a move of the first
// carries the population with it.
type layer struct {
	low    []int64 // the number itself: it may fall to zero
	bounds []bound
}

// bound says that along dims, values of a category never exceed its margin; it
// is kept only where that does not follow from the sums.
type bound struct {
	values []int64
	dims   []int
}

// The layers of a table, in order.
const (
	layerPersons = iota
	layerOther   // the rest of the population, or the amount
)

// layers returns the layers of a table: persons, and the rest of the
// population or the amounts when there are any.
func (l *lattice) layers() []layer {
	bound := func(values []int64) []bound {
		var dims []int
		for d := range l.size {
			if l.overlaps(values, d) {
				dims = append(dims, d)
			}
		}
		if dims == nil {
			return nil
		}
		return []bound{{values, dims}}
	}
	persons := layer{low: l.persons, bounds: bound(l.persons)}
	switch {
	case l.sums != nil:
		return []layer{persons, {low: l.amounts()}}
	case l.population == nil:
		return []layer{persons}
	}
	rest := make([]int64, l.n)
	for row := range l.n {
		rest[row] = l.population[row] - l.persons[row]
	}
	people := bound(l.population)
	persons.bounds = append(persons.bounds, people...)
	return []layer{persons, {low: rest, bounds: people}}
}

// overlaps says whether some margin along d is less than the sum of its
// categories.
func (l *lattice) overlaps(values []int64, d int) bool {
	for row := range l.n {
		if l.divided(row, d) && l.excess(values, row, d) != 0 {
			return true
		}
	}
	return false
}

// excess returns by how much the categories of row along d exceed it.
func (l *lattice) excess(values []int64, row, d int) int64 {
	sum := -values[row]
	l.parts(row, d, func(part int) bool {
		sum += values[part]
		return true
	})
	return sum
}

// step is one row of a circuit and how it goes.
type step struct {
	row  int
	sign int64
}

// circuit is a move of size one, and what it costs to withhold the rows it
// needs that are not withheld yet.
type circuit struct {
	steps []step
	loss  int64
	free  bool // no limit to its size
}

// mover searches for moves of one layer.
type mover struct {
	l        *lattice
	ly       layer
	withheld []bool
	cost     []int64
	z        []int64 // the move made so far
	moved    []int   // rows z may differ from zero at

	rooms []int64 // by row and way, -1 where it is to be worked out again

	// What searches use again and again.
	place []step
	rest  [maxDimensions + 1][]step
	dist  []int64
	from  []int
	done  []bool
}

func newMover(l *lattice, ly layer, withheld []bool, cost []int64) *mover {
	m := &mover{l: l, ly: ly, withheld: withheld, cost: cost, z: make([]int64, l.n), rooms: make([]int64, 2*l.n)}
	for i := range m.rooms {
		m.rooms[i] = -1
	}
	return m
}

// reset forgets the move made so far.
func (m *mover) reset() {
	for _, row := range m.moved {
		m.z[row] = 0
		m.stale(row)
	}
	m.moved = m.moved[:0]
}

// shift changes the move at row.
func (m *mover) shift(row int, by int64) {
	m.z[row] += by
	m.moved = append(m.moved, row)
	m.stale(row)
}

// stale marks what a change at row may change the room of.
func (m *mover) stale(row int) {
	m.rooms[2*row], m.rooms[2*row+1] = -1, -1
	for _, b := range m.ly.bounds {
		for _, d := range b.dims {
			if whole, ok := m.l.whole(row, d); ok {
				m.rooms[2*whole] = -1
			}
			m.l.parts(row, d, func(part int) bool {
				m.rooms[2*part+1] = -1
				return true
			})
		}
	}
}

// room returns how far row can still go in the direction of sign, whatever the
// rows about it do.
func (m *mover) room(row int, sign int64) int64 {
	way := 2 * row
	if sign > 0 {
		way++
	}
	if m.rooms[way] < 0 {
		m.rooms[way] = max(m.measure(row, sign), 0)
	}
	return m.rooms[way]
}

func (m *mover) measure(row int, sign int64) int64 {
	room := unlimited
	if sign < 0 {
		room = m.ly.low[row] + m.z[row]
	}
	for _, b := range m.ly.bounds {
		for _, d := range b.dims {
			if sign < 0 {
				m.l.parts(row, d, func(part int) bool {
					room = min(room, b.values[row]+m.z[row]-b.values[part]-m.z[part])
					return true
				})
			} else if whole, ok := m.l.whole(row, d); ok {
				room = min(room, b.values[whole]+m.z[whole]-b.values[row]-m.z[row])
			}
		}
	}
	return room
}

// grow moves target in the direction of dir by up to want, through withheld
// rows only, and returns how far it came and the rows it used. For tables of
// one or two additive dimensions without a hierarchy the distance is the
// greatest possible; for others it may be less, which errs on the side of
// withholding.
func (m *mover) grow(target int, dir, want int64) (int64, []int) {
	m.reset()
	var got int64
	var used []int
	for got < want {
		c, ok := m.find(search{target: target, dir: dir, need: want - got})
		if !ok {
			break
		}
		size := m.apply(c, want-got)
		if size == 0 {
			break
		}
		got += size
		for _, s := range c.steps {
			used = append(used, s.row)
		}
	}
	return got, used
}

// apply makes c as large as it can be, up to limit, and returns its size.
func (m *mover) apply(c circuit, limit int64) int64 {
	size := limit
	if !c.free {
		for _, s := range c.steps {
			size = min(size, m.room(s.row, s.sign)/max(s.sign, -s.sign))
		}
	}
	if size > 0 {
		for _, s := range c.steps {
			m.shift(s.row, s.sign*size)
		}
	}
	return size
}

// search says what circuit is looked for: through target in the direction of
// dir. With extend it may use rows that are not withheld yet, is to be need
// large, and the cheapest is best. Without it the widest is, up to need.
type search struct {
	target int
	dir    int64
	need   int64
	extend bool
}

// hops is the weight of losses against lengths of paths: the least loss wins,
// then the shortest path.
const hops = 1 << 12

// weigh returns what a place of a circuit adds to its loss, or false when the
// place cannot be used.
func (m *mover) weigh(s search, place []step) (int64, bool) {
	var loss int64
	if s.extend {
		for _, p := range place {
			if m.room(p.row, p.sign) < s.need {
				return 0, false
			}
			if !m.withheld[p.row] {
				loss += m.cost[p.row]
			}
		}
		return loss*hops + 1, true
	}
	width := s.need
	for _, p := range place {
		if !m.withheld[p.row] {
			return 0, false
		}
		width = min(width, m.room(p.row, p.sign))
	}
	return (s.need-width)*hops + 1, width > 0
}

// join adds a place to a path: losses add up, the narrowest place counts.
func (s search) join(path, place int64) int64 {
	if s.extend {
		return path + place
	}
	return max(path/hops, place/hops)*hops + path%hops + place%hops
}

// find returns the best circuit of a search.
func (m *mover) find(s search) (circuit, bool) {
	best := circuit{loss: math.MaxInt64}
	if !s.extend && m.stuck(s.target) {
		return best, false
	}
	if s.dir > 0 {
		if c, ok := m.upward(s); ok {
			best = c
		}
	}
	switch dims := len(m.l.size); dims {
	case 0: // a single number: nothing else is said of it
	case 1:
		m.pairs(s, &best)
	default:
		for d1 := range dims {
			for d2 := d1 + 1; d2 < dims; d2++ {
				for _, f1 := range m.l.frames(s.target, d1) {
					for _, f2 := range m.l.frames(s.target, d2) {
						f := face{d1: d1, d2: d2, f1: f1, f2: f2, sign: f1.coef() * f2.coef()}
						origin := s.target - m.l.node(s.target, d1) - m.l.node(s.target, d2)
						m.rest[0] = append(m.rest[0][:0], step{origin, 1})
						f.rest = m.rest[0]
						m.doubled(f, s, 0, &best)
					}
				}
			}
		}
	}
	if best.loss == math.MaxInt64 {
		return best, false
	}
	best.steps = m.merge(best.steps)
	return best, true
}

func (l *lattice) frames(row, d int) []frame { return l.trees[d].frames[l.coord(row, d)] }

// node returns what the node of row in d adds to its number.
func (l *lattice) node(row, d int) int { return l.coord(row, d) * l.stride[d] }

func (f frame) coef() int64 { return f.bundles[f.own].coef }

// merge adds up what a circuit does to a row by way of several chains.
func (m *mover) merge(steps []step) []step {
	at := make(map[int]int, len(steps))
	out := steps[:0]
	for _, s := range steps {
		if i, ok := at[s.row]; ok {
			out[i].sign += s.sign
			continue
		}
		at[s.row] = len(out)
		out = append(out, s)
	}
	return slices.DeleteFunc(out, func(s step) bool { return s.sign == 0 })
}

// pairs tries every other bundle of a table of one dimension as the partner of
// the target's own.
func (m *mover) pairs(s search, best *circuit) {
	for _, f := range m.l.frames(s.target, 0) {
		own := f.bundles[f.own]
		for i, b := range f.bundles {
			if i == f.own {
				continue
			}
			place := m.place[:0]
			for _, row := range own.adds {
				place = append(place, step{row, s.dir})
			}
			for _, row := range b.adds {
				place = append(place, step{row, -s.dir * own.coef * b.coef})
			}
			m.place = place
			if loss, ok := m.weigh(s, place); ok && loss < best.loss {
				*best = circuit{steps: slices.Clone(place), loss: loss}
			}
		}
	}
}

// upward returns the circuit of target, all its margins and, where it is
// divided, a category of it: more persons there and everywhere above, which no
// bound limits.
func (m *mover) upward(s search) (circuit, bool) {
	rows := []int{s.target}
	for d, t := range m.l.trees {
		v := m.l.coord(s.target, d)
		var next []int
		for _, w := range t.through(v) {
			for _, row := range rows {
				next = append(next, row+(w-v)*m.l.stride[d])
			}
		}
		rows = next
	}
	c := circuit{free: true, loss: 1}
	for _, row := range rows {
		if !m.withheld[row] {
			if !s.extend {
				return circuit{}, false
			}
			c.loss += m.cost[row] * hops
		}
		c.steps = append(c.steps, step{row, 1})
	}
	return c, true
}

// face is a two-dimensional cut through a target, with a partner in each of
// the other dimensions. rest holds the target and its partners, as the number
// of the row without its nodes in the cut, and their signs.
type face struct {
	d1, d2 int
	f1, f2 frame
	sign   int64
	rest   []step
}

// doubled searches the faces that f is part of, for every choice of partners
// from dimension d on.
func (m *mover) doubled(f face, s search, d int, best *circuit) {
	for d == f.d1 || d == f.d2 {
		d++
	}
	if d >= len(m.l.size) {
		m.shortest(f, s, best)
		return
	}
	at := m.l.node(s.target, d)
	rest := f.rest
	for _, partner := range m.l.frames(s.target, d) {
		own := partner.bundles[partner.own]
		for i, b := range partner.bundles {
			if i == partner.own {
				continue
			}
			if !s.extend && best.loss < hops {
				return // as wide as was asked for
			}
			next := m.rest[d+1][:0]
			for _, r := range rest {
				for _, add := range own.adds {
					next = append(next, step{r.row + add - at, r.sign})
				}
				for _, add := range b.adds {
					next = append(next, step{r.row + add - at, -r.sign * own.coef * b.coef})
				}
			}
			m.rest[d+1] = next
			f.rest = next
			if loss, ok := m.weigh(s, m.rows(&f, f.f1.own, f.f2.own, s.dir)); ok && loss < best.loss {
				m.doubled(f, s, d+1, best)
			}
		}
	}
}

// stuck says that no move through withheld rows changes target: one of the sums
// it is in has no other row that is withheld.
func (m *mover) stuck(target int) bool {
	free := func(row int) bool { return m.withheld[row] && row != target }
	published := func(row int) bool { return !free(row) }
	for d := range m.l.size {
		if whole, ok := m.l.whole(target, d); ok && !free(whole) && m.l.parts(whole, d, published) {
			return true
		}
		if m.l.divided(target, d) && m.l.parts(target, d, published) {
			return true
		}
	}
	return false
}

// rows lists the rows that stand for the place (i, j) of a face, with the way
// each goes when the target goes by turn at its own place. They are good until
// the next call.
func (m *mover) rows(f *face, i, j int, turn int64) []step {
	b1, b2 := &f.f1.bundles[i], &f.f2.bundles[j]
	turn *= f.sign * b1.coef * b2.coef
	place := m.place[:0]
	for _, add1 := range b1.adds {
		for _, add2 := range b2.adds {
			for _, r := range f.rest {
				place = append(place, step{r.row + add1 + add2, turn * r.sign})
			}
		}
	}
	m.place = place
	return place
}

// shortest finds the best circuit of a face through the target: a shortest
// path from the target's column back to its row, where going from a column to
// a row takes the place where they meet down and from a row to a column up. It
// replaces best when it is better.
func (m *mover) shortest(f face, s search, best *circuit) {
	i0, j0 := f.f1.own, f.f2.own
	own, ok := m.weigh(s, m.rows(&f, i0, j0, s.dir))
	if !ok || own >= best.loss {
		return
	}
	cols, nodes := len(f.f2.bundles), len(f.f2.bundles)+len(f.f1.bundles) // columns first
	m.dist = append(m.dist[:0], slices.Repeat([]int64{math.MaxInt64}, nodes)...)
	m.from = append(m.from[:0], make([]int, nodes)...)
	m.done = append(m.done[:0], make([]bool, nodes)...)
	dist, from, done := m.dist, m.from, m.done
	dist[j0] = own
	goal := cols + i0
paths:
	for {
		at := -1
		for v := range nodes {
			if !done[v] && dist[v] < math.MaxInt64 && (at < 0 || dist[v] < dist[at]) {
				at = v
			}
		}
		if at < 0 || dist[at] >= best.loss {
			return
		}
		if at == goal {
			break
		}
		done[at] = true
		first, last := cols, nodes
		if at >= cols {
			first, last = 0, cols
		}
		for v := first; v < last; v++ {
			if done[v] {
				continue
			}
			i, j, turn := v-cols, at, -s.dir
			if at >= cols {
				i, j, turn = at-cols, v, s.dir
			}
			if i == i0 && j == j0 {
				continue
			}
			if loss, ok := m.weigh(s, m.rows(&f, i, j, turn)); ok {
				if sum := s.join(dist[at], loss); sum < dist[v] {
					dist[v], from[v] = sum, at
					if v == goal && sum == dist[at]+1 && sum < best.loss {
						break paths // no other path can be shorter
					}
				}
			}
		}
	}
	c := circuit{loss: dist[goal], steps: slices.Clone(m.rows(&f, i0, j0, s.dir))}
	for v := goal; v != j0; v = from[v] {
		if u := from[v]; u >= cols {
			c.steps = append(c.steps, m.rows(&f, u-cols, v, s.dir)...)
		} else {
			c.steps = append(c.steps, m.rows(&f, v-cols, u, -s.dir)...)
		}
	}
	*best = c
}

// possible says whether the move made so far is one: nothing published
// changes, every sum is kept, no number is negative and none exceeds a margin
// that bounds it.
func (m *mover) possible() bool {
	l := m.l
	for row := range l.n {
		if m.z[row] != 0 && !m.withheld[row] || m.ly.low[row]+m.z[row] < 0 {
			return false
		}
	}
	for _, row := range m.moved {
		for d := range l.size {
			for _, whole := range []int{row, row + (l.above(row, d)-l.coord(row, d))*l.stride[d]} {
				if !l.divided(whole, d) {
					continue
				}
				if l.excess(m.z, whole, d) != 0 {
					return false
				}
				for _, b := range m.ly.bounds {
					if slices.Contains(b.dims, d) && !l.parts(whole, d, func(part int) bool {
						return b.values[part]+m.z[part] <= b.values[whole]+m.z[whole]
					}) {
						return false
					}
				}
			}
		}
	}
	return true
}

// above returns the node that row's is part of along d, or its own.
func (l *lattice) above(row, d int) int {
	v := l.coord(row, d)
	if p := l.trees[d].parent[v]; p >= 0 {
		return p
	}
	return v
}
