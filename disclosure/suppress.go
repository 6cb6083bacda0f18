package disclosure

import (
	"cmp"
	"math/bits"
	"slices"
)

// target is a row to protect in one layer: from what is published it must not
// follow that its number is less than up above the truth, nor that it lies in
// an interval narrower than span.
type target struct {
	row, layer int
	up, span   int64
}

// plan is a choice of rows to withhold, built up and then pared down.
type plan struct {
	l        *lattice
	primary  []bool
	targets  []target
	movers   []*mover // one a layer; they share withheld and cost
	withheld []bool
	cost     []int64
	used     [][]int // by target: the rows of the moves that protect it
	needs    []int   // by row: the last target that could not do without it
}

// suppress decides the outcome of every row, given what is to be protected.
func suppress(l *lattice, targets []target) []Outcome {
	out := make([]Outcome, l.n)
	best := chosen(l, targets)
	for row := range out {
		switch {
		case best.primary[row]:
			out[row] = Primary
		case best.withheld[row]:
			out[row] = Secondary
		}
	}
	if !best.audit() {
		// Nothing is published that has not been proved safe.
		for row := range out {
			if out[row] == Published {
				out[row] = Secondary
			}
		}
	}
	return out
}

// chosen tries a few orders of work and returns the plan that loses least.
func chosen(l *lattice, targets []target) *plan {
	rank := func(p *plan, t target) int64 { return p.movers[t.layer].ly.low[t.row] }
	orders := []func(p *plan, a, b target) int{
		func(p *plan, a, b target) int { // margins first
			return cmp.Or(-cmp.Compare(l.height[a.row], l.height[b.row]), cmp.Compare(rank(p, a), rank(p, b)))
		},
		func(p *plan, a, b target) int { // smallest first
			return cmp.Compare(rank(p, a), rank(p, b))
		},
		func(p *plan, a, b target) int { // largest first
			return cmp.Compare(rank(p, b), rank(p, a))
		},
		func(p *plan, a, b target) int { // as the categories come
			return 0
		},
	}
	if l.n > 500 {
		orders = orders[:1]
	}
	var best *plan
	for _, order := range orders {
		p := newPlan(l, targets)
		slices.SortStableFunc(p.targets, func(a, b target) int { return order(p, a, b) })
		p.used = make([][]int, len(p.targets))
		for i := range p.targets {
			p.protect(i)
		}
		p.pare()
		if l.n <= 150 {
			p.exchange()
		}
		if best == nil || p.loss() < best.loss() {
			best = p
		}
	}
	if 150 < l.n && l.n <= 500 {
		best.exchange()
	}
	return best
}

// newPlan withholds the rows of the targets.
func newPlan(l *lattice, targets []target) *plan {
	p := &plan{
		l: l, targets: slices.Clone(targets),
		primary: make([]bool, l.n), withheld: make([]bool, l.n), cost: make([]int64, l.n), needs: make([]int, l.n),
	}
	for _, ly := range l.layers() {
		p.movers = append(p.movers, newMover(l, ly, p.withheld, p.cost))
	}
	for _, t := range targets {
		p.primary[t.row], p.withheld[t.row] = true, true
	}
	for row := range l.n {
		// A margin is worth four of the rows it totals; among equals the
		// smaller count goes first, by order of magnitude and then by value.
		c := l.persons[row]
		p.cost[row] = 1<<(2*min(l.height[row], maxDimensions))*1_000_000 + int64(bits.Len64(uint64(c)))*5_000 + min(c, 4_999)
	}
	return p
}

// loss is the cost of the secondary rows.
func (p *plan) loss() int64 {
	var sum int64
	for row, w := range p.withheld {
		if w && !p.primary[row] {
			sum += p.cost[row]
		}
	}
	return sum
}

// lacking returns how much target i still lacks of what protects it, and the
// rows that the moves use.
func (p *plan) lacking(i int) (int64, []int) {
	t := p.targets[i]
	m := p.movers[t.layer]
	up, used := m.grow(t.row, 1, t.span)
	if up >= t.span {
		return 0, used
	}
	if up < t.up {
		return t.span - up, used
	}
	down, more := m.grow(t.row, -1, t.span-up)
	return t.span - up - down, append(used, more...)
}

