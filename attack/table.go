package attack

import (
	"math"
	"slices"
	"strconv"

	"galien"
)

// Column is one attribute of the persons of a table.
type Column struct {
	Name string
	// Numeric columns hold numbers (a year, a day number): near values are
	// near, and borders can be asked about. Other columns hold categories.
	Numeric bool
}

// Table is persons, one a row, with their attributes. It does not change.
type Table struct {
	columns []Column
	// codes and numbers are by column, then row; a code is the place of the
	// value in words, in the order of first appearance.
	codes   [][]int32
	words   [][]string
	numbers [][]float64 // of numeric columns; missing is NaN's place: see missing
	ranges  []float64   // greatest less least number
	rows    int
}

// missing is what an empty text means: a value like any other, and as a number
// one below all.
const missing = -1e9

// NewTable makes a table of rows of texts. It fails with Invalid when a row has
// another number of values than there are columns, or a numeric column holds a
// text that is no number and not empty.
func NewTable(columns []Column, rows [][]string) (Table, error) {
	t := Table{columns: slices.Clone(columns), rows: len(rows), ranges: make([]float64, len(columns))}
	for c, column := range columns {
		codes := make([]int32, len(rows))
		var words []string
		place := map[string]int32{}
		var numbers []float64
		low, high := math.Inf(1), math.Inf(-1)
		for i, row := range rows {
			if len(row) != len(columns) {
				return Table{}, galien.Errorf(galien.Invalid, "table of persons: row %d has %d values, not %d", i+1, len(row), len(columns))
			}
			code, known := place[row[c]]
			if !known {
				code = int32(len(words))
				place[row[c]] = code
				words = append(words, row[c])
			}
			codes[i] = code
			if !column.Numeric {
				continue
			}
			x := float64(missing)
			if row[c] != "" {
				var err error
				if x, err = strconv.ParseFloat(row[c], 64); err != nil {
					return Table{}, galien.Errorf(galien.Invalid, "table of persons: row %d, column %s: not a number; take it as a category", i+1, column.Name)
				}
				low, high = min(low, x), max(high, x)
			}
			numbers = append(numbers, x)
		}
		t.codes, t.words, t.numbers = append(t.codes, codes), append(t.words, words), append(t.numbers, numbers)
		t.ranges[c] = max(0, high-low)
	}
	return t, nil
}

// Len returns the number of persons.
func (t Table) Len() int { return t.rows }

// Columns returns the attributes.
func (t Table) Columns() []Column { return slices.Clone(t.columns) }

// Find returns the places of columns by name. It fails with NotFound for a name
// that the table does not have.
func (t Table) Find(names ...string) ([]int, error) {
	var at []int
	for _, name := range names {
		i := slices.IndexFunc(t.columns, func(c Column) bool { return c.Name == name })
		if i < 0 {
			return nil, galien.Errorf(galien.NotFound, "the table of persons has no column %q", name)
		}
		at = append(at, i)
	}
	return at, nil
}

// Value returns a person's value of a column.
func (t Table) Value(row, column int) string { return t.words[column][t.codes[column][row]] }

// key joins a row's codes of some columns.
func (t Table) key(row int, columns []int) string {
	b := make([]byte, 0, 4*len(columns))
	for _, c := range columns {
		k := t.codes[c][row]
		b = append(b, byte(k), byte(k>>8), byte(k>>16), byte(k>>24))
	}
	return string(b)
}

// classes groups some rows by their values of some columns.
func (t Table) classes(rows, columns []int) map[string][]int {
	m := map[string][]int{}
	for _, i := range rows {
		k := t.key(i, columns)
		m[k] = append(m[k], i)
	}
	return m
}

// distance is Gower's: one for each category that differs, and for numbers
// their difference as a share of the column's range.
func (t Table) distance(a, b int, columns []int) float64 {
	d := 0.0
	for _, c := range columns {
		switch {
		case t.codes[c][a] == t.codes[c][b]:
		case !t.columns[c].Numeric || t.ranges[c] == 0:
			d++
		default:
			d += min(1, max(t.numbers[c][a]-t.numbers[c][b], t.numbers[c][b]-t.numbers[c][a])/t.ranges[c])
		}
	}
	return d
}

// nearest finds, among indexed rows, all that are at the least distance from a
// row.
type nearest struct {
	t       Table
	rows    []int
	columns []int
	class   map[string][]int
}

func (t Table) nearest(rows, columns []int) nearest {
	return nearest{t, rows, columns, t.classes(rows, columns)}
}

func (n nearest) to(row int) []int {
	if same := n.class[n.t.key(row, n.columns)]; len(same) > 0 {
		return same
	}
	var best []int
	least := -1.0
	for _, i := range n.rows {
		switch d := n.t.distance(row, i, n.columns); {
		case least < 0 || d < least:
			least, best = d, append(best[:0], i)
		case d == least:
			best = append(best, i)
		}
	}
	return best
}

// most returns the commonest code of a column among rows; of equally common
// ones the first. It returns -1 for no rows.
func (t Table) most(rows []int, column int) int32 {
	count := make([]int, len(t.words[column]))
	best := int32(-1)
	for _, i := range rows {
		count[t.codes[column][i]]++
	}
	for code, n := range count {
		if n > 0 && (best < 0 || n > count[best]) {
			best = int32(code)
		}
	}
	return best
}
