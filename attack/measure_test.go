package attack_test

import (
	"math"
	"testing"

	"galien/attack"
)

// The average prosecutor risk that ARX publishes for this table is over all
// nine columns: its test defines no quasi-identifiers, and ARX then takes all
// (19,502 classes of 30,162 persons). The eight without the class of salary
// have 18,109, and 14,021 persons alone in theirs.
func TestMeasureAdult(t *testing.T) {
	a := readAdult(t)
	nine := attack.Measure(a.table, everyone(a.table), append([]int{a.salary}, a.known...), nil, 11)
	if nine.ProsecutorAverage != 0.6465751607983555 {
		t.Errorf("average prosecutor risk on nine columns %v, published 0.6465751607983555", nine.ProsecutorAverage)
	}
	eight := attack.Measure(a.table, everyone(a.table), a.known, nil, 11)
	if eight.Persons != 30162 || eight.Classes != 18109 || eight.Unique != 14021 || eight.K != 1 || eight.ProsecutorMax != 1 {
		t.Errorf("eight columns: %+v", eight)
	}
	if math.Round(1000*eight.UniqueShare()) != 465 {
		t.Errorf("%.4f are unique, published 46.5 %%", eight.UniqueShare())
	}
}

// Worked by hand: five persons, of whom two and two are alike, in a population
// of eight where the classes have 2, 4 and 2.
func TestMeasureByHand(t *testing.T) {
	table := mustTable(t, []attack.Column{{Name: "sex"}, {Name: "year"}},
		[][]string{{"f", "1950"}, {"f", "1950"}, {"m", "1960"}, {"m", "1960"}, {"m", "1970"}, {"m", "1960"}, {"m", "1960"}, {"m", "1970"}})
	m := attack.Measure(table, []int{0, 1, 2, 3, 4}, []int{0, 1}, []int{0, 1, 2, 3, 4, 5, 6, 7}, 2)
	want := attack.Measures{Persons: 5, Classes: 3, K: 1, Unique: 1, Small: 1, Threshold: 2,
		ProsecutorMax: 1, ProsecutorAverage: 3. / 5, JournalistMax: 1. / 2,
		// the larger of 3/8 and (2/2 + 2/4 + 1/2) / 5
		JournalistAverage: 2. / 5, Marketer: 2. / 5}
	if m != want {
		t.Errorf("got %+v\nwant %+v", m, want)
	}
}

// The example of Li, Li and Venkatasubramanian (2007): nine salaries from 3,000
// to 11,000; the distance of {3, 4, 5} is 0.375 and that of {6, 8, 11} 0.167.
func TestCloseness(t *testing.T) {
	for _, c := range []struct {
		first []string
		want  float64
	}{{[]string{"3000", "4000", "5000"}, 0.375}, {[]string{"6000", "8000", "11000"}, 1. / 6}} {
		rows := [][]string{}
		in := map[string]bool{}
		for _, s := range c.first {
			rows, in[s] = append(rows, []string{"a", s}), true
		}
		for _, s := range []string{"3000", "4000", "5000", "6000", "7000", "8000", "9000", "10000", "11000"} {
			if !in[s] {
				rows = append(rows, []string{"b", s}) // a larger class, and nearer
			}
		}
		table := mustTable(t, []attack.Column{{Name: "class"}, {Name: "salary", Numeric: true}}, rows)
		d := attack.Diverse(table, everyone(table), []int{0}, 1)
		if math.Abs(d.T-c.want) > 1e-12 {
			t.Errorf("%v: distance %v, published %v", c.first, d.T, c.want)
		}
		if d.L != 3 || d.Alike != 0 {
			t.Errorf("%v: %+v", c.first, d)
		}
	}
	// Categories: half the sum of the differences; one class is all alike.
	table := mustTable(t, []attack.Column{{Name: "class"}, {Name: "disease"}},
		[][]string{{"a", "x"}, {"a", "x"}, {"b", "x"}, {"b", "y"}})
	if d := attack.Diverse(table, everyone(table), []int{0}, 1); d.L != 1 || d.Alike != 2 || d.T != 0.25 {
		t.Errorf("categories: %+v", d)
	}
}

func mustTable(t testing.TB, columns []attack.Column, rows [][]string) attack.Table {
	t.Helper()
	table, err := attack.NewTable(columns, rows)
	if err != nil {
		t.Fatal(err)
	}
	return table
}
