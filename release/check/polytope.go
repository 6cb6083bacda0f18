package check

import "math"

// polytope is every table that agrees with the equations of its lines and has
// no negative count: sums of some unknown counts that are known. It is kept as
// a simplex tableau in a feasible corner.
type polytope struct {
	n     int // unknowns
	rows  [][]float64
	basis []int
}

const (
	tiny = 1e-7
	// maxPivots ends a walk that goes nowhere; what it was to find is then not
	// known.
	maxPivots = 2000
)

// equation is a sum of unknowns with coefficients 1 or -1.
type equation struct {
	terms map[int]float64
	sum   float64
}

// newPolytope finds a first corner; there is none, and nil is returned, when no
// table agrees. ok is false when the walk did not end.
func newPolytope(n int, equations []equation) (p *polytope, ok bool) {
	m := len(equations)
	p = &polytope{n: n}
	for i, e := range equations {
		row := make([]float64, n+m+1)
		sign := 1.0
		if e.sum < 0 {
			sign = -1
		}
		for j, x := range e.terms {
			row[j] = sign * x
		}
		row[n+i], row[n+m] = 1, sign*e.sum // an artificial unknown for each
		p.rows = append(p.rows, row)
		p.basis = append(p.basis, n+i)
	}
	cost := make([]float64, n+m)
	for j := n; j < n+m; j++ {
		cost[j] = 1
	}
	least, ok := p.minimise(cost, n+m)
	if !ok || least > tiny*float64(m+1) {
		return nil, ok
	}
	// Artificial unknowns that are still there are nought: give their place to a
	// real one, or drop the row, which says nothing new.
	for i := 0; i < len(p.rows); i++ {
		if p.basis[i] < n {
			continue
		}
		moved := false
		for j := 0; j < n && !moved; j++ {
			if math.Abs(p.rows[i][j]) > tiny {
				p.pivot(i, j)
				moved = true
			}
		}
		if !moved {
			p.rows = append(p.rows[:i], p.rows[i+1:]...)
			p.basis = append(p.basis[:i], p.basis[i+1:]...)
			i--
		}
	}
	return p, true
}

// bounds returns the least and the greatest value of an unknown; ok is false
// when the walk did not end.
func (p *polytope) bounds(j int) (low, high float64, ok bool) {
	cost := make([]float64, len(p.rows[0])-1)
	cost[j] = 1
	low, ok1 := p.minimise(cost, p.n)
	cost[j] = -1
	high, ok2 := p.minimise(cost, p.n)
	return low, -high, ok1 && ok2
}

// minimise walks from corner to corner, over the first columns, to where the
// cost is least; -Inf when it has no least. The rule is Bland's, which goes round
// no circle.
func (p *polytope) minimise(cost []float64, columns int) (least float64, ok bool) {
	last := len(cost)
	for range maxPivots {
		enter := -1
		for j := 0; j < columns && enter < 0; j++ {
			reduced := cost[j]
			for i, b := range p.basis {
				if cost[b] != 0 {
					reduced -= cost[b] * p.rows[i][j]
				}
			}
			if reduced < -tiny {
				enter = j
			}
		}
		if enter < 0 {
			for i, b := range p.basis {
				least += cost[b] * p.rows[i][last]
			}
			return least, true
		}
		leave, ratio := -1, math.Inf(1)
		for i, row := range p.rows {
			if row[enter] > tiny {
				r := row[last] / row[enter]
				if r < ratio-tiny || r < ratio+tiny && leave >= 0 && p.basis[i] < p.basis[leave] {
					leave, ratio = i, r
				}
			}
		}
		if leave < 0 {
			return math.Inf(-1), true
		}
		p.pivot(leave, enter)
	}
	return 0, false
}

func (p *polytope) pivot(i, j int) {
	row := p.rows[i]
	by := row[j]
	for k := range row {
		row[k] /= by
	}
	for r, other := range p.rows {
		if f := other[j]; r != i && f != 0 {
			for k := range other {
				other[k] -= f * row[k]
			}
		}
	}
	p.basis[i] = j
}
