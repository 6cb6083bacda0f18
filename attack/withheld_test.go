package attack_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"galien/attack"
	"galien/disclosure"
)

// twoWay counts two columns of the Adult table with their margins.
func (a adult) twoWay(x, y int) disclosure.Table {
	count := map[[2]string]int64{}
	var categories [2][]string
	for _, row := range a.rows {
		for d, c := range []int{x, y} {
			if !slices.Contains(categories[d], row[c]) {
				categories[d] = append(categories[d], row[c])
			}
		}
		for _, keys := range [][2]string{{row[x], row[y]}, {row[x], attack.Total}, {attack.Total, row[y]}, {attack.Total, attack.Total}} {
			count[keys]++
		}
	}
	t := disclosure.Table{Dimensions: []disclosure.Dimension{
		{Name: "a", Categories: categories[0], Additive: true}, {Name: "b", Categories: categories[1], Additive: true}}}
	for _, r := range append(slices.Clone(categories[0]), attack.Total) {
		for _, c := range append(slices.Clone(categories[1]), attack.Total) {
			t.Cells = append(t.Cells, disclosure.Cell{Keys: []string{r, c}, Persons: count[[2]string{r, c}]})
		}
	}
	return t
}

// Of 3,586 cells that a threshold of 11 withholds in the 31 two-way tables of
// Adult that have any, 241 come back by subtraction, as the README of the
// reference data says. (It counts an empty cell as shown.) Of what disclosure
// control clears none does.
func TestSubtractionAdult(t *testing.T) {
	a := readAdult(t)
	tables, withheld, back := 0, 0, 0
	clearedTables, clearedBack, clearedWithheld := 0, 0, 0
	for x := range a.header {
		for y := range x {
			table := a.twoWay(y, x)
			plain := attack.ReleasedTable{Dimensions: []string{"a", "b"}, Additive: []bool{true, true}, Threshold: 11}
			n := 0
			for _, c := range table.Cells {
				hidden := 0 < c.Persons && c.Persons < 11 && !slices.Contains(c.Keys, attack.Total)
				if hidden {
					n++
				}
				plain.Rows = append(plain.Rows, attack.ReleasedRow{Keys: c.Keys, Withheld: hidden, Persons: c.Persons})
			}
			if n == 0 {
				continue
			}
			tables++
			withheld += n
			known, err := attack.Subtract(plain)
			if err != nil {
				t.Fatal(err)
			}
			for i, value := range known {
				if value != plain.Rows[i].Persons {
					t.Fatalf("subtraction gives %d for %v, truly %d", value, plain.Rows[i].Keys, plain.Rows[i].Persons)
				}
			}
			back += len(known)
			if len(table.Cells) > 110 {
				continue // clearing the large ones takes minutes
			}
			c, _, err := disclosure.Clear(table, disclosure.Rule{Threshold: 11})
			if err != nil {
				t.Fatal(err)
			}
			cleared := attack.ReleasedTable{Dimensions: []string{"a", "b"}, Additive: []bool{true, true}, Threshold: 11}
			for _, row := range c.Cells() {
				cleared.Rows = append(cleared.Rows, attack.ReleasedRow{Keys: row.Keys, Withheld: row.Withheld, Persons: row.Persons})
				if row.Withheld {
					clearedWithheld++
				}
			}
			if known, err = attack.Subtract(cleared); err != nil {
				t.Fatal(err)
			}
			clearedTables++
			for _, n := range known {
				if n < 11 {
					clearedBack++
				}
			}
		}
	}
	t.Logf("threshold alone: %d of %d cells come back in %d tables; cleared: %d of %d rows in %d tables", back, withheld, tables, clearedBack, clearedWithheld, clearedTables)
	if tables != 31 || withheld != 3586 || back != 241 {
		t.Errorf("%d of %d cells come back in %d tables, published 241 of 3,586 in 31", back, withheld, tables)
	}
	if clearedBack != 0 {
		t.Errorf("%d withheld numbers of cleared tables come back", clearedBack)
	}
}

