package disclosure

import (
	"slices"

	"galien"
)

// Sum is one row of a table of sums: an amount that persons contribute to, such
// as costs in cents or days in hospital.
type Sum struct {
	// Keys holds one category for each dimension, or Total.
	Keys []string
	// Persons is the number of distinct persons who could contribute, those
	// who contribute nothing included.
	Persons int64
	// Amount is the sum of their contributions, none of which is negative.
	Amount int64
	// Largest holds the largest contributions of single persons, the largest
	// first: all there are, or at least as many as the rule looks at.
	Largest []int64
	// Same says that every person contributes the same, so that the mean is
	// the amount of each.
	Same bool
}

// Magnitude is a table of sums, with its margins. What is absent is as in
// Table; the amount of a margin is the sum of its categories in every
// dimension, its largest contributions are those of persons, who may contribute
// in several categories of a dimension that is not additive.
type Magnitude struct {
	Dimensions []Dimension
	Cells      []Sum
}

// ClearedSum is one row of a cleared table of sums. Its numbers are zero when
// it is withheld.
type ClearedSum struct {
	Keys     []string
	Withheld bool
	Persons  int64
	Amount   int64
}

// ClearMagnitude withholds what must not leave of m under r: rows of fewer
// persons than the threshold, rows that fail the (n,k) or the p % rule, rows
// where all persons contribute the same or nothing, and enough others that no
// count can be bounded as in Clear, and no withheld amount from above to less
// than what the rule would have let pass, nor to an interval narrower than
// twice that margin. (A. Hundepool and others, Handbook on Statistical
// Disclosure Control, ESSnet SDC 2010, chapter 4, magnitude tabular data; SACRO
// guide to statistical output checking, 2023, part II, linear aggregations.)
// It returns every row, in the order of Cleared.Cells.
func ClearMagnitude(m Magnitude, r Rule) ([]ClearedSum, Decision, error) {
	rule, err := r.Resolved()
	if err != nil {
		return nil, Decision{}, err
	}
	l, err := sumLattice(m, rule)
	if err != nil {
		return nil, Decision{}, err
	}
	targets, reasons := l.sensitiveSums(rule)
	outcome := suppress(l, targets)
	var cells []ClearedSum
	dec := Decision{Rule: rule}
	for _, at := range l.shown(m.Dimensions) {
		row := ClearedSum{Keys: l.keys(at), Withheld: outcome[at] != Published}
		if !row.Withheld {
			row.Persons, row.Amount = rule.Round(l.persons[at]), l.sums[at].Amount
		}
		cells = append(cells, row)
		dec.add(l.keys(at), outcome[at], reasons[at])
	}
	return cells, dec, nil
}

// sumLattice takes the cells of m, completes the margins and checks that they
// agree.
func sumLattice(m Magnitude, r Rule) (*lattice, error) {
	l, err := newLattice(m.Dimensions)
	if err != nil {
		return nil, err
	}
	l.sums = make([]Sum, l.n)
	for i, c := range m.Cells {
		row, err := l.take(i, c.Keys)
		if err != nil {
			return nil, err
		}
		if c.Persons < 0 || c.Persons > maxCount || c.Amount < 0 || c.Amount > maxCount/4 {
			return nil, galien.Errorf(galien.Invalid, "table: cell %s has a negative or impossibly large number; amounts are whole numbers of the smallest unit", l.label(row))
		}
		if err := c.check(r); err != nil {
			return nil, galien.Errorf(galien.Invalid, "table: cell %s %w", l.label(row), err)
		}
		l.persons[row] = c.Persons
		l.sums[row] = Sum{Persons: c.Persons, Amount: c.Amount, Largest: slices.Clone(c.Largest), Same: c.Same}
	}
	if err := l.complete(); err != nil {
		return nil, err
	}
	for row := range l.n {
		for d := range l.size {
			if !l.parts(row, d, func(part int) bool { return l.sums[part].first() <= l.sums[row].first() }) {
				return nil, galien.Errorf(galien.Invalid, "table: the margin %s has a smaller largest contribution than a category of %q", l.label(row), l.trees[d].name)
			}
		}
	}
	return l, nil
}

// first returns the largest contribution.
func (s Sum) first() int64 {
	if len(s.Largest) == 0 {
		return 0
	}
	return s.Largest[0]
}

// check says what is wrong with the largest contributions of a cell.
func (s Sum) check(r Rule) error {
	var sum, last int64 = 0, maxCount
	for _, x := range s.Largest {
		if x < 0 || x > last {
			return galien.Errorf(galien.Invalid, "has largest contributions that are negative or not in order")
		}
		sum, last = sum+x, x
	}
	n := int64(len(s.Largest))
	switch {
	case n > s.Persons:
		return galien.Errorf(galien.Invalid, "has more contributions than persons")
	case n < min(s.Persons, int64(max(r.DominanceN, 2))):
		return galien.Errorf(galien.Invalid, "needs its %d largest contributions, or all where there are fewer persons", max(r.DominanceN, 2))
	case sum > s.Amount || n == s.Persons && sum != s.Amount:
		return galien.Errorf(galien.Invalid, "has an amount that its largest contributions do not agree with")
	}
	return nil
}

// add merges another category into a margin; their persons are not the same.
func (s *Sum) add(o Sum) {
	s.Persons += o.Persons
	s.Amount += o.Amount
	s.Largest = append(s.Largest, o.Largest...)
	slices.SortFunc(s.Largest, func(a, b int64) int { return int(min(max(b-a, -1), 1)) })
	s.Largest = s.Largest[:min(len(s.Largest), 10)]
}

// amounts returns the amounts by row, or nil when nothing is summed.
func (l *lattice) amounts() []int64 {
	if l.sums == nil {
		return nil
	}
	out := make([]int64, l.n)
	for row, s := range l.sums {
		out[row] = s.Amount
	}
	return out
}

// lack returns by how much the amount is too small for what its largest
// contributors give: were it known only to be less than so much above the
// truth, the rule would hold. It is not positive where the rule holds.
func (s Sum) lack(r Rule) (dominance, p int64) {
	var top, one, two int64
	for i, x := range s.Largest {
		if i < r.DominanceN {
			top += x
		}
		switch i {
		case 0:
			one = x
		case 1:
			two = x
		}
	}
	k := int64(r.DominanceK)
	dominance = (top*100+k-1)/k - s.Amount
	p = (one*int64(r.P)+99)/100 - (s.Amount - one - two)
	return dominance, p
}

// sensitiveSums returns what is to be protected of a table of sums, and why.
func (l *lattice) sensitiveSums(r Rule) ([]target, []string) {
	reasons := make([]string, l.n)
	threshold := int64(r.Threshold)
	var counts, amounts []target
	for row, s := range l.sums {
		dominance, p := s.lack(r)
		switch {
		case l.persons[row] < threshold:
			reasons[row] = reasonSmall
		case s.Amount == 0 || s.Same:
			reasons[row] = reasonSame
		case dominance > 0:
			reasons[row] = reasonDominance
		case p > 0:
			reasons[row] = reasonP
		default:
			continue
		}
		if l.persons[row] < threshold {
			counts = append(counts, target{row: row, layer: layerPersons, span: threshold})
		}
		up := max(dominance, p, (s.first()*int64(r.P)+99)/100, 1)
		amounts = append(amounts, target{row: row, layer: layerOther, up: up, span: 2 * up})
	}
	return append(counts, amounts...), reasons
}
