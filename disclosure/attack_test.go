package disclosure_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"galien/disclosure"
)

// world is a table made from persons, so that its margins are true counts of
// distinct persons.
type world struct {
	table disclosure.Table
	truth map[string]disclosure.Cell // by joined keys, every row
}

func join(keys []string) string { return strings.Join(keys, "/") }

// combos lists every combination of the given keys, one list a dimension.
func combos(lists [][]string) [][]string {
	out := [][]string{nil}
	for _, l := range lists {
		var next [][]string
		for _, o := range out {
			for _, k := range l {
				next = append(next, append(slices.Clone(o), k))
			}
		}
		out = next
	}
	return out
}

func covers(row, base []string) bool {
	for d, k := range row {
		if k != disclosure.Total && k != base[d] {
			return false
		}
	}
	return true
}

// drawWorld makes a random world. Groups of persons who share the cells they
// are in, and the cells they are counted in, are repeated up to scale times.
func drawWorld(t *rapid.T, sizes [][2]int, scale int, allAdditive bool) world {
	var w world
	w.table.HasPopulation = rapid.Bool().Draw(t, "population")
	var lists, withTotals [][]string
	for d, s := range sizes {
		n := rapid.IntRange(s[0], s[1]).Draw(t, "categories")
		cats := make([]string, n)
		for i := range cats {
			cats[i] = fmt.Sprintf("%c%d", 'a'+d, i)
		}
		additive := allAdditive || rapid.Bool().Draw(t, "additive")
		w.table.Dimensions = append(w.table.Dimensions, disclosure.Dimension{Name: fmt.Sprintf("d%d", d), Categories: cats, Additive: additive})
		lists = append(lists, cats)
		withTotals = append(withTotals, append(slices.Clone(cats), disclosure.Total))
	}
	type group struct {
		cells   [][]string
		counted []bool
		n       int64
	}
	var groups []group
	sparse := rapid.IntRange(0, 3).Draw(t, "sparse")
	for _, base := range combos(lists) {
		for range 2 {
			g := group{cells: [][]string{base}, n: int64(rapid.IntRange(0, scale).Draw(t, "persons"))}
			if sparse > 0 && rapid.IntRange(0, 3).Draw(t, "few") < sparse {
				g.n %= 4
			}
			if !allAdditive && rapid.IntRange(0, 2).Draw(t, "moves") == 0 {
				for range rapid.IntRange(1, 2).Draw(t, "more") {
					other := slices.Clone(base)
					for d, dim := range w.table.Dimensions {
						if !dim.Additive {
							other[d] = rapid.SampledFrom(lists[d]).Draw(t, "to")
						}
					}
					g.cells = append(g.cells, other)
				}
			}
			for range g.cells {
				g.counted = append(g.counted, !w.table.HasPopulation || rapid.IntRange(0, 3).Draw(t, "counted") > 0)
			}
			groups = append(groups, g)
		}
	}
	w.truth = map[string]disclosure.Cell{}
	for _, keys := range combos(withTotals) {
		c := disclosure.Cell{Keys: keys}
		for _, g := range groups {
			in, counted := false, false
			for i, base := range g.cells {
				if covers(keys, base) {
					in, counted = true, counted || g.counted[i]
				}
			}
			if in {
				c.Population += g.n
			}
			if counted {
				c.Persons += g.n
			}
		}
		w.table.Cells = append(w.table.Cells, c)
		w.truth[join(keys)] = c
	}
	return w
}

// attacker knows what is published, that counts are not negative, how margins
// relate to categories, and (when informed) by how much the categories of each
// line exceed their margin: for a cohort of first events that is zero.
type attacker struct {
	p        program
	persons  map[string]int // variable of a withheld row
	rest     map[string]int // population less persons
	cleared  disclosure.Cleared
	feasible bool
}

