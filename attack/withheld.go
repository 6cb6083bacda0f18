package attack

import (
	"errors"
	"iter"
	"maps"
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
	// Slack is by how much a number that is shown may differ from the true one, as
	// after rounding; 0 for exact numbers. The least that can be shown, since no
	// number is rounded to less than the threshold, may be the threshold's.
	Slack int64
}

// Bounds is what a reader can work out of a withheld row, by linear programme.
type Bounds struct {
	Row       int // in the table
	Low, High float64
	// Solved is false where the simplex failed, which says nothing of the row.
	Solved bool
}

// Of a large table a sample of the withheld rows is bounded, and each by the sums
// that are nearest to it, so that a release is attacked in seconds.
const (
	// boundedRows is how many rows are bounded, at most: each takes two linear
	// programmes.
	boundedRows = 120
	// nearSums is how many sums and bounds such a programme has, at most.
	nearSums = 60
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

// bound works out, by linear programme, between which numbers each withheld row
// lies for a reader who has everything that is shown; of more than so many rows, a
// sample, and of a large table by the sums that are nearest to the row, which bounds
// it no less rightly. upTo, when not negative, is a number that the reader knows no
// withheld row to exceed, as where a threshold alone decides. It fails with
// errContradiction where no table has the numbers that are shown.
func (t ReleasedTable) bound(upTo int64, rows int, r Random) ([]Bounds, error) {
	var withheld []int
	for i, row := range t.Rows {
		if row.Withheld {
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
	// Numbers that are rounded are unknown too, between close bounds.
	column := map[int]int{} // the variable of each row that is one
	var least, most []float64
	for i, row := range t.Rows {
		if !row.Withheld && t.Slack == 0 {
			continue
		}
		column[i] = len(least)
		low, high := 0.0, math.Inf(1)
		switch {
		case !row.Withheld:
			low, high = max(0, float64(row.Persons-t.Slack)), float64(row.Persons+t.Slack)
			if t.Slack > 0 && row.Persons-2*t.Slack-1 < int64(t.Threshold) {
				low = min(low, float64(t.Threshold))
			}
		case upTo >= 0:
			high = float64(upTo)
		}
		least, most = append(least, low), append(most, high)
	}
	p := programme{least: least, most: most}
	for _, e := range equations {
		sum, right := map[int]float64{}, 0.0
		for k, i := range e.rows {
			if v, ok := column[i]; ok {
				sum[v] += e.signs[k]
			} else {
				right -= e.signs[k] * float64(t.Rows[i].Persons)
			}
		}
		if len(sum) == 1 && !e.equal {
			for v, sign := range sum { // of several bounds of one row the closest says all
				if sign > 0 {
					most[v] = min(most[v], right)
				} else {
					least[v] = max(least[v], -right)
				}
			}
			continue
		}
		if len(sum) == 0 && (right < 0 || e.equal && right > 0) {
			return nil, errContradiction
		}
		p.add(sum, right, e.equal)
	}
	var out []Bounds
	chosen := sample(withheld, rows, r)
	slices.Sort(chosen)
	if err := p.shift(); err != nil {
		return nil, err
	}
	for _, i := range chosen {
		v := column[i]
		s, err := p.near(v).standard()
		if err != nil {
			return nil, err
		}
		low, high, solved, err := s.between(v)
		if err != nil {
			return nil, err
		}
		out = append(out, Bounds{i, low + least[v], high + least[v], solved})
	}
	return out, nil
}

// errContradiction says that the numbers of a table do not add up.
var errContradiction = galien.Errorf(galien.Invalid, "released table: its rows and margins contradict one another; is a dimension not additive?")

// programme gathers sums of variables, each between bounds.
type programme struct {
	least, most []float64
	sums        []sum
	holds       map[int][]int // the sums that hold a variable
}

// sum says that variables, by their factors, add up to right, or to at most that.
type sum struct {
	of    map[int]float64
	right float64
	equal bool
}

// add says that a sum is at most right, or equal to it.
func (p *programme) add(of map[int]float64, right float64, equal bool) {
	if len(of) == 0 {
		return
	}
	if !equal && right >= 0 {
		// Nothing is said where every sign is a minus.
		positive := false
		for _, k := range of {
			positive = positive || k > 0
		}
		if !positive {
			return
		}
	}
	p.sums = append(p.sums, sum{of, right, equal})
}

// shift counts every variable from its least, so that none is negative, and
// enters which sums hold it.
func (p *programme) shift() error {
	for v, low := range p.least {
		if p.most[v] < low {
			return errContradiction
		}
		p.most[v] -= low
	}
	p.holds = map[int][]int{}
	for i := range p.sums {
		for _, v := range slices.Sorted(maps.Keys(p.sums[i].of)) {
			p.sums[i].right -= p.sums[i].of[v] * p.least[v]
			p.holds[v] = append(p.holds[v], i)
		}
	}
	return nil
}

// near returns the sums that are nearest to a variable, those first that hold it,
// then those that share another with them, and the bounds of what is in them.
func (p *programme) near(v int) nearby {
	n := nearby{vars: len(p.least)}
	taken := map[int]bool{}
	seen := map[int]bool{}
	enter := func(v int) bool {
		if seen[v] {
			return false
		}
		seen[v] = true
		if !math.IsInf(p.most[v], 1) {
			n.sums = append(n.sums, sum{map[int]float64{v: 1}, p.most[v], false})
		}
		return true
	}
	enter(v)
	for queue := []int{v}; len(queue) > 0 && len(n.sums) < nearSums; queue = queue[1:] {
		for _, i := range p.holds[queue[0]] {
			if taken[i] || len(n.sums) >= nearSums {
				continue
			}
			taken[i] = true
			n.sums = append(n.sums, p.sums[i])
			for _, other := range slices.Sorted(maps.Keys(p.sums[i].of)) {
				if enter(other) {
					queue = append(queue, other)
				}
			}
		}
	}
	return n
}

// nearby is some sums of variables that are not negative.
type nearby struct {
	vars int
	sums []sum
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

// standard brings the sums to reduced row echelon form, which drops rows that
// follow from others.
func (p nearby) standard() (*standard, error) {
	width := p.vars
	for _, s := range p.sums {
		if !s.equal {
			width++
		}
	}
	slack := p.vars
	var rows [][]float64
	for _, s := range p.sums {
		row := make([]float64, width+1)
		for v, k := range s.of {
			row[v] = k
		}
		if !s.equal {
			row[slack] = 1
			slack++
		}
		row[width] = s.right
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
			return nil, errContradiction
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
// the simplex fails on it. It fails with errContradiction when there is none.
func (s *standard) between(v int) (low, high float64, solved bool, err error) {
	if x, ok := s.value[v]; ok {
		if x < -1e-6 {
			return 0, 0, false, errContradiction
		}
		return x, x, true, nil
	}
	k := s.place[v]
	if k < 0 {
		return 0, math.Inf(1), true, nil
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
		case errors.Is(err, lp.ErrInfeasible):
			return 0, 0, false, errContradiction
		case err != lp.ErrUnbounded:
			solved = false
		}
	}
	return max(0, ends[0]), ends[1], solved, nil
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
	var err error
	out.Findings, err = t.findings("", truth, boundedRows, r)
	return out, err
}

// OutputTable is a table of counts in a group of outputs that people made, and
// what names it: the file and its column.
type OutputTable struct {
	On string
	ReleasedTable
}

// OnGroup attacks the tables of counts of a group of outputs, each alone. unread
// are the files that leave beside them and that no attack reads; threshold is that
// of the permit. The caller fills in the provenance.
func OnGroup(tables []OutputTable, unread []string, threshold int, r Random) (Report, error) {
	out := Report{Format: 1, Kind: Reviewed, Targets: boundedRows, Threshold: threshold}
	for _, t := range tables {
		f, err := t.findings(t.On, nil, max(1, boundedRows/len(tables)), r)
		if err != nil {
			return Report{}, err
		}
		out.Findings = append(out.Findings, f...)
	}
	for _, name := range unread {
		out.Findings = append(out.Findings, skipped(ProgrammeName, name, Unread))
	}
	return out, nil
}

// findings are what the attacks on one table achieve.
func (t ReleasedTable) findings(on string, truth []int64, rows int, r Random) ([]Finding, error) {
	names := []string{SubtractionName, ProgrammeName, NarrowName}
	main, why, err := t.attack(-1, rows, r)
	if err != nil {
		return nil, err
	}
	var control [3]Trial
	if truth != nil {
		plain := t
		plain.Rows = slices.Clone(t.Rows)
		for i := range plain.Rows {
			plain.Rows[i].Withheld, plain.Rows[i].Persons = truth[i] < int64(t.Threshold), truth[i]
		}
		if control, _, err = plain.attack(int64(t.Threshold)-1, rows, r); err != nil {
			return nil, err
		}
		control[2] = Trial{} // a threshold alone says as much of every row
	}
	var out []Finding
	for k, name := range names {
		if main[k].Attempts == 0 {
			out = append(out, skipped(name, on, why[k]))
			continue
		}
		f := Finding{Attack: name, On: on, Main: main[k], Control: control[k], Certain: main[k].Attempts, Verdict: Tight}
		f.Risk = Estimate{f.Main.Rate(), f.Main.Wilson()}
		if f.Main.Successes > 0 {
			f.Verdict = Leaks
		}
		out = append(out, f)
	}
	return out, nil
}

// attack counts the withheld rows that come back under the threshold: by
// subtraction, by linear programme, and those that are bounded more narrowly
// than the threshold is wide. why says of an attack that was not run why not.
func (t ReleasedTable) attack(upTo int64, rows int, r Random) (out [3]Trial, why [3]Reason, err error) {
	if !slices.ContainsFunc(t.Rows, func(r ReleasedRow) bool { return r.Withheld }) {
		return out, [3]Reason{NothingHid, NothingHid, NothingHid}, nil
	}
	bounds, err := t.bound(upTo, rows, r)
	if errors.Is(err, errContradiction) {
		return out, [3]Reason{NoSums, NoSums, NoSums}, nil
	}
	if err != nil {
		return out, why, err
	}
	why = [3]Reason{Rounded, Unsolved, Unsolved}
	small := float64(t.Threshold)
	if t.Slack == 0 {
		known, err := Subtract(t)
		if err != nil {
			return out, why, err
		}
		for i, row := range t.Rows {
			if row.Withheld {
				n, ok := known[i]
				out[0].add(ok && n < int64(t.Threshold))
			}
		}
	}
	for _, b := range bounds {
		if !b.Solved {
			continue
		}
		out[1].add(b.High < small && math.Ceil(b.Low-1e-6) == math.Floor(b.High+1e-6))
		out[2].add(b.Low < small && b.High-b.Low < small-1e-6)
	}
	return out, why, nil
}
