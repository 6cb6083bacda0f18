package attack

import (
	"iter"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"

	"galien"
)

// Total is the key of a dimension that has been totalled, in a released table.
const Total = "*"

// ReleasedRow is one row of a released table: a category or Total for each
// dimension, and how many persons it counts where that is shown.
type ReleasedRow struct {
	Keys     []string
	Withheld bool
	Persons  int64
}

// ReleasedTable is a table as its reader has it.
type ReleasedTable struct {
	Dimensions []string
	// Additive says of each dimension that a person is in one category only, so
	// that the total is the sum; else it is between the largest and the sum.
	Additive  []bool
	Rows      []ReleasedRow
	Threshold int
}

// Bounds is what a reader can work out of a withheld row, by linear programme.
type Bounds struct {
	Row       int // in the table
	Low, High float64
	// Solved is false where the simplex failed, which says nothing of the row.
	Solved bool
}

// boundedRows is how many withheld rows are bounded by linear programme, at
// most: each takes two. A programme of m sums takes some m^3 steps, of which a
// table may take so many.
const (
	boundedRows  = 120
	boundedSteps = 100_000_000
)

// places is where the rows of a table stand by their keys.
func (t ReleasedTable) places() map[string]int {
	at := map[string]int{}
	for i, r := range t.Rows {
		at[strings.Join(r.Keys, "\x00")] = i
	}
	return at
}

// equation says that the sum of rows, with their signs, is at most 0, or 0.
type equation struct {
	rows  []int
	signs []float64
	equal bool
}

// equations are what the margins of the table say.
func (t ReleasedTable) equations() ([]equation, error) {
	at := t.places()
	var out []equation
	for i, r := range t.Rows {
		if len(r.Keys) != len(t.Dimensions) || len(t.Additive) != len(t.Dimensions) {
			return nil, galien.Errorf(galien.Invalid, "released table: row %d has %d keys for %d dimensions", i+1, len(r.Keys), len(t.Dimensions))
		}
	}
	categories := make([][]string, len(t.Dimensions))
	for _, r := range t.Rows {
		for d, k := range r.Keys {
			if k != Total && !slices.Contains(categories[d], k) {
				categories[d] = append(categories[d], k)
			}
		}
	}
	for total, r := range t.Rows {
		for d := range t.Dimensions {
			if r.Keys[d] != Total {
				continue
			}
			sum := equation{rows: []int{total}, signs: []float64{1}, equal: t.Additive[d]}
			whole := true
			for _, k := range categories[d] {
				keys := slices.Clone(r.Keys)
				keys[d] = k
				part, ok := at[strings.Join(keys, "\x00")]
				if !ok {
					whole = false // the table does not show this category: it may count somebody
					continue
				}
				sum.rows, sum.signs = append(sum.rows, part), append(sum.signs, -1)
				if !t.Additive[d] { // else it follows from the sum
					out = append(out, equation{rows: []int{part, total}, signs: []float64{1, -1}})
				}
			}
			if whole {
				out = append(out, sum)
			}
		}
	}
	return out, nil
}

// Subtract finds the withheld rows that come back by subtraction alone: where
// all rows of a sum but one are known, the last one is, and so on.
func Subtract(t ReleasedTable) (map[int]int64, error) {
	equations, err := t.equations()
	if err != nil {
		return nil, err
	}
	known := map[int]int64{}
	value := func(i int) (int64, bool) {
		if !t.Rows[i].Withheld {
			return t.Rows[i].Persons, true
		}
		n, ok := known[i]
		return n, ok
	}
	for again := true; again; {
		again = false
		for _, e := range equations {
			if !e.equal {
				continue
			}
			left, missing, sign, rest := 0, -1, 0.0, int64(0)
			for k, i := range e.rows {
				if n, ok := value(i); ok {
					rest += int64(e.signs[k]) * n
					continue
				}
				left++
				missing, sign = i, e.signs[k]
			}
			if left == 1 {
				known[missing] = -rest * int64(sign)
				again = true
			}
		}
	}
	return known, nil
}