func newAttacker(w world, c disclosure.Cleared, informed bool) *attacker {
	a := &attacker{persons: map[string]int{}, rest: map[string]int{}, cleared: c}
	pub := map[string]disclosure.ClearedCell{}
	for _, x := range c.Cells() {
		k := join(x.Keys)
		if x.Withheld {
			a.persons[k] = a.p.variable()
			if c.HasPopulation() {
				a.rest[k] = a.p.variable()
			}
		} else {
			pub[k] = x
		}
	}
	// terms adds sign times the row's value to sum and returns what is known.
	terms := func(sum map[int]float64, keys []string, sign float64, population bool) float64 {
		k := join(keys)
		if x, ok := pub[k]; ok {
			if population {
				return sign * float64(x.Population)
			}
			return sign * float64(x.Persons)
		}
		sum[a.persons[k]] += sign
		if population {
			sum[a.rest[k]] += sign
		}
		return 0
	}
	measures := []bool{false}
	if c.HasPopulation() {
		measures = append(measures, true)
	}
	for _, x := range c.Cells() {
		for d, dim := range c.Dimensions() {
			if x.Keys[d] != disclosure.Total {
				continue
			}
			for _, population := range measures {
				value := func(k []string) float64 {
					if population {
						return float64(w.truth[join(k)].Population)
					}
					return float64(w.truth[join(k)].Persons)
				}
				sum := map[int]float64{}
				known := terms(sum, x.Keys, -1, population)
				excess := -value(x.Keys)
				for _, cat := range dim.Categories {
					keys := slices.Clone(x.Keys)
					keys[d] = cat
					known += terms(sum, keys, 1, population)
					excess += value(keys)
					if !dim.Additive {
						under := map[int]float64{}
						k := terms(under, keys, 1, population) + terms(under, x.Keys, -1, population)
						a.p.atMost(under, -k)
					}
				}
				if dim.Additive || informed {
					a.p.equal(sum, excess-known)
				} else {
					for v := range sum {
						sum[v] = -sum[v]
					}
					a.p.atMost(sum, known)
				}
			}
		}
	}
	a.feasible = a.p.start()
	return a
}

// score is what a series of attacks achieved.
type score struct {
	tables, rows, targets, determined, shownSmall, narrow int
	narrowest                                             float64
}

func (s *score) String() string {
	return fmt.Sprintf("%d tables, %d rows, %d protected numbers: %d determined, %d shown to be small, %d bounded tighter than the threshold (tightest interval %.2f times the threshold)",
		s.tables, s.rows, s.targets, s.determined, s.shownSmall, s.narrow, s.narrowest)
}

// attack bounds every withheld row and keeps the score.
func (a *attacker) attack(t *rapid.T, w world, threshold int, s *score) {
	if !a.feasible {
		t.Fatal("the attacker finds no table that agrees with what is published, yet the true one does")
	}
	s.tables++
	for _, x := range a.cleared.Cells() {
		s.rows++
		k := join(x.Keys)
		truth := w.truth[k]
		rest := truth.Population - truth.Persons
		if !x.Withheld {
			if truth.Persons != x.Persons || x.Persons < int64(threshold) {
				t.Fatalf("row %s shows a wrong or small number", k)
			}
			if a.cleared.HasPopulation() && (rest < int64(threshold) || x.Population != truth.Population) {
				t.Fatalf("row %s shows a wrong population or leaves a small rest", k)
			}
			continue
		}
		check := func(what string, value int64, sum map[int]float64) bool {
			lo, hi := a.p.between(sum)
			if float64(value) < lo-1e-4 || float64(value) > hi+1e-4 {
				t.Fatalf("row %s: the attack is wrong about %s: %g to %g, truly %d", k, what, lo, hi, value)
			}
			if value < int64(threshold) {
				s.targets++
				if hi < float64(threshold)-1e-4 {
					s.shownSmall++
				}
				s.narrowest = math.Min(s.narrowest, (hi-lo)/float64(threshold))
				if hi-lo < float64(threshold)-1e-4 {
					s.narrow++
					t.Fatalf("row %s: %s bounded to %g..%g under threshold %d", k, what, lo, hi, threshold)
				}
			}
			return hi-lo < 1e-4
		}
		known := check("persons", truth.Persons, map[int]float64{a.persons[k]: 1})
		if a.cleared.HasPopulation() {
			known = check("the rest", rest, map[int]float64{a.rest[k]: 1}) && known
		}
		if known {
			s.determined++
			t.Fatalf("row %s is determined", k)
		}
	}
}

