package disclosure_test

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"
)

// failer is a test, or a check of rapid.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// linear is what a reader knows of numbers that are not negative, as
// equalities, solved by gonum.
type linear struct {
	vars  int
	rows  []map[int]float64
	right []float64
}

func (p *linear) variable() int { p.vars++; return p.vars - 1 }

func (p *linear) equal(sum map[int]float64, right float64) {
	p.rows, p.right = append(p.rows, sum), append(p.right, right)
}

func (p *linear) atMost(sum map[int]float64, right float64) {
	sum[p.variable()] = 1
	p.equal(sum, right)
}

// reduced returns the equalities without those that follow from others, which
// gonum's simplex does not take.
func (p *linear) reduced(t failer) (*mat.Dense, []float64) {
	t.Helper()
	var kept [][]float64
	var lead []int
	for i, sum := range p.rows {
		row := make([]float64, p.vars+1)
		for v, k := range sum {
			row[v] += k
		}
		row[p.vars] = p.right[i]
		for k, other := range kept {
			if f := row[lead[k]]; f != 0 {
				for j, x := range other {
					row[j] -= f * x
				}
			}
		}
		at, most := -1, 1e-9
		for j, x := range row[:p.vars] {
			if math.Abs(x) > most {
				at, most = j, math.Abs(x)
			}
		}
		if at < 0 {
			if math.Abs(row[p.vars]) > 1e-6 {
				t.Fatal("what is published contradicts itself")
			}
			continue
		}
		f := row[at]
		for j := range row {
			row[j] /= f
		}
		for _, other := range kept {
			if f := other[at]; f != 0 {
				for j, x := range row {
					other[j] -= f * x
				}
			}
		}
		kept, lead = append(kept, row), append(lead, at)
	}
	var flat, right []float64
	for _, row := range kept {
		flat, right = append(flat, row[:p.vars]...), append(right, row[p.vars])
	}
	if len(kept) == 0 {
		return nil, nil
	}
	return mat.NewDense(len(kept), p.vars, flat), right
}

// bound returns the least and greatest value of each variable asked for.
func (p *linear) bound(t failer, ask []int) [][2]float64 {
	t.Helper()
	a, b := p.reduced(t)
	var out [][2]float64
	for _, v := range ask {
		ends := [2]float64{0, math.Inf(1)}
		for k, sign := range []float64{1, -1} {
			if a == nil {
				continue // nothing is known but that it is not negative
			}
			cost := make([]float64, p.vars)
			cost[v] = sign
			if rows, cols := a.Dims(); rows == cols {
				var x mat.VecDense
				if err := x.SolveVec(a, mat.NewVecDense(rows, slices.Clone(b))); err != nil {
					t.Fatal(err)
				}
				ends[k] = x.AtVec(v)
				continue
			}
			best, _, err := lp.Simplex(cost, a, b, 1e-9, nil)
			switch {
			case errors.Is(err, lp.ErrUnbounded):
			case err != nil:
				t.Fatalf("simplex: %v", err)
			default:
				ends[k] = sign * best
			}
		}
		out = append(out, ends)
	}
	return out
}
