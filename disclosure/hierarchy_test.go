package disclosure_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"galien"
	"galien/disclosure"
)

// forest is a table with hierarchies made from persons, and its truth.
type forest struct {
	table disclosure.Table
	truth map[string]disclosure.Cell
	rows  [][]string
}

// up lists a category, all it is a part of, and the total.
func up(d disclosure.Dimension, c string) []string {
	out := []string{c}
	for p, ok := d.Parents[c]; ok; p, ok = d.Parents[p] {
		out = append(out, p)
	}
	return append(out, disclosure.Total)
}

// parts lists the categories directly under one, or under the total.
func parts(d disclosure.Dimension, c string) []string {
	var out []string
	for _, x := range d.Categories {
		if p, ok := d.Parents[x]; p == c && ok || !ok && c == disclosure.Total {
			out = append(out, x)
		}
	}
	return out
}

// drawDimension makes a hierarchy of up to three levels under the total.
func drawDimension(t *rapid.T, name string, leaves int, flat, additive bool) disclosure.Dimension {
	d := disclosure.Dimension{Name: name, Additive: additive, Parents: map[string]string{}}
	for i := range leaves {
		d.Categories = append(d.Categories, fmt.Sprintf("%s%d", name, i))
	}
	if flat {
		return d
	}
	level := slices.Clone(d.Categories)
	for depth := range 2 {
		groups := rapid.IntRange(1, 3).Draw(t, "groups")
		next := map[string]bool{}
		for _, c := range level {
			if g := rapid.IntRange(0, groups).Draw(t, "group"); g > 0 { // 0 stays under the total
				parent := fmt.Sprintf("%s-%d-%d", name, depth, g)
				d.Parents[c] = parent
				next[parent] = true
			}
		}
		level = slices.Sorted(maps.Keys(next))
		d.Categories = append(d.Categories, level...)
	}
	return d
}

// drawForest counts persons who are each in one category of every dimension,
// or in up to three of those that are not additive.
func drawForest(t *rapid.T, dims []disclosure.Dimension, scale int, population bool) forest {
	f := forest{table: disclosure.Table{Dimensions: dims, HasPopulation: population}, truth: map[string]disclosure.Cell{}}
	var leaves, all [][]string
	for _, d := range dims {
		var l []string
		for _, c := range d.Categories {
			if len(parts(d, c)) == 0 {
				l = append(l, c)
			}
		}
		leaves = append(leaves, l)
		all = append(all, append(slices.Clone(d.Categories), disclosure.Total))
	}
	f.rows = combos(all)
	for _, keys := range f.rows {
		f.truth[join(keys)] = disclosure.Cell{Keys: keys}
	}
	sparse := rapid.IntRange(0, 3).Draw(t, "sparse")
	for _, base := range combos(leaves) {
		n := int64(rapid.IntRange(0, scale).Draw(t, "persons"))
		if rapid.IntRange(0, 3).Draw(t, "few") < sparse {
			n %= 4
		}
		in := [][]string{base}
		if rapid.Bool().Draw(t, "shared") {
			other := slices.Clone(base)
			for d, dim := range dims {
				if !dim.Additive {
					other[d] = rapid.SampledFrom(leaves[d]).Draw(t, "to")
				}
			}
			in = append(in, other)
		}
		counted := !population || rapid.IntRange(0, 3).Draw(t, "counted") > 0
		seen := map[string]bool{}
		for _, b := range in {
			var ups [][]string
			for d, dim := range dims {
				ups = append(ups, up(dim, b[d]))
			}
			for _, keys := range combos(ups) {
				seen[join(keys)] = true
			}
		}
		for k := range seen {
			c := f.truth[k]
			c.Population += n
			if counted {
				c.Persons += n
			}
			f.truth[k] = c
		}
	}
	for _, keys := range f.rows {
		f.table.Cells = append(f.table.Cells, f.truth[join(keys)])
	}
	return f
}

// solver bounds numbers that are not negative, given equalities.
type solver interface {
	variable() int
	equal(sum map[int]float64, right float64)
	atMost(sum map[int]float64, right float64)
	bound(t failer, ask []int) [][2]float64
}