// protect withholds rows until target i lacks nothing.
func (p *plan) protect(i int) {
	t := p.targets[i]
	m := p.movers[t.layer]
	for {
		lack, used := p.lacking(i)
		if lack == 0 {
			p.used[i] = used
			return
		}
		// What is reached already one way or the other stays; more is added
		// where it costs least.
		up, _ := m.grow(t.row, 1, t.span)
		for need := lack; need > 0; need /= 2 {
			c, ok := m.find(search{target: t.row, dir: 1, need: need, extend: true})
			if up >= t.up {
				m.grow(t.row, -1, t.span-up)
				if down, can := m.find(search{target: t.row, dir: -1, need: need, extend: true}); can && (!ok || down.loss < c.loss) {
					c, ok = down, true
				}
				m.grow(t.row, 1, t.span)
			}
			if !ok {
				continue
			}
			if p.withhold(c) {
				break
			}
			// In a hierarchy chains may get in each other's way; more persons
			// everywhere above always can be.
			if c, _ := m.upward(search{target: t.row, dir: 1, extend: true}); p.withhold(c) {
				break
			}
		}
	}
}

// withhold withholds the rows of c, and says whether any was not already.
func (p *plan) withhold(c circuit) bool {
	more := false
	for _, s := range c.steps {
		more = more || !p.withheld[s.row]
		p.withheld[s.row] = true
	}
	return more
}

// pare publishes again each secondary row that no target needs, the costliest
// first.
func (p *plan) pare() {
	for _, row := range p.secondary() {
		p.withheld[row] = false
		if !p.stand(row) {
			p.withheld[row] = true
		}
	}
}

// secondary lists the rows withheld to protect others, the costliest first.
func (p *plan) secondary() []int {
	var rows []int
	for row, w := range p.withheld {
		if w && !p.primary[row] {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(p.cost[b], p.cost[a]) })
	return rows
}

// stand says whether every target stays protected now that row is published,
// and keeps the new moves when it does.
func (p *plan) stand(row int) bool {
	fresh := map[int][]int{}
	check := func(i int) bool {
		if fresh[i] != nil || !slices.Contains(p.used[i], row) {
			return true
		}
		lack, used := p.lacking(i)
		if lack > 0 {
			p.needs[row] = i
			return false
		}
		fresh[i] = used
		return true
	}
	if !check(p.needs[row]) {
		return false
	}
	for i := range p.targets {
		if !check(i) {
			return false
		}
	}
	for i, used := range fresh {
		p.used[i] = used
	}
	return true
}

// exchange publishes each secondary row in turn, protects what it protected in
// the cheapest other way, and keeps the change when less is lost.
func (p *plan) exchange() {
	for range 3 {
		better := false
		for _, row := range p.secondary() {
			if !p.withheld[row] {
				continue
			}
			before, keep, used := p.loss(), slices.Clone(p.withheld), slices.Clone(p.used)
			price := p.cost[row]
			p.withheld[row] = false
			p.cost[row] = 1 << 40
			for i := range p.targets {
				if slices.Contains(p.used[i], row) {
					p.protect(i)
				}
			}
			p.cost[row] = price
			p.pare()
			if p.loss() < before {
				better = true
				continue
			}
			copy(p.withheld, keep)
			p.used = used
		}
		if !better {
			return
		}
	}
}

// audit proves the plan again from nothing: for every target, two tables of
// whole numbers, checked against every sum and bound, that agree with all that
// is published and differ there by at least what is asked.
func (p *plan) audit() bool {
	for _, t := range p.targets {
		if !p.withheld[t.row] {
			return false
		}
		m := p.movers[t.layer]
		up, _ := m.grow(t.row, 1, t.span)
		if m.z[t.row] != up || !m.possible() || up < t.up {
			return false
		}
		if up < t.span {
			down, _ := m.grow(t.row, -1, t.span-up)
			if m.z[t.row] != -down || !m.possible() || up+down < t.span {
				return false
			}
		}
	}
	return true
}