var shapes = [][][2]int{
	{{2, 6}},
	{{2, 5}, {2, 5}},
	{{2, 4}, {2, 4}},
	{{2, 3}, {2, 3}, {2, 3}},
	{{5, 5}, {5, 5}, {3, 3}},
}

// TestAttack gives everything published to a linear programme, for random
// tables of one to three dimensions, and counts what it recovers.
func TestAttack(t *testing.T) {
	s := score{narrowest: math.Inf(1)}
	published, rows := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom(shapes[:4]).Draw(t, "shape")
		large := rapid.IntRange(0, 49).Draw(t, "large") == 0
		if large {
			shape = shapes[4]
		}
		w := drawWorld(t, shape, rapid.SampledFrom([]int{5, 20, 100, 1000}).Draw(t, "scale"), large || rapid.Bool().Draw(t, "additive table"))
		threshold := rapid.IntRange(2, 15).Draw(t, "threshold")
		c, d, err := disclosure.Clear(w.table, disclosure.Rule{Threshold: threshold})
		if err != nil {
			t.Fatal(err)
		}
		published += d.Published
		rows += len(d.Cells)
		newAttacker(w, c, rapid.Bool().Draw(t, "informed")).attack(t, w, threshold, &s)
	})
	t.Logf("attack by linear programme on %s; %d of %d rows published", &s, published, rows)
	if s.targets < 100 || published < 100 {
		t.Errorf("the tables were too easy: %d protected numbers, %d rows published", s.targets, published)
	}
}

// TestAttackFindsLeaks gives the same attack what a threshold alone would
// publish, to show that it can succeed.
func TestAttackFindsLeaks(t *testing.T) {
	table := disclosure.Table{Dimensions: []disclosure.Dimension{dim("sex", true, "f", "m"), dim("age", true, "a", "b", "c")}}
	truth := map[string]disclosure.Cell{}
	for k, n := range map[string]int64{"f/a": 5, "f/b": 60, "f/c": 70, "m/a": 60, "m/b": 70, "m/c": 600, "f/*": 135, "m/*": 730, "*/a": 65, "*/b": 130, "*/c": 670, "*/*": 865} {
		truth[k] = disclosure.Cell{Keys: strings.Split(k, "/"), Persons: n}
	}
	table.Cells = slices.Collect(maps.Values(truth))
	c, _ := mustClear(t, table, 11)
	w := world{table, truth}
	for _, tc := range []struct {
		only     []string
		lo, hi   float64
		whatever string
	}{
		{[]string{"f/a"}, 5, 5, "subtraction from either margin"},
		{[]string{"f/a", "f/b"}, 5, 5, "subtraction from the column"},
		{[]string{"f/a", "f/b", "m/a", "m/b"}, 0, 65, "nothing"},
	} {
		a := newAttacker(w, disclosure.Relabel(c, func(keys []string) bool { return slices.Contains(tc.only, join(keys)) }, truth), false)
		lo, hi := a.p.between(map[int]float64{a.persons["f/a"]: 1})
		if math.Abs(lo-tc.lo) > 1e-6 || math.Abs(hi-tc.hi) > 1e-6 {
			t.Errorf("with %v withheld: %g to %g, want %g to %g", tc.only, lo, hi, tc.lo, tc.hi)
		}
	}
}