// bounds gives all that is published, and by how much the parts of each row
// exceed it, to a linear programme, and returns what it tells of each withheld
// row's persons and of the rest of its population.
func (f forest) bounds(t failer, c disclosure.Cleared, p solver) map[string][2][2]float64 {
	persons, rest := map[string]int{}, map[string]int{}
	var ask []int
	var names []string
	for _, x := range c.Cells() {
		if x.Withheld {
			k := join(x.Keys)
			names = append(names, k)
			persons[k] = p.variable()
			ask = append(ask, persons[k])
			if f.table.HasPopulation {
				rest[k] = p.variable()
				ask = append(ask, rest[k])
			}
		}
	}
	// value adds sign times a row to sum, and returns what is known of it.
	value := func(sum map[int]float64, k string, sign float64, population bool) float64 {
		v, withheld := persons[k]
		if !withheld {
			if population {
				return sign * float64(f.truth[k].Population)
			}
			return sign * float64(f.truth[k].Persons)
		}
		sum[v] += sign
		if population {
			sum[rest[k]] += sign
		}
		return 0
	}
	measures := []bool{false}
	if f.table.HasPopulation {
		measures = append(measures, true)
	}
	for _, keys := range f.rows {
		for d, dim := range f.table.Dimensions {
			under := parts(dim, keys[d])
			if len(under) == 0 {
				continue
			}
			for _, population := range measures {
				whole := join(keys)
				truth := func(k string) float64 {
					if population {
						return float64(f.truth[k].Population)
					}
					return float64(f.truth[k].Persons)
				}
				sum := map[int]float64{}
				known, excess := value(sum, whole, -1, population), -truth(whole)
				for _, c := range under {
					part := slices.Clone(keys)
					part[d] = c
					known += value(sum, join(part), 1, population)
					excess += truth(join(part))
					if !dim.Additive {
						less := map[int]float64{}
						k := value(less, join(part), 1, population) + value(less, whole, -1, population)
						if len(less) > 0 {
							p.atMost(less, -k)
						}
					}
				}
				p.equal(sum, excess-known)
			}
		}
	}
	ends := p.bound(t, ask)
	out := map[string][2][2]float64{}
	for i, k := range names {
		if f.table.HasPopulation {
			out[k] = [2][2]float64{ends[2*i], ends[2*i+1]}
		} else {
			out[k] = [2][2]float64{ends[i]}
		}
	}
	return out
}

// TestGonum has gonum's simplex bound a few of the tables again, and compares.
func TestGonum(t *testing.T) {
	const threshold = 7
	numbers := 0
	for seed := range 6 {
		f := rapid.Custom(func(t *rapid.T) forest {
			return drawForest(t, []disclosure.Dimension{drawDimension(t, "a", 4, false, seed%3 > 0), drawDimension(t, "b", 2, seed%2 == 0, true)}, 40, false)
		}).Example(seed)
		c, _ := mustClear(t, f.table, threshold)
		one, two := f.bounds(t, c, &program{}), f.bounds(t, c, &linear{})
		for k, b := range two {
			numbers++
			if math.Abs(b[0][0]-one[k][0][0]) > 1e-4 || math.Abs(b[0][1]-one[k][0][1]) > 1e-4 {
				t.Errorf("%s: gonum %v, the tests' own simplex %v", k, b[0], one[k][0])
			}
			if f.truth[k].Persons < threshold && b[0][1]-b[0][0] < threshold-1e-4 {
				t.Errorf("%s is bounded to %v", k, b[0])
			}
		}
	}
	t.Logf("%d withheld numbers, the same bounds by gonum", numbers)
	if numbers < 20 {
		t.Error("too few numbers")
	}
}

