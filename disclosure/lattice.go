package disclosure

import (
	"slices"
	"strings"
	"unicode"

	"galien"
)

// maxRows bounds the rows of a table, margins included; a larger table is not
// one that a person can review.
const maxRows = 20_000

// maxDimensions bounds the ways a table is cut.
const maxDimensions = 6

// maxCount bounds every number of a table, so that no sum overflows.
const maxCount = int64(1) << 50

// lattice holds a table with all its margins. A row is an integer: the mixed
// radix of its nodes, one a dimension, of which the last is the total.
type lattice struct {
	trees  []*tree
	size   []int // nodes
	stride []int
	nodes  [][]int // by dimension and row
	n      int

	height     []int // by row: the levels of totals under it
	persons    []int64
	population []int64 // nil when there is none
	days       []int64 // nil when there are none
	sums       []Sum   // nil when nothing is summed; by row, without keys
	given      []bool
}

func (l *lattice) coord(row, d int) int { return l.nodes[d][row] }

// at returns row moved to node v of dimension d.
func (l *lattice) at(row, d, v int) int { return row + (v-l.coord(row, d))*l.stride[d] }

// parts lists the rows that row is the sum of along d; none where it is not
// divided.
func (l *lattice) parts(row, d int, yield func(part int) bool) bool {
	v := l.coord(row, d)
	for _, c := range l.trees[d].children[v] {
		if !yield(row + (c-v)*l.stride[d]) {
			return false
		}
	}
	return true
}

// whole returns the row that row is a part of along d.
func (l *lattice) whole(row, d int) (int, bool) {
	v := l.coord(row, d)
	p := l.trees[d].parent[v]
	return row + (p-v)*l.stride[d], p >= 0
}

// divided says whether row is the sum of others along d.
func (l *lattice) divided(row, d int) bool { return l.trees[d].divided(l.coord(row, d)) }

// newLattice checks the dimensions and makes an empty table of them.
func newLattice(ds []Dimension) (*lattice, error) {
	l := &lattice{n: 1}
	if len(ds) > maxDimensions {
		return nil, galien.Errorf(galien.Invalid, "table: more than %d dimensions", maxDimensions)
	}
	seen := map[string]bool{}
	for _, d := range ds {
		t, err := newTree(d)
		if err != nil {
			return nil, err
		}
		if seen[d.Name] {
			return nil, galien.Errorf(galien.Invalid, "table: dimension %q is given twice", d.Name)
		}
		seen[d.Name] = true
		l.trees = append(l.trees, t)
		l.size = append(l.size, len(t.parent))
		l.n *= len(t.parent)
		if l.n > maxRows {
			return nil, galien.Errorf(galien.Invalid, "table: more than %d rows with its margins; cut it by fewer dimensions or wider categories", maxRows)
		}
	}
	l.stride = make([]int, len(l.size))
	for s, d := 1, len(l.size)-1; d >= 0; d-- {
		l.stride[d] = s
		s *= l.size[d]
	}
	for d := range l.size {
		nodes := make([]int, l.n)
		for row := range nodes {
			nodes[row] = row / l.stride[d] % l.size[d]
		}
		l.nodes = append(l.nodes, nodes)
	}
	l.height = make([]int, l.n)
	for row := range l.n {
		for d, t := range l.trees {
			l.height[row] += t.height[l.coord(row, d)]
		}
	}
	l.persons = make([]int64, l.n)
	l.given = make([]bool, l.n)
	return l, nil
}

// countLattice takes the cells of t, completes the margins and checks that
// they agree.
func countLattice(t Table) (*lattice, error) {
	l, err := newLattice(t.Dimensions)
	if err != nil {
		return nil, err
	}
	if t.HasPopulation {
		l.population = make([]int64, l.n)
	}
	if t.HasPersonDays {
		l.days = make([]int64, l.n)
	}
	for i, c := range t.Cells {
		row, err := l.take(i, c.Keys)
		if err != nil {
			return nil, err
		}
		if min(c.Persons, c.Population, c.PersonDays) < 0 || max(c.Persons, c.Population, c.PersonDays) > maxCount {
			return nil, galien.Errorf(galien.Invalid, "table: cell %s has a negative or impossibly large number", l.label(row))
		}
		l.persons[row] = c.Persons
		if l.population != nil {
			if c.Population < c.Persons {
				return nil, galien.Errorf(galien.Invalid, "table: cell %s counts more persons than its population", l.label(row))
			}
			l.population[row] = c.Population
		}
		if l.days != nil {
			l.days[row] = c.PersonDays
		}
	}
	return l, l.complete()
}