// TestAttackByEnumeration tries every table of whole numbers that agrees with
// what is published, for tiny additive tables.
func TestAttackByEnumeration(t *testing.T) {
	tables, targets, tried := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom([][][2]int{{{2, 4}}, {{2, 3}, {2, 3}}, {{2, 2}, {2, 2}, {2, 2}}}).Draw(t, "shape")
		w := drawWorld(t, shape, rapid.IntRange(2, 8).Draw(t, "scale"), true)
		w.table.HasPopulation = false
		threshold := rapid.IntRange(2, 4).Draw(t, "threshold")
		c, _, err := disclosure.Clear(w.table, disclosure.Rule{Threshold: threshold})
		if err != nil {
			t.Fatal(err)
		}
		var free [][]string // withheld rows that are no margin
		fixed := map[string]int64{}
		for _, x := range c.Cells() {
			switch {
			case !x.Withheld:
				fixed[join(x.Keys)] = x.Persons
			case !slices.Contains(x.Keys, disclosure.Total):
				free = append(free, x.Keys)
			}
		}
		if len(free) > 7 {
			t.Skip("too many tables to try")
		}
		// left is what each published margin leaves to the withheld rows.
		left := map[string]int64{}
		pending := map[string]int{}
		for k, n := range fixed {
			keys := strings.Split(k, "/")
			if !slices.Contains(keys, disclosure.Total) {
				continue
			}
			left[k] = n
			for base, v := range fixed {
				b := strings.Split(base, "/")
				if !slices.Contains(b, disclosure.Total) && covers(keys, b) {
					left[k] -= v
				}
			}
			for _, f := range free {
				if covers(keys, f) {
					pending[k]++
				}
			}
		}
		seen := map[string][2]int64{}
		value := map[string]int64{}
		var try func(i int)
		try = func(i int) {
			if i == len(free) {
				tried++
				for _, x := range c.Cells() {
					if !x.Withheld {
						continue
					}
					var n int64
					for base, v := range value {
						if covers(x.Keys, strings.Split(base, "/")) {
							n += v
						}
					}
					for base, v := range fixed {
						b := strings.Split(base, "/")
						if !slices.Contains(b, disclosure.Total) && covers(x.Keys, b) {
							n += v
						}
					}
					k := join(x.Keys)
					s, ok := seen[k]
					if !ok {
						s = [2]int64{n, n}
					}
					seen[k] = [2]int64{min(s[0], n), max(s[1], n)}
				}
				return
			}
			k := join(free[i])
			limit := w.truth[k].Persons + int64(threshold) // no need to look further
			for v := range limit + 1 {
				ok := true
				for m := range left {
					if covers(strings.Split(m, "/"), free[i]) {
						left[m] -= v
						pending[m]--
						ok = ok && left[m] >= 0 && (pending[m] > 0 || left[m] == 0)
					}
				}
				if ok {
					value[k] = v
					try(i + 1)
				}
				for m := range left {
					if covers(strings.Split(m, "/"), free[i]) {
						left[m] += v
						pending[m]++
					}
				}
			}
		}
		try(0)
		tables++
		for _, x := range c.Cells() {
			k := join(x.Keys)
			if n := w.truth[k].Persons; x.Withheld {
				s := seen[k]
				if s[0] == s[1] {
					t.Fatalf("row %s is determined", k)
				}
				if n < int64(threshold) {
					targets++
					if s[1]-s[0] < int64(threshold) {
						t.Fatalf("row %s: every table has %d to %d under threshold %d", k, s[0], s[1], threshold)
					}
				}
			}
		}
	})
	t.Logf("attack by enumeration on %d tables (%d candidates), %d small rows: 0 recovered", tables, tried, targets)
}

