package disclosure

import (
	"math"
	"math/bits"
)

// A move is a change to the withheld rows that leaves every published number
// and every sum as it was: someone who sees only what is published cannot tell
// the table from the moved one. How far moves can carry a row up and down is
// how little is known of it.
//
// The moves searched for are circuits. With totals taken as one more category
// of each dimension, and the sign of a row turned once for each total, every
// line of the table sums to zero; so a change along a closed path, plus and
// minus in turn, keeps all sums. Such paths are looked for in two dimensions
// at a time, doubled (plus here, minus there) along each of the others.

const unlimited = int64(math.MaxInt64 / 4)

// layer is one count of persons to protect: those counted, or those of the
// population who are not. They can be moved apart, since a move of the first
// carries the population with it.
type layer struct {
	low    []int64 // the count itself: it may fall to zero
	bounds []bound
}

// bound says that along dims, values of a category never exceed its margin; it
// is kept only where that does not follow from the sums.
type bound struct {
	values []int64
	dims   []int
}

// layers returns the layers of a table: persons, and the rest of the
// population when there is one.
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
	if l.population == nil {
		return []layer{{low: l.persons, bounds: bound(l.persons)}}
	}
	rest := make([]int64, l.n)
	for row := range l.n {
		rest[row] = l.population[row] - l.persons[row]
	}
	people := bound(l.population)
	return []layer{
		{low: l.persons, bounds: append(bound(l.persons), people...)},
		{low: rest, bounds: people},
	}
}

// overlaps says whether some margin along d is less than the sum of its
// categories.
func (l *lattice) overlaps(values []int64, d int) bool {
	for row := range l.n {
		if l.coord(row, d) != l.total(d) {
			continue
		}
		sum := -values[row]
		for v := range l.total(d) {
			sum += values[l.at(row, d, v)]
		}
		if sum != 0 {
			return true
		}
	}
	return false
}

// step is one row of a circuit and the way it goes.
type step struct {
	row  int
	sign int64
}

// circuit is a move of size one, and what it costs to withhold the rows it
// needs that are not withheld yet.
type circuit struct {
	steps []step
	cost  int64
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
}

// reset forgets the move made so far.
func (m *mover) reset() {
	for _, row := range m.moved {
		m.z[row] = 0
	}
	m.moved = m.moved[:0]
}

// room returns how far row can still go in the direction of sign, whatever the
// rows about it do.
func (m *mover) room(row int, sign int64) int64 {
	room := unlimited
	if sign < 0 {
		room = m.ly.low[row] + m.z[row]
	}
	for _, b := range m.ly.bounds {
		for _, d := range b.dims {
			total := m.l.total(d)
			inMargin := m.l.coord(row, d) == total
			switch {
			case sign < 0 && inMargin:
				for v := range total {
					child := m.l.at(row, d, v)
					room = min(room, b.values[row]+m.z[row]-b.values[child]-m.z[child])
				}
			case sign > 0 && !inMargin:
				margin := m.l.at(row, d, total)
				room = min(room, b.values[margin]+m.z[margin]-b.values[row]-m.z[row])
			}
		}
	}
	return room
}

// grow moves target in the direction of dir by up to want, through withheld
// rows only, and returns how far it came and the rows it used. For tables of
// one or two additive dimensions the distance is the greatest possible; for
// others it may be less, which errs on the side of withholding.
func (m *mover) grow(target int, dir, want int64) (int64, []int) {
	m.reset()
	var got int64
	var used []int
	for need := want; need > 0 && got < want; {
		need = min(need, want-got)
		c, ok := m.find(target, dir, need, false)
		if !ok {
			need /= 2
			continue
		}
		got += m.apply(c, want-got)
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
			size = min(size, m.room(s.row, s.sign))
		}
	}
	for _, s := range c.steps {
		m.z[s.row] += s.sign * size
		m.moved = append(m.moved, s.row)
	}
	return size
}

// usable returns what a row costs as part of a circuit of size need.
func (m *mover) usable(row int, sign, need int64, extend bool) (int64, bool) {
	var cost int64
	if !m.withheld[row] {
		if !extend {
			return 0, false
		}
		cost = m.cost[row]
	}
	return cost, m.room(row, sign) >= need
}

// find returns the cheapest circuit through target in the direction of dir
// that can be need large. Unless extend is set it uses withheld rows only.
func (m *mover) find(target int, dir, need int64, extend bool) (circuit, bool) {
	best := circuit{cost: math.MaxInt64}
	take := func(c circuit, ok bool) {
		if ok && c.cost < best.cost {
			best = c
		}
	}
	switch dims := len(m.l.size); dims {
	case 0: // a single number: nothing else is said of it
	case 1:
		m.pairs(target, dir, need, extend, take)
	default:
		for g1 := range dims {
			for g2 := g1 + 1; g2 < dims; g2++ {
				m.faces(target, g1, g2, func(f face) {
					take(m.shortest(f, dir, need, extend, best.cost))
				})
			}
		}
	}
	if dir > 0 {
		take(m.upward(target, extend))
	}
	return best, best.cost < math.MaxInt64
}