// TestHierarchy checks by linear programme that suppression holds over all
// levels of hierarchies, in one dimension and in two, with persons counted
// once and several times.
func TestHierarchy(t *testing.T) {
	tables, rows, published, targets, lost := 0, 0, 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.IntRange(0, 3).Draw(t, "shape")
		additive := rapid.IntRange(0, 2).Draw(t, "additive") > 0
		dims := []disclosure.Dimension{drawDimension(t, "a", rapid.IntRange(2, 6).Draw(t, "leaves"), false, additive)}
		if shape > 0 {
			dims[0] = drawDimension(t, "a", rapid.IntRange(2, 4).Draw(t, "leaves"), false, additive)
			dims = append(dims, drawDimension(t, "b", rapid.IntRange(2, 3).Draw(t, "leaves"), shape < 3, rapid.Bool().Draw(t, "other additive") || additive))
		}
		f := drawForest(t, dims, rapid.SampledFrom([]int{20, 100, 1000}).Draw(t, "scale"), shape == 2)
		threshold := rapid.IntRange(2, 11).Draw(t, "threshold")
		c, d, err := disclosure.Clear(f.table, disclosure.Rule{Threshold: threshold})
		if err != nil {
			t.Fatal(err)
		}
		tables++
		rows += len(d.Cells)
		published += d.Published
		bounds := f.bounds(t, c, &program{})
		for _, x := range c.Cells() {
			k := join(x.Keys)
			truth := f.truth[k]
			rest := truth.Population - truth.Persons
			if !x.Withheld {
				if x.Persons != truth.Persons || x.Persons < int64(threshold) || f.table.HasPopulation && rest < int64(threshold) {
					t.Fatalf("%s shows a wrong or small number", k)
				}
				continue
			}
			for i, n := range []int64{truth.Persons, rest} {
				if i == 1 && !f.table.HasPopulation {
					continue
				}
				b := bounds[k][i]
				if float64(n) < b[0]-1e-4 || float64(n) > b[1]+1e-4 {
					t.Fatalf("%s: the attack is wrong: %g to %g, truly %d", k, b[0], b[1], n)
				}
				if n < int64(threshold) {
					targets++
					if b[1]-b[0] < float64(threshold)-1e-4 {
						lost++
						t.Fatalf("%s is bounded to %g..%g under threshold %d", k, b[0], b[1], threshold)
					}
				}
			}
		}
	})
	t.Logf("%d tables with hierarchies, %d rows, %d published, %d protected numbers: %d bounded tighter than the threshold", tables, rows, published, targets, lost)
	if targets < 100 || published < 100 {
		t.Error("the tables were too easy")
	}
}

// TestHierarchyByHand works tables of communes, departments and regions.
func TestHierarchyByHand(t *testing.T) {
	area := disclosure.Dimension{Name: "area", Additive: true,
		Categories: []string{"Lyon", "Bron", "69", "Vif", "Voiron", "38", "ARA", "Brest", "Morlaix", "29", "BRE"},
		Parents: map[string]string{"Lyon": "69", "Bron": "69", "Vif": "38", "Voiron": "38", "69": "ARA", "38": "ARA",
			"Brest": "29", "Morlaix": "29", "29": "BRE"}}
	counts := func(lyon, bron, vif, voiron, brest, morlaix int64) disclosure.Table {
		return disclosure.Table{Dimensions: []disclosure.Dimension{area}, Cells: []disclosure.Cell{
			cell(lyon, "Lyon"), cell(bron, "Bron"), cell(vif, "Vif"), cell(voiron, "Voiron"), cell(brest, "Brest"), cell(morlaix, "Morlaix")}}
	}
	for _, tc := range []struct {
		name  string
		table disclosure.Table
		want  []string
	}{
		{"nothing small", counts(100, 50, 40, 60, 70, 80), nil},
		{"a small commune takes its neighbour", counts(100, 50, 4, 60, 70, 80), []string{"Vif", "Voiron"}},
		// 38 is 9, so it is small itself: in its region only 69 can hide it, and
		// in 69 one commune; Brittany shows all.
		{"a small department takes the other and a commune of it", counts(100, 50, 4, 5, 70, 80), []string{"38", "69", "Bron", "Vif", "Voiron"}},
		// BRE and 29 are one: both small; so a commune, a department and the
		// region of the others give way.
		{"a small region", counts(100, 50, 40, 60, 3, 4), []string{"29", "38", "ARA", "BRE", "Brest", "Morlaix", "Vif"}},
	} {
		c, _ := mustClear(t, tc.table, 11)
		if got := withheld(c); !slices.Equal(got, tc.want) {
			t.Errorf("%s: withheld %v, want %v", tc.name, got, tc.want)
		}
	}
	for name, parents := range map[string]map[string]string{
		"is no category": {"Lyon": "75"},
		"in circles":     {"69": "ARA", "ARA": "69"},
		"put":            {"Nantes": "BRE"},
	} {
		table := counts(100, 50, 40, 60, 70, 80)
		table.Dimensions = []disclosure.Dimension{area}
		table.Dimensions[0].Parents = parents
		if _, _, err := disclosure.Clear(table, disclosure.Rule{}); galien.KindOf(err) != galien.Invalid || err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(name, "put")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
