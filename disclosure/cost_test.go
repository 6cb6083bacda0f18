package disclosure

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// numbered makes an additive table with the given sizes and counts.
func numbered(sizes []int, counts func() int64) Table {
	var t Table
	cells := [][]string{nil}
	for d, n := range sizes {
		var cats []string
		var next [][]string
		for i := range n {
			cats = append(cats, fmt.Sprintf("%c%02d", 'a'+d, i))
		}
		for _, c := range cells {
			for _, k := range cats {
				next = append(next, append(slices.Clone(c), k))
			}
		}
		t.Dimensions = append(t.Dimensions, Dimension{Name: fmt.Sprintf("d%d", d), Categories: cats, Additive: true})
		cells = next
	}
	for _, c := range cells {
		t.Cells = append(t.Cells, Cell{Keys: c, Persons: counts()})
	}
	return t
}

// small returns what a threshold of 11 protects.
func small(l *lattice) []target {
	targets, _ := l.sensitiveCounts(Rule{Threshold: 11})
	return targets
}

// TestCostAgainstOptimum compares what is lost with the least that could be, by
// trying every set of rows to withhold on tiny tables.
func TestCostAgainstOptimum(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var lost, least int64
	var rows, leastRows, tables, exact int
	for k := range 100 {
		sizes := [][]int{{6}, {2, 3}, {3, 3}, {2, 2, 2}, {3, 4}}[k%5]
		l, err := countLattice(numbered(sizes, func() int64 {
			if rng.IntN(4) == 0 {
				return rng.Int64N(11)
			}
			return 5 + rng.Int64N(90)
		}))
		if err != nil {
			t.Fatal(err)
		}
		p := chosen(l, small(l))
		if len(p.targets) == 0 {
			continue
		}
		best, bestRows := optimum(l, p.loss())
		tables++
		lost += p.loss()
		rows += len(p.secondary())
		least += best
		leastRows += bestRows
		if best == p.loss() {
			exact++
		}
	}
	ratio := float64(lost) / float64(least)
	t.Logf("%d tables: cost %.3f of the optimum, %d rows withheld to protect others where the cheapest choice takes %d; %d tables at the optimum", tables, ratio, rows, leastRows, exact)
	if tables < 30 || leastRows < tables || ratio > 1.2 {
		t.Errorf("cost %.3f of the optimum over %d tables, want at most 1.2 over 30", ratio, tables)
	}
}

// optimum returns the least cost of a set of secondary rows that protects all
// primary ones, at most limit, and its size.
func optimum(l *lattice, limit int64) (int64, int) {
	p := newPlan(l, small(l))
	var free []int
	for row, w := range p.withheld {
		if !w {
			free = append(free, row)
		}
	}
	type choice struct {
		set  uint32
		cost int64
	}
	var choices []choice
	slices.SortFunc(free, func(a, b int) int { return int(p.cost[a] - p.cost[b]) })
	var grow func(from int, set uint32, cost int64)
	grow = func(from int, set uint32, cost int64) {
		choices = append(choices, choice{set, cost})
		for b := from; b < len(free) && cost+p.cost[free[b]] <= limit; b++ {
			grow(b+1, set|1<<b, cost+p.cost[free[b]])
		}
	}
	grow(0, 0, 0)
	slices.SortFunc(choices, func(a, b choice) int { return int(a.cost - b.cost) })
	for _, c := range choices {
		for b, row := range free {
			p.withheld[row] = c.set>>b&1 == 1
		}
		if p.audit() {
			return c.cost, bits.OnesCount32(c.set)
		}
	}
	return limit, 0
}