// pairs tries every other row of a table of one dimension as the partner of
// target.
func (m *mover) pairs(target int, dir, need int64, extend bool, take func(circuit, bool)) {
	own, ok := m.usable(target, dir, need, extend)
	if !ok {
		return
	}
	for row := range m.l.n {
		if row == target {
			continue
		}
		sign := -dir
		if m.l.stars[row] != m.l.stars[target] {
			sign = dir
		}
		if cost, ok := m.usable(row, sign, need, extend); ok {
			take(circuit{steps: []step{{target, dir}, {row, sign}}, cost: own + cost}, true)
		}
	}
}

// upward returns the circuit of target and all its margins: more persons there
// and everywhere above, which no bound limits.
func (m *mover) upward(target int, extend bool) (circuit, bool) {
	c := circuit{free: true}
	for mask := range 1 << len(m.l.size) {
		row := target
		for d := range m.l.size {
			if mask>>d&1 == 1 {
				if m.l.coord(target, d) == m.l.total(d) {
					row = -1
					break
				}
				row = m.l.at(row, d, m.l.total(d))
			}
		}
		if row < 0 {
			continue
		}
		if !m.withheld[row] {
			if !extend {
				return circuit{}, false
			}
			c.cost += m.cost[row]
		}
		c.steps = append(c.steps, step{row, 1})
	}
	return c, true
}

// face is a two-dimensional cut through target, with one partner value in each
// of the other dimensions, as the distance to add to a row's number.
type face struct {
	target, g1, g2 int
	deltas         []int
}

// faces calls yield for every choice of partners.
func (m *mover) faces(target, g1, g2 int, yield func(face)) {
	l := m.l
	f := face{target: target, g1: g1, g2: g2}
	var choose func(d int)
	choose = func(d int) {
		if d == len(l.size) {
			yield(f)
			return
		}
		if d == g1 || d == g2 {
			choose(d + 1)
			return
		}
		own := l.coord(target, d)
		for v := range l.size[d] {
			if v == own {
				continue
			}
			f.deltas = append(f.deltas, (v-own)*l.stride[d])
			choose(d + 1)
			f.deltas = f.deltas[:len(f.deltas)-1]
		}
	}
	choose(0)
}

// edge visits the rows that stand for the place (i, j) of a face, with the way
// each goes when the place goes by turn (+1 or -1) and target goes by dir.
func (m *mover) edge(f face, i, j int, turn int64, visit func(row int, sign int64) bool) bool {
	l := m.l
	base := l.at(l.at(f.target, f.g1, i), f.g2, j)
	for mask := range uint(1) << len(f.deltas) {
		row := base
		for b, delta := range f.deltas {
			if mask>>b&1 == 1 {
				row += delta
			}
		}
		sign := turn
		if (bits.OnesCount(mask)+l.stars[row]+l.stars[f.target])%2 == 1 {
			sign = -sign
		}
		if !visit(row, sign) {
			return false
		}
	}
	return true
}

// price returns what the place (i, j) of a face costs, or false when it cannot
// be part of a circuit of size need.
func (m *mover) price(f face, i, j int, turn, need int64, extend bool) (int64, bool) {
	var sum int64
	ok := m.edge(f, i, j, turn, func(row int, sign int64) bool {
		cost, ok := m.usable(row, sign, need, extend)
		sum += cost
		return ok
	})
	return sum, ok
}

// hops is the weight of costs against lengths of paths: the cheapest path
// wins, then the shortest.
const hops = 1 << 12

// shortest returns the cheapest circuit of a face through its target: a
// shortest path from the target's column back to its row, where going from a
// column to a row takes the place where they meet down and from a row to a
// column up.
func (m *mover) shortest(f face, dir, need int64, extend bool, below int64) (circuit, bool) {
	l := m.l
	i0, j0 := l.coord(f.target, f.g1), l.coord(f.target, f.g2)
	own, ok := m.price(f, i0, j0, dir, need, extend)
	if !ok || own >= below {
		return circuit{}, false
	}
	cols, rows := l.size[f.g2], l.size[f.g1]
	nodes := cols + rows // columns first
	dist := make([]int64, nodes)
	from := make([]int, nodes)
	done := make([]bool, nodes)
	for v := range dist {
		dist[v] = math.MaxInt64
	}
	dist[j0] = 0
	goal := cols + i0
	for {
		at := -1
		for v := range nodes {
			if !done[v] && dist[v] < math.MaxInt64 && (at < 0 || dist[v] < dist[at]) {
				at = v
			}
		}
		if at < 0 || own+dist[at]/hops >= below {
			return circuit{}, false
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
			i, j, turn := v-cols, at, -dir
			if at >= cols {
				i, j, turn = at-cols, v, dir
			}
			if i == i0 && j == j0 {
				continue
			}
			if cost, ok := m.price(f, i, j, turn, need, extend); ok && dist[at]+cost*hops+1 < dist[v] {
				dist[v], from[v] = dist[at]+cost*hops+1, at
			}
		}
	}
	c := circuit{cost: own + dist[goal]/hops}
	add := func(row int, sign int64) bool {
		c.steps = append(c.steps, step{row, sign})
		return true
	}
	m.edge(f, i0, j0, dir, add)
	for v := goal; v != j0; v = from[v] {
		if u := from[v]; u >= cols {
			m.edge(f, u-cols, v, dir, add)
		} else {
			m.edge(f, v-cols, u, -dir, add)
		}
	}
	return c, true
}
