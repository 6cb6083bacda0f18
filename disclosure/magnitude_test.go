package disclosure_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"galien"
	"galien/disclosure"
)

// gifts is a table of sums made from what each person contributes.
type gifts struct {
	table disclosure.Magnitude
	each  map[string][]int64 // by row, the largest first
	rows  [][]string
}

func drawGifts(t *rapid.T, dims []disclosure.Dimension) gifts {
	g := gifts{table: disclosure.Magnitude{Dimensions: dims}, each: map[string][]int64{}}
	var leaves, all [][]string
	for _, d := range dims {
		var l []string
		for _, c := range d.Categories {
			if len(parts(d, c)) == 0 {
				l = append(l, c)
			}
		}
		leaves, all = append(leaves, l), append(all, append(slices.Clone(d.Categories), disclosure.Total))
	}
	g.rows = combos(all)
	for _, base := range combos(leaves) {
		n := rapid.IntRange(0, 30).Draw(t, "persons")
		scale := rapid.SampledFrom([]int64{0, 1, 100, 10_000}).Draw(t, "scale")
		var ups [][]string
		for d, dim := range dims {
			ups = append(ups, up(dim, base[d]))
		}
		for i := range n {
			x := rapid.Int64Range(0, scale).Draw(t, "amount")
			if i == 0 && rapid.Bool().Draw(t, "giant") {
				x *= 50
			}
			for _, keys := range combos(ups) {
				g.each[join(keys)] = append(g.each[join(keys)], x)
			}
		}
	}
	for _, keys := range g.rows {
		each := g.each[join(keys)]
		slices.Sort(each)
		slices.Reverse(each)
		g.table.Cells = append(g.table.Cells, g.sum(keys))
	}
	return g
}

func (g gifts) sum(keys []string) disclosure.Sum {
	each := g.each[join(keys)]
	s := disclosure.Sum{Keys: keys, Persons: int64(len(each)), Largest: slices.Clone(each[:min(len(each), 3)])}
	for _, x := range each {
		s.Amount += x
	}
	s.Same = len(each) > 0 && each[0] == each[len(each)-1]
	return s
}

// margin returns by how much more a row would have to be for the (n,k) and the
// p % rule to let it pass, by their definitions.
func (g gifts) margin(k string, r disclosure.Rule) float64 {
	var total, top, others float64
	for i, x := range g.each[k] {
		total += float64(x)
		if i < r.DominanceN {
			top += float64(x)
		}
		if i >= 2 {
			others += float64(x)
		}
	}
	if len(g.each[k]) == 0 {
		return 0
	}
	return max(top*100/float64(r.DominanceK)-total, float64(g.each[k][0])*float64(r.P)/100-others)
}

// TestSums gives cleared tables of sums to a linear programme: no withheld
// amount is bounded from above to less than what the rules ask, nor a small
// number of persons to less than the threshold.
func TestSums(t *testing.T) {
	tables, published, dominated, small := 0, 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		dims := []disclosure.Dimension{drawDimension(t, "a", rapid.IntRange(2, 4).Draw(t, "leaves"), rapid.Bool().Draw(t, "flat"), true)}
		if rapid.Bool().Draw(t, "two") {
			dims = append(dims, drawDimension(t, "b", rapid.IntRange(2, 3).Draw(t, "leaves"), true, true))
		}
		g := drawGifts(t, dims)
		rule := disclosure.Rule{Threshold: rapid.IntRange(2, 11).Draw(t, "threshold"), DominanceN: rapid.IntRange(1, 3).Draw(t, "n"),
			DominanceK: rapid.IntRange(50, 95).Draw(t, "k"), P: rapid.IntRange(5, 30).Draw(t, "p"), ResidualDF: 10}
		cells, d, err := disclosure.ClearMagnitude(g.table, rule)
		if err != nil {
			t.Fatal(err)
		}
		tables++
		published += d.Published
		var amounts, counts program
		variable := map[string]int{}
		var ask []int
		var names []string
		for _, x := range cells {
			if x.Withheld {
				k := join(x.Keys)
				variable[k] = amounts.variable()
				counts.variable()
				ask, names = append(ask, variable[k]), append(names, k)
			}
		}
		for _, keys := range g.rows {
			for dim := range dims {
				under := parts(dims[dim], keys[dim])
				if len(under) == 0 {
					continue
				}
				a, n := map[int]float64{}, map[int]float64{}
				var rightA, rightN float64
				add := func(keys []string, sign float64) {
					if v, ok := variable[join(keys)]; ok {
						a[v], n[v] = a[v]+sign, n[v]+sign
						return
					}
					s := g.sum(keys)
					rightA, rightN = rightA-sign*float64(s.Amount), rightN-sign*float64(s.Persons)
				}
				add(keys, -1)
				for _, p := range under {
					part := slices.Clone(keys)
					part[dim] = p
					add(part, 1)
				}
				amounts.equal(a, rightA)
				counts.equal(n, rightN)
			}
		}
		of, in := amounts.bound(t, ask), counts.bound(t, ask)
		for i, k := range names {
			s := g.sum(strings.Split(k, "/"))
			margin := g.margin(k, rule)
			if margin > 0 {
				dominated++
				if of[i][1] < float64(s.Amount)+margin-1e-4 || of[i][1]-of[i][0] < 2*margin-1e-4 {
					t.Fatalf("%s: an amount of %d is bounded to %v, and the rules ask for %g more", k, s.Amount, of[i], margin)
				}
			}
			if s.Persons < int64(rule.Threshold) {
				small++
				if in[i][1]-in[i][0] < float64(rule.Threshold)-1e-4 {
					t.Fatalf("%s: %d persons are bounded to %v", k, s.Persons, in[i])
				}
			}
		}
		for i, x := range cells {
			s := g.sum(x.Keys)
			// What the rules say of a row by itself.
			primary := s.Persons < int64(rule.Threshold) || s.Amount == 0 || s.Same || g.margin(join(x.Keys), rule) > 0
			if primary != (d.Cells[i].Outcome == disclosure.Primary) {
				t.Fatalf("%v: %s, and the definitions say %t", x.Keys, d.Cells[i].Outcome, primary)
			}
			if !x.Withheld && (x.Persons != s.Persons || x.Amount != s.Amount) || x.Withheld && x.Persons+x.Amount != 0 {
				t.Fatalf("%v shows %d persons, %d", x.Keys, x.Persons, x.Amount)
			}
		}
	})
	t.Logf("%d tables of sums, %d rows published, %d dominated, %d small: 0 bounded tighter than the rules ask", tables, published, dominated, small)
	if published < 50 || dominated < 50 || small < 50 {
		t.Error("the tables were too easy")
	}
}