// Bound works out, by linear programme, between which numbers each withheld row
// lies for a reader who has everything that is shown; of many rows, a sample. upTo, when not negative, is a number that the reader knows no withheld
// row to exceed, as where a threshold alone decides.
func Bound(t ReleasedTable, upTo int64, r Random) ([]Bounds, error) {
	var withheld []int
	column := map[int]int{} // the variable of each withheld row
	for i, row := range t.Rows {
		if row.Withheld {
			column[i] = len(withheld)
			withheld = append(withheld, i)
		}
	}
	if len(withheld) == 0 {
		return nil, nil
	}
	equations, err := t.equations()
	if err != nil {
		return nil, err
	}
	p := programme{vars: len(withheld)}
	// Of several bounds of one row the closest says all.
	most, least := make([]float64, len(withheld)), make([]float64, len(withheld))
	for i := range most {
		most[i] = math.Inf(1)
		if upTo >= 0 {
			most[i] = float64(upTo)
		}
	}
	for _, e := range equations {
		sum, right := map[int]float64{}, 0.0
		for k, i := range e.rows {
			if t.Rows[i].Withheld {
				sum[column[i]] += e.signs[k]
			} else {
				right -= e.signs[k] * float64(t.Rows[i].Persons)
			}
		}
		if len(sum) == 1 && !e.equal {
			for v, sign := range sum {
				if sign > 0 {
					most[v] = min(most[v], right)
				} else {
					least[v] = max(least[v], -right)
				}
			}
			continue
		}
		p.add(sum, right, e.equal)
	}
	for i := range withheld {
		if !math.IsInf(most[i], 1) {
			p.add(map[int]float64{i: 1}, most[i], false)
		}
		if least[i] > 0 {
			p.add(map[int]float64{i: -1}, -least[i], false)
		}
	}
	s, err := p.standard()
	if err != nil {
		return nil, err
	}
	var out []Bounds
	chosen := sample(withheld, s.affordable(), r)
	slices.Sort(chosen)
	for _, i := range chosen {
		low, high, solved := s.between(column[i])
		out = append(out, Bounds{i, low, high, solved})
	}
	return out, nil
}

// programme gathers sums of variables that are not negative.
type programme struct {
	vars, slack int
	sums        []map[int]float64
	right       []float64
}

// add says that a sum is at most right, or equal to it.
func (p *programme) add(sum map[int]float64, right float64, equal bool) {
	if len(sum) == 0 {
		return
	}
	if !equal {
		if right >= 0 {
			// Nothing is said where every sign is a minus.
			positive := false
			for _, k := range sum {
				positive = positive || k > 0
			}
			if !positive {
				return
			}
		}
		p.slack++
		sum[-p.slack] = 1
	}
	p.sums, p.right = append(p.sums, sum), append(p.right, right)
}

// standard is a programme in the form that the simplex takes: rows that say
// something of their own, and no variable that is in none.
type standard struct {
	a     *mat.Dense
	b     []float64
	place []int           // of each variable, -1 for one in no row
	value map[int]float64 // of variables that a row alone determines
	scale float64         // by which b was divided
}

const tiny = 1e-9

// standard brings the programme to reduced row echelon form, which drops rows
// that follow from others.
func (p *programme) standard() (*standard, error) {
	width := p.vars + p.slack
	var rows [][]float64
	for i, sum := range p.sums {
		row := make([]float64, width+1)
		for v, k := range sum {
			if v < 0 {
				v = p.vars - v - 1
			}
			row[v] += k
		}
		row[width] = p.right[i]
		rows = append(rows, row)
	}
	rank := 0
	// Slack first: where it can be the pivot, the row stays as it is.
	for c := width - 1; c >= 0 && rank < len(rows); c-- {
		best := rank
		for i := rank; i < len(rows); i++ {
			if math.Abs(rows[i][c]) > math.Abs(rows[best][c]) {
				best = i
			}
		}
		if math.Abs(rows[best][c]) < tiny {
			continue
		}
		rows[rank], rows[best] = rows[best], rows[rank]
		k := rows[rank][c]
		for j := range rows[rank] {
			rows[rank][j] /= k
		}
		for i := range rows {
			if f := rows[i][c]; i != rank && math.Abs(f) > 0 {
				for j, x := range rows[rank] {
					rows[i][j] -= f * x
					if math.Abs(rows[i][j]) < tiny {
						rows[i][j] = 0
					}
				}
			}
		}
		rank++
	}
	for _, row := range rows[rank:] {
		if math.Abs(row[width]) > 1e-6 {
			return nil, galien.Errorf(galien.Invalid, "released table: its rows and margins contradict one another; is a dimension not additive?")
		}
	}
	s := &standard{place: make([]int, width), value: map[int]float64{}, scale: 1}
	var used []int
	var open []int // rows that leave something open
	for i := range rank {
		in := slices.Collect(nonZero(rows[i][:width]))
		if len(in) == 1 {
			s.value[in[0]] = rows[i][width]
			continue
		}
		open = append(open, i)
		s.scale = max(s.scale, math.Abs(rows[i][width]))
	}
	for c := range width {
		s.place[c] = -1
		if slices.ContainsFunc(open, func(i int) bool { return rows[i][c] != 0 }) {
			s.place[c] = len(used)
			used = append(used, c)
		}
	}
	if len(open) == 0 {
		return s, nil
	}
	s.a = mat.NewDense(len(open), len(used), nil)
	for k, i := range open {
		for j, c := range used {
			s.a.Set(k, j, rows[i][c])
		}
		s.b = append(s.b, rows[i][width]/s.scale)
	}
	return s, nil
}