// take returns the row of the cell at position i, once.
func (l *lattice) take(i int, keys []string) (int, error) {
	row, err := l.row(keys)
	if err != nil {
		return 0, galien.Errorf(galien.Invalid, "table: cell %d: %w", i+1, err)
	}
	if l.given[row] {
		return 0, galien.Errorf(galien.Invalid, "table: cell %s is given twice", l.label(row))
	}
	l.given[row] = true
	return row, nil
}

// complete fills in the margins that were not given, checks all of them and
// works out the frames.
func (l *lattice) complete() error {
	top := 0
	for _, h := range l.height {
		top = max(top, h)
	}
	for h := 1; h <= top; h++ {
		for row := range l.n {
			if l.height[row] == h && !l.given[row] {
				if err := l.derive(row); err != nil {
					return err
				}
			}
		}
	}
	if err := l.agree(); err != nil {
		return err
	}
	for d, t := range l.trees {
		size := make([]int64, l.size[d])
		for v := range size {
			size[v] = l.persons[l.at(l.n-1, d, v)]
		}
		t.weave(size, l.stride[d])
	}
	return nil
}

// derive fills a margin that was not given from the categories it totals.
func (l *lattice) derive(row int) error {
	along := -1
	for d := range l.size {
		if l.divided(row, d) && (along < 0 || l.trees[d].additive && !l.trees[along].additive) {
			along = d
		}
	}
	occupied := 0
	l.parts(row, along, func(part int) bool {
		l.persons[row] += l.persons[part]
		if l.population != nil {
			l.population[row] += l.population[part]
		}
		if l.days != nil {
			l.days[row] += l.days[part]
		}
		if l.sums != nil {
			l.sums[row].add(l.sums[part])
		}
		if l.persons[part] > 0 || l.population != nil && l.population[part] > 0 {
			occupied++
		}
		return true
	})
	if !l.trees[along].additive && occupied > 1 {
		return galien.Errorf(galien.Invalid,
			"table: the margin %s is not given, and a person may be in several categories of %q; give its count of distinct persons", l.label(row), l.trees[along].name)
	}
	return nil
}

// agree checks every margin against the categories it totals.
func (l *lattice) agree() error {
	for _, m := range []struct {
		values []int64
		sums   bool // of several categories of one person too
	}{{l.persons, false}, {l.population, false}, {l.amounts(), true}} {
		if m.values == nil {
			continue
		}
		for row := range l.n {
			for d, t := range l.trees {
				if !l.divided(row, d) {
					continue
				}
				var sum, most int64
				l.parts(row, d, func(part int) bool {
					sum += m.values[part]
					most = max(most, m.values[part])
					return true
				})
				if x := m.values[row]; (t.additive || m.sums) && x != sum || x < most || x > sum {
					return galien.Errorf(galien.Invalid, "table: the margin %s does not agree with the categories of %q", l.label(row), t.name)
				}
			}
		}
	}
	return nil
}

// row returns the row that keys name.
func (l *lattice) row(keys []string) (int, error) {
	if len(keys) != len(l.size) {
		return 0, galien.Errorf(galien.Invalid, "has %d keys for %d dimensions", len(keys), len(l.size))
	}
	row := 0
	for d, k := range keys {
		v, ok := l.trees[d].find(k)
		if !ok {
			return 0, galien.Errorf(galien.Invalid, "has a key that is no category of %q", l.trees[d].name)
		}
		row += v * l.stride[d]
	}
	return row, nil
}

// keys returns the keys of a row.
func (l *lattice) keys(row int) []string {
	out := make([]string, len(l.size))
	for d, t := range l.trees {
		out[d] = Total
		if v := l.coord(row, d); v < t.root() {
			out[d] = t.labels[v]
		}
	}
	return out
}

func (l *lattice) label(row int) string { return "(" + strings.Join(l.keys(row), ", ") + ")" }

// shown lists the rows in the order the caller gave the categories, totals
// last.
func (l *lattice) shown(ds []Dimension) []int {
	rows := []int{0}
	for d, dim := range ds {
		next := make([]int, 0, len(rows)*l.size[d])
		for _, r := range rows {
			for _, c := range append(slices.Clone(dim.Categories), Total) {
				v, _ := l.trees[d].find(c)
				next = append(next, r+v*l.stride[d])
			}
		}
		rows = next
	}
	return rows
}

// checkLabel refuses names that could not be shown safely in a file that leaves:
// empty, with a control character, or read as a formula by a spreadsheet.
func checkLabel(what, s string) error {
	switch {
	case s == "" || s == Total:
		return galien.Errorf(galien.Invalid, "table: a %s may not be empty or %q", what, Total)
	case strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsAny(s[:1], "=+-@"):
		return galien.Errorf(galien.Invalid, "table: a %s has a control character or starts with one of = + - @", what)
	}
	return nil
}