// TestAttackByPersons looks at tables whose dimensions overlap, through all the
// ways persons could be spread over the cells: the attacker weighs every set of
// cells that a person could be in, which binds more than sums and bounds do.
func TestAttackByPersons(t *testing.T) {
	s := score{narrowest: math.Inf(1)}
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom([][][2]int{{{2, 4}}, {{2, 2}, {2, 2}}, {{2, 2}, {3, 3}}}).Draw(t, "shape")
		w := drawWorld(t, shape, rapid.SampledFrom([]int{5, 20, 60}).Draw(t, "scale"), false)
		w.table.HasPopulation = false
		threshold := rapid.IntRange(2, 11).Draw(t, "threshold")
		for i, c := range w.table.Cells {
			w.table.Cells[i].Population, c.Population = 0, 0
			w.truth[join(c.Keys)] = c
		}
		c, _, err := disclosure.Clear(w.table, disclosure.Rule{Threshold: threshold})
		if err != nil {
			t.Fatal(err)
		}
		var lists [][]string
		for _, d := range w.table.Dimensions {
			lists = append(lists, d.Categories)
		}
		base := combos(lists)
		var types []int // sets of cells as bits
		for set := 1; set < 1<<len(base); set++ {
			ok := true
			for d, dim := range w.table.Dimensions {
				if !dim.Additive {
					continue
				}
				key := ""
				for b := range base {
					if set>>b&1 == 1 {
						ok = ok && (key == "" || key == base[b][d])
						key = base[b][d]
					}
				}
			}
			if ok {
				types = append(types, set)
			}
		}
		a := &attacker{cleared: c}
		a.p.vars = len(types)
		sums := map[string]map[int]float64{}
		for _, x := range c.Cells() {
			sum := map[int]float64{}
			for v, set := range types {
				for b := range base {
					if set>>b&1 == 1 && covers(x.Keys, base[b]) {
						sum[v] = 1
					}
				}
			}
			sums[join(x.Keys)] = sum
			if !x.Withheld {
				a.p.equal(sum, float64(x.Persons))
			}
		}
		if !a.p.start() {
			t.Fatal("the attacker finds no world, yet the true one agrees")
		}
		s.tables++
		for _, x := range c.Cells() {
			s.rows++
			k := join(x.Keys)
			n := w.truth[k].Persons
			if !x.Withheld {
				continue
			}
			lo, hi := a.p.between(sums[k])
			if hi-lo < 1e-4 {
				t.Fatalf("row %s is determined", k)
			}
			if n < int64(threshold) {
				s.targets++
				s.narrowest = math.Min(s.narrowest, (hi-lo)/float64(threshold))
				if hi-lo < float64(threshold)-1e-4 {
					t.Fatalf("row %s: %g to %g, truly %d, under threshold %d", k, lo, hi, n, threshold)
				}
			}
		}
	})
	t.Logf("attack by persons on %s", &s)
}

// TestThresholdIsMonotone checks that a higher threshold publishes no row that
// a lower one withheld as small.
func TestThresholdIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, rapid.SampledFrom(shapes[:4]).Draw(t, "shape"), 60, rapid.Bool().Draw(t, "additive table"))
		low := rapid.IntRange(2, 20).Draw(t, "low")
		high := low + rapid.IntRange(0, 20).Draw(t, "more")
		_, a, err := disclosure.Clear(w.table, disclosure.Rule{Threshold: low})
		if err != nil {
			t.Fatal(err)
		}
		_, b, err := disclosure.Clear(w.table, disclosure.Rule{Threshold: high})
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range a.Cells {
			if x.Outcome == disclosure.Primary && b.Cells[i].Outcome != disclosure.Primary {
				t.Fatalf("row %v is small under %d and %s under %d", x.Keys, low, b.Cells[i].Outcome, high)
			}
		}
	})
}

// TestOrderDoesNotMatter shuffles categories and cells.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, rapid.SampledFrom(shapes[:4]).Draw(t, "shape"), 60, rapid.Bool().Draw(t, "additive table"))
		a, _, err := disclosure.Clear(w.table, disclosure.Rule{})
		if err != nil {
			t.Fatal(err)
		}
		shuffled := w.table
		shuffled.Cells = rapid.Permutation(w.table.Cells).Draw(t, "cells")
		shuffled.Dimensions = slices.Clone(w.table.Dimensions)
		for d := range shuffled.Dimensions {
			shuffled.Dimensions[d].Categories = rapid.Permutation(w.table.Dimensions[d].Categories).Draw(t, "categories")
		}
		b, _, err := disclosure.Clear(shuffled, disclosure.Rule{})
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(published(a), published(b)) {
			t.Fatal("another order of the input publishes other rows")
		}
	})
}
