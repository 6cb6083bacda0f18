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
// radix of its coordinates, where the last value of each dimension is the
// total. Categories are in order of their names, whatever order the caller
// gave, so that the order of the input never changes what is withheld.
type lattice struct {
	names  []string
	cats   [][]string
	size   []int // categories + 1
	stride []int
	n      int

	stars      []int // dimensions totalled, by row
	persons    []int64
	population []int64 // nil when there is none
	days       []int64 // nil when there are none
	additive   []bool
}

func (l *lattice) total(d int) int      { return l.size[d] - 1 }
func (l *lattice) coord(row, d int) int { return row / l.stride[d] % l.size[d] }

// at returns row moved to value v of dimension d.
func (l *lattice) at(row, d, v int) int { return row + (v-l.coord(row, d))*l.stride[d] }

// newLattice checks t and fills in its margins.
func newLattice(t Table) (*lattice, error) {
	l := &lattice{n: 1}
	if len(t.Dimensions) > maxDimensions {
		return nil, galien.Errorf(galien.Invalid, "table: more than %d dimensions", maxDimensions)
	}
	seen := map[string]bool{}
	for _, d := range t.Dimensions {
		if err := checkLabel("dimension", d.Name); err != nil {
			return nil, err
		}
		if seen[d.Name] {
			return nil, galien.Errorf(galien.Invalid, "table: dimension %q is given twice", d.Name)
		}
		seen[d.Name] = true
		cats := slices.Clone(d.Categories)
		slices.Sort(cats)
		if len(cats) == 0 {
			return nil, galien.Errorf(galien.Invalid, "table: dimension %q has no category", d.Name)
		}
		for i, c := range cats {
			if err := checkLabel("category", c); err != nil {
				return nil, err
			}
			if i > 0 && cats[i-1] == c {
				return nil, galien.Errorf(galien.Invalid, "table: dimension %q has category %q twice", d.Name, c)
			}
		}
		l.names = append(l.names, d.Name)
		l.cats = append(l.cats, cats)
		l.size = append(l.size, len(cats)+1)
		l.additive = append(l.additive, d.Additive)
		l.n *= len(cats) + 1
		if l.n > maxRows {
			return nil, galien.Errorf(galien.Invalid, "table: more than %d rows with its margins; cut it by fewer dimensions or wider categories", maxRows)
		}
	}
	l.stride = make([]int, len(l.size))
	for s, d := 1, len(l.size)-1; d >= 0; d-- {
		l.stride[d] = s
		s *= l.size[d]
	}
	l.stars = make([]int, l.n)
	for row := range l.n {
		for d := range l.size {
			if l.coord(row, d) == l.total(d) {
				l.stars[row]++
			}
		}
	}
	return l, l.fill(t)
}

// fill takes the cells of t, completes the margins and checks that they agree.
func (l *lattice) fill(t Table) error {
	l.persons = make([]int64, l.n)
	if t.HasPopulation {
		l.population = make([]int64, l.n)
	}
	if t.HasPersonDays {
		l.days = make([]int64, l.n)
	}
	given := make([]bool, l.n)
	for i, c := range t.Cells {
		row, err := l.row(c.Keys)
		if err != nil {
			return galien.Errorf(galien.Invalid, "table: cell %d: %w", i+1, err)
		}
		if given[row] {
			return galien.Errorf(galien.Invalid, "table: cell %s is given twice", l.label(row))
		}
		given[row] = true
		if min(c.Persons, c.Population, c.PersonDays) < 0 || max(c.Persons, c.Population, c.PersonDays) > maxCount {
			return galien.Errorf(galien.Invalid, "table: cell %s has a negative or impossibly large number", l.label(row))
		}
		l.persons[row] = c.Persons
		if l.population != nil {
			if c.Population < c.Persons {
				return galien.Errorf(galien.Invalid, "table: cell %s counts more persons than its population", l.label(row))
			}
			l.population[row] = c.Population
		}
		if l.days != nil {
			l.days[row] = c.PersonDays
		}
	}
	for s := 1; s <= len(l.size); s++ {
		for row := range l.n {
			if l.stars[row] == s && !given[row] {
				if err := l.derive(row); err != nil {
					return err
				}
			}
		}
	}
	return l.agree()
}

// derive fills a margin that was not given from the categories it totals.
func (l *lattice) derive(row int) error {
	along := -1
	for d := range l.size {
		if l.coord(row, d) == l.total(d) && (along < 0 || l.additive[d] && !l.additive[along]) {
			along = d
		}
	}
	occupied := 0
	for v := range l.total(along) {
		child := l.at(row, along, v)
		l.persons[row] += l.persons[child]
		if l.population != nil {
			l.population[row] += l.population[child]
		}
		if l.days != nil {
			l.days[row] += l.days[child]
		}
		if l.persons[child] > 0 || l.population != nil && l.population[child] > 0 {
			occupied++
		}
	}
	if !l.additive[along] && occupied > 1 {
		return galien.Errorf(galien.Invalid,
			"table: the margin %s is not given, and a person may be in several categories of %q; give its count of distinct persons", l.label(row), l.names[along])
	}
	return nil
}

// agree checks every margin against the categories it totals.
func (l *lattice) agree() error {
	for _, values := range [][]int64{l.persons, l.population} {
		if values == nil {
			continue
		}
		for row := range l.n {
			for d := range l.size {
				if l.coord(row, d) != l.total(d) {
					continue
				}
				var sum, most int64
				for v := range l.total(d) {
					x := values[l.at(row, d, v)]
					sum += x
					most = max(most, x)
				}
				if l.additive[d] && values[row] != sum || values[row] < most || values[row] > sum {
					return galien.Errorf(galien.Invalid, "table: the margin %s does not agree with the categories of %q", l.label(row), l.names[d])
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
		v := l.total(d)
		if k != Total {
			var ok bool
			if v, ok = slices.BinarySearch(l.cats[d], k); !ok {
				return 0, galien.Errorf(galien.Invalid, "has a key that is no category of %q", l.names[d])
			}
		}
		row += v * l.stride[d]
	}
	return row, nil
}

// keys returns the keys of a row.
func (l *lattice) keys(row int) []string {
	out := make([]string, len(l.size))
	for d := range l.size {
		out[d] = Total
		if v := l.coord(row, d); v < l.total(d) {
			out[d] = l.cats[d][v]
		}
	}
	return out
}

func (l *lattice) label(row int) string { return "(" + strings.Join(l.keys(row), ", ") + ")" }

// shown lists the rows in the order the caller gave the categories.
func (l *lattice) shown(ds []Dimension) []int {
	rows := []int{0}
	for d, dim := range ds {
		next := make([]int, 0, len(rows)*l.size[d])
		for _, r := range rows {
			for _, c := range dim.Categories {
				v, _ := slices.BinarySearch(l.cats[d], c)
				next = append(next, r+v*l.stride[d])
			}
			next = append(next, r+l.total(d)*l.stride[d])
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
