package disclosure_test

import (
	"math"
	"slices"
)

// program is a linear programme for the attacks of the tests: variables that
// are not negative, equalities, and two-phase simplex. It
// shares nothing with the package it attacks, which uses no linear programme.
type program struct {
	vars  int
	rows  []map[int]float64
	right []float64

	t     [][]float64 // tableau; the last column is the right-hand side
	basis []int
	width int
}

func (p *program) variable() int { p.vars++; return p.vars - 1 }

// equal adds sum = right.
func (p *program) equal(sum map[int]float64, right float64) {
	p.rows, p.right = append(p.rows, sum), append(p.right, right)
}

// atMost adds sum <= right.
func (p *program) atMost(sum map[int]float64, right float64) {
	sum[p.variable()] = 1
	p.equal(sum, right)
}

const tiny = 1e-7

func (p *program) pivot(r, c int) {
	row := p.t[r]
	k := row[c]
	for j := range row {
		row[j] /= k
	}
	for i, other := range p.t {
		if f := other[c]; i != r && f != 0 {
			for j, x := range row {
				if x != 0 {
					other[j] -= f * x
				}
			}
		}
	}
	p.basis[r] = c
}

// minimise runs simplex on cost over the first n columns, and says false when
// there is no least value.
func (p *program) minimise(cost []float64, n int) bool {
	// The objective as one more row, in terms of what is not in the basis.
	z := make([]float64, p.width+1)
	copy(z, cost)
	for i, b := range p.basis {
		if k := z[b]; k != 0 {
			for j, x := range p.t[i] {
				z[j] -= k * x
			}
		}
	}
	for k := range 20000 {
		// The steepest way first; when that may be going in circles, Bland's.
		enter := slices.IndexFunc(z[:n], func(x float64) bool { return x < -tiny })
		if enter < 0 {
			return true
		}
		if k < 1000 {
			for j, x := range z[:n] {
				if x < z[enter] {
					enter = j
				}
			}
		}
		leave := -1
		best := math.Inf(1)
		for i, row := range p.t {
			if row[enter] > tiny {
				ratio := row[p.width] / row[enter]
				if ratio < best-1e-12 || ratio <= best+1e-12 && (leave < 0 || p.basis[i] < p.basis[leave]) {
					best, leave = math.Min(best, ratio), i
				}
			}
		}
		if leave < 0 {
			return false
		}
		p.pivot(leave, enter)
		k := z[enter]
		for j, x := range p.t[leave] {
			z[j] -= k * x
		}
	}
	panic("simplex does not end")
}

// start finds a feasible point, and says false when there is none.
func (p *program) start() bool {
	m := len(p.rows)
	p.width = p.vars + m
	p.t, p.basis = nil, nil
	cost := make([]float64, p.width)
	for i, sum := range p.rows {
		row := make([]float64, p.width+1)
		sign := 1.0
		if p.right[i] < 0 {
			sign = -1
		}
		for v, k := range sum {
			row[v] = sign * k
		}
		row[p.width] = sign * p.right[i]
		row[p.vars+i] = 1
		cost[p.vars+i] = 1
		p.t, p.basis = append(p.t, row), append(p.basis, p.vars+i)
	}
	p.minimise(cost, p.width)
	for i, b := range p.basis {
		if b < p.vars {
			continue
		}
		if p.t[i][p.width] > 1e-5 {
			return false
		}
		for j := range p.vars {
			if math.Abs(p.t[i][j]) > 1e-6 {
				p.pivot(i, j)
				break
			}
		}
	}
	// What is still artificial stands for a row that says nothing.
	var t [][]float64
	var basis []int
	for i, b := range p.basis {
		if b < p.vars {
			t, basis = append(t, p.t[i]), append(basis, b)
		}
	}
	p.t, p.basis = t, basis
	return true
}

// between returns the least and greatest value of a sum of variables.
func (p *program) between(sum map[int]float64) (float64, float64) {
	var ends [2]float64
	for k, sign := range []float64{1, -1} {
		cost := make([]float64, p.width)
		for v, x := range sum {
			cost[v] = sign * x
		}
		if !p.minimise(cost, p.vars) {
			ends[k] = math.Inf(int(-sign))
			continue
		}
		for i, b := range p.basis {
			ends[k] += sign * cost[b] * p.t[i][p.width]
		}
	}
	return ends[0], ends[1]
}

// bound returns the least and greatest value of each variable asked for.
func (p *program) bound(t failer, ask []int) [][2]float64 {
	if !p.start() {
		t.Fatal("what is published contradicts itself")
	}
	var out [][2]float64
	for _, v := range ask {
		low, high := p.between(map[int]float64{v: 1})
		out = append(out, [2]float64{low, high})
	}
	return out
}
