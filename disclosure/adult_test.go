package disclosure

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien/refdata"
)

// adult reads the table of privacy-adult: its column names and its records.
func adult(t testing.TB) ([]string, [][]string) {
	t.Helper()
	f, err := os.Open(filepath.Join(refdata.Dir(t, "privacy-adult"), "adult.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for s := bufio.NewScanner(z); s.Scan(); {
		rows = append(rows, strings.Split(strings.TrimSpace(s.Text()), ";"))
	}
	if len(rows) != 30_163 {
		t.Fatalf("%d lines", len(rows))
	}
	return rows[0], rows[1:]
}

// cross counts records by two columns.
func cross(names []string, rows [][]string, a, b int) Table {
	var t Table
	for _, d := range []int{a, b} {
		seen := map[string]bool{}
		for _, r := range rows {
			seen[r[d]] = true
		}
		dim := Dimension{Name: names[d], Additive: true}
		for k := range seen {
			dim.Categories = append(dim.Categories, k)
		}
		slices.Sort(dim.Categories)
		t.Dimensions = append(t.Dimensions, dim)
	}
	counts := map[[2]string]int64{}
	for _, r := range rows {
		counts[[2]string{r[a], r[b]}]++
	}
	for k, n := range counts {
		t.Cells = append(t.Cells, Cell{Keys: []string{k[0], k[1]}, Persons: n})
	}
	return t
}

// subtract computes what it can of the withheld cells of a table of two
// dimensions, as anyone with a pencil does: a line with one withheld cell gives
// it away, which may leave another line with one. It returns how many.
func subtract(rows, cols int, withheld []bool) int {
	w := slices.Clone(withheld)
	recovered := 0
	for again := true; again; {
		again = false
		line := func(n int, cell func(k int) int) {
			alone := -1
			for k := range n {
				if c := cell(k); w[c] {
					if alone >= 0 {
						return
					}
					alone = c
				}
			}
			if alone >= 0 {
				w[alone] = false
				recovered++
				again = true
			}
		}
		for i := range rows {
			line(cols, func(j int) int { return i*cols + j })
		}
		for j := range cols {
			line(rows, func(i int) int { return i*cols + j })
		}
	}
	return recovered
}

// TestAdult clears all tables of two of the nine columns of privacy-adult. The
// control is what its README states of a threshold alone: counts of 1 to 10
// withheld, zeros and margins shown, which concerns 31 of the 36 tables.
func TestAdult(t *testing.T) {
	names, records := adult(t)
	var tables, alone, lost int
	var cells, withheld, small, recovered, narrow int
	for a := range names {
		for b := range a {
			table := cross(names, records, b, a)
			l, err := countLattice(table)
			if err != nil {
				t.Fatal(err)
			}
			w := make([]bool, l.n)
			n := 0
			for row, p := range l.persons {
				if w[row] = l.height[row] == 0 && 0 < p && p < 11; w[row] {
					n++
				}
			}
			if n > 0 {
				tables++
			}
			alone += n
			lost += subtract(l.size[0], l.size[1], w)

			c, _, err := Clear(table, Rule{Threshold: 11})
			if err != nil {
				t.Fatal(err)
			}
			e := newExact(l, 11)
			clear(e.withheld)
			for _, x := range c.Cells() {
				row, err := l.row(x.Keys)
				if err != nil {
					t.Fatal(err)
				}
				cells++
				if x.Withheld {
					e.withheld[row] = true
					withheld++
				} else if x.Persons != l.persons[row] || x.Persons < 11 {
					t.Fatalf("%s is shown wrongly", l.label(row))
				}
			}
			recovered += subtract(l.size[0], l.size[1], e.withheld)
			for _, row := range e.small {
				if !e.withheld[row] {
					t.Fatalf("%s is small and shown", l.label(row))
				}
				small++
				up, _ := e.flow(row, 1)
				if up < 11 {
					down, _ := e.flow(row, -1)
					up += down
				}
				if up < 11 {
					narrow++
				}
			}
		}
	}
	t.Logf("a threshold alone: %d cells withheld in %d tables, %d computed by subtraction", alone, tables, lost)
	t.Logf("cleared: %d of %d cells withheld, %d of them small; %d computed by subtraction, %d bounded tighter than the threshold", withheld, cells, small, recovered, narrow)
	if alone != 3586 || tables != 31 || lost != 241 {
		t.Error("the control is not what the README of privacy-adult states: 3,586 cells in 31 tables, 241 computed")
	}
	if recovered != 0 || narrow != 0 {
		t.Error("something withheld is given away")
	}
}