// affordable is how many rows may be bounded.
func (s *standard) affordable() int {
	m := max(1, len(s.b))
	return min(boundedRows, max(5, boundedSteps/m/m/m))
}

// nonZero yields where a row is not 0.
func nonZero(row []float64) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, x := range row {
			if x != 0 && !yield(i) {
				return
			}
		}
	}
}

// between returns the least and the greatest value of a variable, and false when
// the simplex fails on it.
func (s *standard) between(v int) (low, high float64, solved bool) {
	if x, ok := s.value[v]; ok {
		return x, x, true
	}
	k := s.place[v]
	if k < 0 {
		return 0, math.Inf(1), true
	}
	_, n := s.a.Dims()
	ends := [2]float64{0, math.Inf(1)}
	solved = true
	for e, sign := range []float64{1, -1} {
		cost := make([]float64, n)
		cost[k] = sign
		switch value, _, err := lp.Simplex(cost, s.a, s.b, 1e-10, nil); {
		case err == nil:
			ends[e] = sign * value * s.scale
		case err != lp.ErrUnbounded:
			solved = false
		}
	}
	return max(0, ends[0]), ends[1], solved
}

// The keys of the attacks on released tables.
const (
	SubtractionName = "subtraction"
	ProgrammeName   = "linear-programme"
	NarrowName      = "narrow"
)

// OnRelease attacks the withheld rows of a released table. truth, when not nil,
// holds what each row counts: the same attacks are then tried on what a
// threshold alone would show, as a control. The caller fills in the provenance.
func OnRelease(t ReleasedTable, truth []int64, r Random) (Report, error) {
	// How many of the withheld rows are small is not for who reads the release.
	out := Report{Format: 1, Kind: Released, Targets: boundedRows, Threshold: t.Threshold, Inside: truth != nil}
	main, err := t.attack(-1, r)
	if err != nil {
		return Report{}, err
	}
	var control [3]Trial
	if truth != nil {
		plain := t
		plain.Rows = slices.Clone(t.Rows)
		for i := range plain.Rows {
			plain.Rows[i].Withheld, plain.Rows[i].Persons = truth[i] < int64(t.Threshold), truth[i]
		}
		if control, err = plain.attack(int64(t.Threshold)-1, r); err != nil {
			return Report{}, err
		}
		control[2] = Trial{} // a threshold alone says as much of every row
	}
	for k, name := range []string{SubtractionName, ProgrammeName, NarrowName} {
		if main[k].Attempts == 0 {
			out.Findings = append(out.Findings, skipped(name, "", NothingHid))
			continue
		}
		f := Finding{Attack: name, Main: main[k], Control: control[k], Certain: main[k].Attempts, Verdict: Tight}
		f.Risk = Estimate{f.Main.Rate(), f.Main.Wilson()}
		if f.Main.Successes > 0 {
			f.Verdict = Leaks
		}
		out.Findings = append(out.Findings, f)
	}
	return out, nil
}

// attack counts the withheld rows that come back under the threshold: by
// subtraction, by linear programme, and those that are bounded more narrowly
// than the threshold is wide.
func (t ReleasedTable) attack(upTo int64, r Random) (out [3]Trial, err error) {
	known, err := Subtract(t)
	if err != nil {
		return out, err
	}
	bounds, err := Bound(t, upTo, r)
	if err != nil {
		return out, err
	}
	small := float64(t.Threshold)
	for i, row := range t.Rows {
		if row.Withheld {
			n, ok := known[i]
			out[0].add(ok && n < int64(t.Threshold))
		}
	}
	for _, b := range bounds {
		if !b.Solved {
			continue
		}
		out[1].add(b.High < small && math.Ceil(b.Low-1e-6) == math.Floor(b.High+1e-6))
		out[2].add(b.Low < small && b.High-b.Low < small-1e-6)
	}
	return out, nil
}