// The bounds are those found by trying every table of whole numbers.
func TestBoundsAgainstEnumeration(t *testing.T) {
	r := seeded(31)
	compared, unsolved := 0, 0
	for range 40 {
		n := [2]int{2, 2 + r.IntN(2)}
		table := attack.ReleasedTable{Dimensions: []string{"a", "b"}, Additive: []bool{true, true}, Threshold: 5}
		value := make([][]int64, n[0]+1)
		for i := range value {
			value[i] = make([]int64, n[1]+1)
		}
		for i := range n[0] {
			for j := range n[1] {
				k := int64(r.IntN(6))
				for _, at := range [][2]int{{i, j}, {n[0], j}, {i, n[1]}, {n[0], n[1]}} {
					value[at[0]][at[1]] += k
				}
			}
		}
		key := func(i, of int) string {
			if i == of {
				return attack.Total
			}
			return fmt.Sprint("c", i)
		}
		hidden := map[[2]int]bool{}
		var free [][2]int
		for i := range n[0] + 1 {
			for j := range n[1] + 1 {
				hide := i < n[0] && j < n[1] && r.IntN(3) > 0
				if hide {
					hidden[[2]int{i, j}] = true
					free = append(free, [2]int{i, j})
				}
				table.Rows = append(table.Rows, attack.ReleasedRow{Keys: []string{key(i, n[0]), key(j, n[1])}, Withheld: hide, Persons: value[i][j]})
			}
		}
		low, high := map[[2]int]int64{}, map[[2]int]int64{}
		guess := map[[2]int]int64{}
		var try func(k int)
		try = func(k int) {
			if k < len(free) {
				for guess[free[k]] = 0; guess[free[k]] <= min(value[free[k][0]][n[1]], value[n[0]][free[k][1]]); guess[free[k]]++ {
					try(k + 1)
				}
				return
			}
			for i := range n[0] + 1 { // do the sums agree?
				for j := range n[1] + 1 {
					if i < n[0] && j < n[1] || i == n[0] && j == n[1] {
						continue
					}
					sum := int64(0)
					for x := range n[0] {
						for y := range n[1] {
							if (i == n[0] || x == i) && (j == n[1] || y == j) {
								if at := [2]int{x, y}; hidden[at] {
									sum += guess[at]
								} else {
									sum += value[x][y]
								}
							}
						}
					}
					if sum != value[i][j] {
						return
					}
				}
			}
			for _, at := range free {
				if old, seen := low[at]; !seen || guess[at] < old {
					low[at] = guess[at]
				}
				high[at] = max(high[at], guess[at])
			}
		}
		try(0)
		bounds, err := attack.Bound(table, -1, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range bounds {
			at := [2]int{b.Row / (n[1] + 1), b.Row % (n[1] + 1)}
			if !b.Solved {
				unsolved++
				continue
			}
			compared++
			if math.Abs(b.Low-float64(low[at])) > 1e-6 || math.Abs(b.High-float64(high[at])) > 1e-6 {
				t.Fatalf("row %v: %g to %g, by enumeration %d to %d", table.Rows[b.Row].Keys, b.Low, b.High, low[at], high[at])
			}
		}
	}
	t.Logf("%d bounds compared, %d not solved", compared, unsolved)
	if compared < 100 || unsolved > compared/20 {
		t.Errorf("%d bounds compared, %d not solved", compared, unsolved)
	}
}

// Worked by hand: in years, of which a person may be in several, the total lies
// between the largest year and their sum, and a year is at most the total.
func TestBoundsOfOverlapping(t *testing.T) {
	bounds := func(year1, year2, total int64, hidden int) attack.Bounds {
		t.Helper()
		table := attack.ReleasedTable{Dimensions: []string{"year"}, Additive: []bool{false}, Threshold: 11}
		for i, n := range []int64{year1, year2, total} {
			table.Rows = append(table.Rows, attack.ReleasedRow{Keys: []string{[]string{"2020", "2021", attack.Total}[i]}, Withheld: i == hidden, Persons: n})
		}
		all, err := attack.Bound(table, -1, seeded(1))
		if err != nil || len(all) != 1 || !all[0].Solved {
			t.Fatalf("%v, %v", all, err)
		}
		return all[0]
	}
	for _, c := range []struct {
		year1, year2, total int64
		hidden              int
		low, high           float64
	}{{0, 30, 40, 0, 10, 40}, {30, 0, 30, 1, 0, 30}, {30, 20, 0, 2, 30, 50}} {
		if b := bounds(c.year1, c.year2, c.total, c.hidden); math.Abs(b.Low-c.low) > 1e-9 || math.Abs(b.High-c.high) > 1e-9 {
			t.Errorf("%+v: %g to %g", c, b.Low, b.High)
		}
	}
}

// A withheld number that comes back and is not small gives nobody away.
func TestLargeNumbersAreNoLeak(t *testing.T) {
	table := attack.ReleasedTable{Dimensions: []string{"sex"}, Additive: []bool{true}, Threshold: 11, Rows: []attack.ReleasedRow{
		{Keys: []string{"f"}, Withheld: true}, {Keys: []string{"m"}, Persons: 30}, {Keys: []string{attack.Total}, Persons: 50}}}
	r, err := attack.OnRelease(table, nil, seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if f.Main != (attack.Trial{Attempts: 1}) || f.Verdict != attack.Tight {
			t.Errorf("%+v", f)
		}
	}
}

// A table with one withheld row in a line leaks; with what disclosure control
// clears it does not; and the control says what a threshold alone would leak.
func TestOnRelease(t *testing.T) {
	truth := map[string]int64{"f/a": 5, "f/b": 60, "f/c": 70, "m/a": 60, "m/b": 70, "m/c": 600}
	in := disclosure.Table{Dimensions: []disclosure.Dimension{
		{Name: "sex", Categories: []string{"f", "m"}, Additive: true}, {Name: "kind", Categories: []string{"a", "b", "c"}, Additive: true}}}
	for _, s := range []string{"f", "m"} {
		for _, k := range []string{"a", "b", "c"} {
			in.Cells = append(in.Cells, disclosure.Cell{Keys: []string{s, k}, Persons: truth[s+"/"+k]})
		}
	}
	c, _, err := disclosure.Clear(in, disclosure.Rule{Threshold: 11})
	if err != nil {
		t.Fatal(err)
	}
	cleared := attack.ReleasedTable{Dimensions: []string{"sex", "kind"}, Additive: []bool{true, true}, Threshold: 11}
	bad := cleared
	var counts []int64
	for _, row := range c.Cells() {
		n := int64(0)
		for k, v := range truth {
			if (row.Keys[0] == attack.Total || row.Keys[0] == k[:1]) && (row.Keys[1] == attack.Total || row.Keys[1] == k[2:]) {
				n += v
			}
		}
		counts = append(counts, n)
		cleared.Rows = append(cleared.Rows, attack.ReleasedRow{Keys: row.Keys, Withheld: row.Withheld, Persons: row.Persons})
		bad.Rows = append(bad.Rows, attack.ReleasedRow{Keys: row.Keys, Withheld: n < 11, Persons: n})
	}
	good, err := attack.OnRelease(cleared, counts, seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range good.Findings {
		if f.Main.Successes != 0 || f.Verdict != attack.Tight || f.Attack != attack.NarrowName && f.Control != (attack.Trial{Attempts: 1, Successes: 1}) {
			t.Errorf("cleared: %+v", f)
		}
	}
	leak, err := attack.OnRelease(bad, nil, seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range leak.Findings {
		if f.Main != (attack.Trial{Attempts: 1, Successes: 1}) || f.Verdict != attack.Leaks {
			t.Errorf("threshold alone: %+v", f)
		}
	}
}

// rounded is a table of sexes whose numbers were rounded to five, of which one
// row is withheld.
func rounded(f, total int64) attack.ReleasedTable {
	return attack.ReleasedTable{Dimensions: []string{"sex"}, Additive: []bool{true}, Threshold: 11, Slack: 2, Rows: []attack.ReleasedRow{
		{Keys: []string{"f"}, Persons: f}, {Keys: []string{"m"}, Withheld: true}, {Keys: []string{attack.Total}, Persons: total}}}
}

// Worked by hand: rounded to five, 40 is 38 to 42 and 45 is 43 to 47, so that the
// row between them is 1 to 9, which is narrower than 11; 60 is 58 to 62, and with
// 40 it leaves 16 to 24, which is no small number.
func TestRounded(t *testing.T) {
	for _, c := range []struct {
		f, total  int64
		low, high float64
		narrow    int
	}{{40, 45, 1, 9, 1}, {40, 60, 16, 24, 0}, {40, 40, 0, 4, 1}} {
		table := rounded(c.f, c.total)
		b, err := attack.Bound(table, -1, seeded(1))
		if err != nil || len(b) != 1 || !b[0].Solved || math.Abs(b[0].Low-c.low) > 1e-6 || math.Abs(b[0].High-c.high) > 1e-6 {
			t.Errorf("%d of %d: %+v, %v; want %g to %g", c.f, c.total, b, err, c.low, c.high)
		}
		r, err := attack.OnRelease(table, nil, seeded(1))
		if err != nil {
			t.Fatal(err)
		}
		if f := r.Findings; f[0].Skipped != attack.Rounded || f[1].Main != (attack.Trial{Attempts: 1}) || f[2].Main != (attack.Trial{Attempts: 1, Successes: c.narrow}) || r.Leaks() != (c.narrow > 0) {
			t.Errorf("%d of %d: %+v", c.f, c.total, f)
		}
	}
	// 15 is the least that disclosure control shows to base 5: 11 to 17. With 35 (33 to
	// 37) as the total the rest is 16 to 26, where 13 to 17 would leave 16 to 24.
	b, err := attack.Bound(rounded(15, 35), -1, seeded(1))
	if err != nil || math.Abs(b[0].Low-16) > 1e-6 || math.Abs(b[0].High-26) > 1e-6 {
		t.Errorf("beside the least number: %+v, %v", b, err)
	}
	// A total that is ten less than its part, when both are known to within two.
	r, err := attack.OnRelease(rounded(50, 40), nil, seeded(1))
	if err != nil || r.Findings[1].Skipped != attack.NoSums || r.Leaks() {
		t.Errorf("no such table: %+v, %v", r.Findings, err)
	}
}

// Where an earlier number stands beside new ones nothing adds up, and no attack
// says anything.
func TestNumbersOfTwoSnapshots(t *testing.T) {
	table := attack.ReleasedTable{Dimensions: []string{"sex"}, Additive: []bool{true}, Threshold: 11, Rows: []attack.ReleasedRow{
		{Keys: []string{"f"}, Persons: 53}, {Keys: []string{"m"}, Withheld: true}, {Keys: []string{attack.Total}, Persons: 50}}}
	r, err := attack.OnRelease(table, nil, seeded(1))
	if err != nil || len(r.Findings) != 3 || r.Leaks() {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, f := range r.Findings {
		if f.Verdict != attack.NotTried || f.Skipped != attack.NoSums {
			t.Errorf("%+v", f)
		}
	}
}

// Each table of a group is attacked alone, and what is not read is named.
func TestOnGroup(t *testing.T) {
	row := func(key string, n int64) attack.ReleasedRow {
		return attack.ReleasedRow{Keys: []string{key}, Persons: n, Withheld: n < 0}
	}
	table := func(on string, f, m, total int64) attack.OutputTable {
		return attack.OutputTable{On: on, ReleasedTable: attack.ReleasedTable{Dimensions: []string{"sex"}, Additive: []bool{true}, Threshold: 11,
			Rows: []attack.ReleasedRow{row("f", f), row("m", m), row(attack.Total, total)}}}
	}
	// 60 - 55 is five men; 60 - 30 is no small number; nothing is withheld.
	r, err := attack.OnGroup([]attack.OutputTable{table("a.csv", 55, -1, 60), table("b.csv", 30, -1, 60), table("c.csv", 30, 30, 60)}, []string{"model.csv"}, 11, seeded(1))
	if err != nil || r.Kind != attack.Reviewed || !r.Leaks() || len(r.Findings) != 10 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, want := range []attack.Verdict{attack.Leaks, attack.Leaks, attack.Leaks, attack.Tight, attack.Tight, attack.Tight, attack.NotTried, attack.NotTried, attack.NotTried, attack.NotTried} {
		if f := r.Findings[i]; f.Verdict != want || f.On != []string{"a.csv", "b.csv", "c.csv", "model.csv"}[i/3] {
			t.Errorf("finding %d: %+v, want %s", i, f, want)
		}
	}
	if last := r.Findings[9]; last.Skipped != attack.Unread {
		t.Errorf("what is not read: %+v", last)
	}
}