// TestAuditRefuses breaks a good plan in each way and expects the audit to
// notice: it is the last thing between a table and the world.
func TestAuditRefuses(t *testing.T) {
	l, err := countLattice(Table{
		Dimensions: []Dimension{{Name: "sex", Categories: []string{"f", "m"}, Additive: true}, {Name: "age", Categories: []string{"a", "b", "c"}, Additive: true}},
		Cells: []Cell{
			{Keys: []string{"f", "a"}, Persons: 5}, {Keys: []string{"f", "b"}, Persons: 60}, {Keys: []string{"f", "c"}, Persons: 70},
			{Keys: []string{"m", "a"}, Persons: 60}, {Keys: []string{"m", "b"}, Persons: 70}, {Keys: []string{"m", "c"}, Persons: 600},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	good := chosen(l, small(l))
	if !good.audit() {
		t.Fatal("a good plan fails the audit")
	}
	for row := range l.n {
		if !good.withheld[row] {
			continue
		}
		good.withheld[row] = false
		if good.audit() {
			t.Errorf("the audit passes with %s published", l.label(row))
		}
		good.withheld[row] = true
	}
	m := good.movers[0]
	row := func(keys ...string) int {
		r, err := l.row(keys)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	square := map[int]int64{row("f", "a"): 1, row("f", "b"): -1, row("m", "a"): -1, row("m", "b"): 1}
	for name, change := range map[string]func(z map[int]int64){
		"as it should be":   func(map[int]int64) {},
		"a sum broken":      func(z map[int]int64) { z[row("f", "a")]++ },
		"a published row":   func(z map[int]int64) { z[row("f", "c")] = 1; z[row("f", "b")]-- },
		"a negative number": func(z map[int]int64) { clear(z); addTo(z, square, -6) },
	} {
		z := map[int]int64{}
		addTo(z, square, 1)
		change(z)
		m.reset()
		for r, x := range z {
			m.shift(r, x)
		}
		if got, want := m.possible(), name == "as it should be"; got != want {
			t.Errorf("%s: possible is %t", name, got)
		}
	}
	m.reset()
}

// addTo adds k times each value of square to z.
func addTo(z, square map[int]int64, k int64) {
	for r, x := range square {
		z[r] += k * x
	}
}

// BenchmarkClear clears tables of the size that people ask for.
func BenchmarkClear(b *testing.B) {
	for _, sizes := range [][]int{{8, 8}, {2, 10, 10}, {3, 20, 20}, {100, 20}} {
		b.Run(fmt.Sprint(sizes), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			t := numbered(sizes, func() int64 { return int64(rng.ExpFloat64() * 60) })
			for b.Loop() {
				if _, _, err := Clear(t, Rule{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkClearOverlapping clears a table like that of a real cohort, of 462
// rows: sex, ten age groups and thirteen years, where persons are observed in
// several years.
func BenchmarkClearOverlapping(b *testing.B) {
	for _, persons := range []int{5_000, 12_000, 50_000} {
		b.Run(fmt.Sprint(persons), func(b *testing.B) {
			t := overlapping(persons)
			for b.Loop() {
				_, d, err := Clear(t, Rule{})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(d.Published), "published")
				b.ReportMetric(float64(d.Primary), "primary")
				b.ReportMetric(float64(d.Secondary), "secondary")
			}
		})
	}
}

// overlapping follows persons over the years and counts a tenth of them.
func overlapping(persons int) Table {
	rng := rand.New(rand.NewPCG(3, 4))
	t := numbered([]int{2, 10, 13}, func() int64 { return 0 })
	t.HasPopulation = true
	t.Dimensions[1].Additive, t.Dimensions[2].Additive = false, false
	rows := map[string]*Cell{}
	for range persons {
		sex, birth, first := rng.IntN(2), rng.IntN(87), rng.IntN(13)
		counted := -1
		if rng.IntN(10) == 0 {
			counted = first + rng.IntN(13-first)
		}
		population, cohort := map[string]bool{}, map[string]bool{}
		for year := first; year < min(13, first+1+rng.IntN(8)); year++ {
			age := (birth + year) / 10
			for mask := range 8 {
				keys := []string{t.Dimensions[0].Categories[sex], t.Dimensions[1].Categories[age], t.Dimensions[2].Categories[year]}
				for d := range keys {
					if mask>>d&1 == 1 {
						keys[d] = Total
					}
				}
				k := fmt.Sprint(keys)
				if rows[k] == nil {
					rows[k] = &Cell{Keys: keys}
				}
				if !population[k] {
					population[k] = true
					rows[k].Population++
				}
				if year == counted && !cohort[k] {
					cohort[k] = true
					rows[k].Persons++
				}
			}
		}
	}
	t.Cells = nil
	for _, c := range rows {
		t.Cells = append(t.Cells, *c)
	}
	return t
}

// BenchmarkClearHierarchy clears sex by area: 500 communes in 25 departments in
// 5 regions, half of them small.
func BenchmarkClearHierarchy(b *testing.B) {
	rng := rand.New(rand.NewPCG(6, 7))
	t := numbered([]int{500, 2}, func() int64 { return int64(rng.ExpFloat64() * 20) })
	area := &t.Dimensions[0]
	area.Parents = map[string]string{}
	for i, c := range area.Categories {
		area.Parents[c] = fmt.Sprintf("department %d", i/20)
	}
	for i := range 25 {
		area.Parents[fmt.Sprintf("department %d", i)] = fmt.Sprintf("region %d", i/5)
		area.Categories = append(area.Categories, fmt.Sprintf("department %d", i))
	}
	for i := range 5 {
		area.Categories = append(area.Categories, fmt.Sprintf("region %d", i))
	}
	for b.Loop() {
		_, d, err := Clear(t, Rule{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(d.Published), "published")
		b.ReportMetric(float64(d.Primary), "primary")
		b.ReportMetric(float64(d.Secondary), "secondary")
	}
}