// TestSumsByHand works the rules at their edges, as the handbooks do.
func TestSumsByHand(t *testing.T) {
	sum := func(persons, amount int64, largest ...int64) disclosure.Magnitude {
		return disclosure.Magnitude{Cells: []disclosure.Sum{{Persons: persons, Amount: amount, Largest: largest}}}
	}
	for _, tc := range []struct {
		name string
		m    disclosure.Magnitude
		rule disclosure.Rule
		why  string
	}{
		{"10 persons", sum(10, 1000, 100, 100), disclosure.Rule{}, "fewer persons"},
		{"11 persons", sum(11, 1000, 100, 100), disclosure.Rule{}, ""},
		{"two make 90 % of 1,000", sum(20, 1000, 500, 400), disclosure.Rule{}, ""},
		{"two make 90.1 %", sum(20, 1000, 500, 401), disclosure.Rule{}, "(n,k)"},
		{"one makes 50 %, under (1,50)", sum(20, 1000, 500, 10), disclosure.Rule{DominanceN: 1, DominanceK: 50}, ""},
		{"one makes 50.1 %, under (1,50)", sum(20, 1000, 501, 10), disclosure.Rule{DominanceN: 1, DominanceK: 50}, "(n,k)"},
		// 1000 - 700 - 200 = 100 is 14.3 % of 700.
		{"the second learns the first to within 14.3 %", sum(20, 1000, 700, 200), disclosure.Rule{P: 14}, ""},
		{"and that is less than 15 %", sum(20, 1000, 700, 200), disclosure.Rule{P: 15}, "p %"},
		{"nobody costs anything", sum(20, 0, 0, 0), disclosure.Rule{}, "the same"},
	} {
		_, d, err := disclosure.ClearMagnitude(tc.m, tc.rule)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := d.Cells[0].Reason; (tc.why == "") != (got == "") || !strings.Contains(got, tc.why) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.why)
		}
	}
	for name, m := range map[string]disclosure.Magnitude{
		"needs its 2 largest":    sum(20, 1000, 500),
		"not in order":           sum(20, 1000, 400, 500),
		"more contributions":     sum(1, 1000, 600, 400),
		"do not agree":           sum(20, 1000, 600, 500),
		"negative or impossibly": sum(20, -1, 0, 0),
		"largest contribution": {Dimensions: []disclosure.Dimension{dim("sex", true, "f", "m")}, Cells: []disclosure.Sum{
			{Keys: []string{"f"}, Persons: 20, Amount: 100, Largest: []int64{50, 1}}, {Keys: []string{"m"}, Persons: 20, Amount: 100, Largest: []int64{10, 10}},
			{Keys: []string{"*"}, Persons: 40, Amount: 200, Largest: []int64{40, 10}}}},
	} {
		if _, _, err := disclosure.ClearMagnitude(m, disclosure.Rule{}); galien.KindOf(err) != galien.Invalid || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMinimumPopulation withholds small areas whatever is counted there.
func TestMinimumPopulation(t *testing.T) {
	table := disclosure.Table{HasPopulation: true, Dimensions: []disclosure.Dimension{dim("area", true, "a", "b", "c")}, Cells: []disclosure.Cell{
		pcell(100, 900, "a"), pcell(100, 1000, "b"), pcell(100, 5000, "c")}}
	c, d, err := disclosure.Clear(table, disclosure.Rule{MinimumPopulation: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if got := withheld(c); !slices.Equal(got, []string{"a", "b"}) || !strings.Contains(d.Cells[0].Reason, "under observation") {
		t.Errorf("withheld %v: %+v", got, d.Cells)
	}
}

// TestRounding rounds what is published, and withholds the same rows: since
// the rounded table follows from the other, it tells no more.
func TestRounding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, rapid.SampledFrom(shapes[:3]).Draw(t, "shape"), 60, true)
		base := rapid.IntRange(2, 12).Draw(t, "base")
		plain, _, err := disclosure.Clear(w.table, disclosure.Rule{})
		if err != nil {
			t.Fatal(err)
		}
		rounded, _, err := disclosure.Clear(w.table, disclosure.Rule{RoundTo: base})
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range rounded.Cells() {
			p := plain.Cells()[i]
			if x.Withheld != p.Withheld {
				t.Fatalf("%v: other rows are withheld", x.Keys)
			}
			if x.Withheld {
				continue
			}
			far := max(x.Persons-p.Persons, p.Persons-x.Persons)
			if x.Persons%int64(base) != 0 || x.Persons < 11 || 2*far > int64(base) && x.Persons-11 >= int64(base) {
				t.Fatalf("%d is shown as %d, to %d", p.Persons, x.Persons, base)
			}
		}
	})
}
