package disclosure

import (
	"cmp"
	"math/bits"
	"slices"
)

// target is a row to protect in one layer.
type target struct {
	row   int
	layer int
}

// plan is a choice of rows to withhold, built up and then pared down.
type plan struct {
	l         *lattice
	threshold int64
	primary   []bool
	targets   []target
	movers    []*mover // one a layer; they share withheld and cost
	withheld  []bool
	cost      []int64
	used      [][]int // by target: the rows of the moves that protect it
}

// suppress decides the outcome of every row.
func suppress(l *lattice, threshold int64) []Outcome {
	out := make([]Outcome, l.n)
	best := chosen(l, threshold)
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
func chosen(l *lattice, threshold int64) *plan {
	rank := func(p *plan, t target) int64 { return p.movers[t.layer].ly.low[t.row] }
	orders := []func(p *plan, a, b target) int{
		func(p *plan, a, b target) int { // margins first
			return cmp.Or(-cmp.Compare(l.stars[a.row], l.stars[b.row]), cmp.Compare(rank(p, a), rank(p, b)))
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
		p := newPlan(l, threshold)
		slices.SortStableFunc(p.targets, func(a, b target) int { return order(p, a, b) })
		p.used = make([][]int, len(p.targets))
		for i := range p.targets {
			p.protect(i)
		}
		p.pare()
		if l.n <= 500 {
			p.exchange()
		}
		if best == nil || p.loss() < best.loss() {
			best = p
		}
	}
	return best
}

// newPlan withholds the primary rows.
func newPlan(l *lattice, threshold int64) *plan {
	p := &plan{
		l: l, threshold: threshold,
		primary: make([]bool, l.n), withheld: make([]bool, l.n), cost: make([]int64, l.n),
	}
	for i, ly := range l.layers() {
		p.movers = append(p.movers, &mover{l: l, ly: ly, withheld: p.withheld, cost: p.cost, z: make([]int64, l.n)})
		for row := range l.n {
			if ly.low[row] < threshold {
				p.primary[row], p.withheld[row] = true, true
				p.targets = append(p.targets, target{row, i})
			}
		}
	}
	for row := range l.n {
		// A margin is worth four of the rows it totals; among equals the
		// smaller count goes first, by order of magnitude and then by value.
		c := l.persons[row]
		p.cost[row] = 1<<(2*l.stars[row])*1_000_000 + int64(bits.Len64(uint64(c)))*5_000 + min(c, 4_999)
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

// span returns how far moves can carry target i, up and down together, up to
// the threshold, and the rows they use.
func (p *plan) span(i int) (int64, []int) {
	t := p.targets[i]
	m := p.movers[t.layer]
	up, used := m.grow(t.row, 1, p.threshold)
	if up >= p.threshold {
		return up, used
	}
	down, more := m.grow(t.row, -1, p.threshold-up)
	return up + down, append(used, more...)
}

// protect withholds rows until target i spans the threshold, and returns
// those it added.
func (p *plan) protect(i int) []int {
	t := p.targets[i]
	m := p.movers[t.layer]
	var added []int
	for {
		span, used := p.span(i)
		if span >= p.threshold {
			p.used[i] = used
			return added
		}
		m.grow(t.row, 1, p.threshold)
		for need := p.threshold - span; need > 0; need /= 2 {
			c, ok := m.find(t.row, 1, need, true)
			if !ok {
				continue
			}
			for _, s := range c.steps {
				if !p.withheld[s.row] {
					p.withheld[s.row] = true
					added = append(added, s.row)
				}
			}
			break
		}
	}
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
	for i := range p.targets {
		if !slices.Contains(p.used[i], row) {
			continue
		}
		span, used := p.span(i)
		if span < p.threshold {
			return false
		}
		fresh[i] = used
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
// is published and differ there by at least the threshold.
func (p *plan) audit() bool {
	for _, t := range p.targets {
		if !p.withheld[t.row] {
			return false
		}
		m := p.movers[t.layer]
		up, _ := m.grow(t.row, 1, p.threshold)
		if m.z[t.row] != up || !m.possible() {
			return false
		}
		if up < p.threshold {
			down, _ := m.grow(t.row, -1, p.threshold-up)
			if m.z[t.row] != -down || !m.possible() || up+down < p.threshold {
				return false
			}
		}
	}
	return true
}

// possible says whether the move made so far is one: nothing published
// changes, every sum is kept, no count is negative and none exceeds a margin
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
			margin := l.at(row, d, l.total(d))
			sum := -m.z[margin]
			for v := range l.total(d) {
				child := l.at(row, d, v)
				sum += m.z[child]
				for _, b := range m.ly.bounds {
					if slices.Contains(b.dims, d) && b.values[child]+m.z[child] > b.values[margin]+m.z[margin] {
						return false
					}
				}
			}
			if sum != 0 {
				return false
			}
		}
	}
	return true
}
