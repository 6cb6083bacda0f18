package disclosure_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/disclosure"
)

func dim(name string, additive bool, cats ...string) disclosure.Dimension {
	return disclosure.Dimension{Name: name, Categories: cats, Additive: additive}
}

func cell(persons int64, keys ...string) disclosure.Cell {
	return disclosure.Cell{Keys: keys, Persons: persons}
}

func pcell(persons, population int64, keys ...string) disclosure.Cell {
	return disclosure.Cell{Keys: keys, Persons: persons, Population: population}
}

// withheld returns the keys of the withheld rows, joined and sorted.
func withheld(c disclosure.Cleared) []string {
	var out []string
	for _, x := range c.Cells() {
		if x.Withheld {
			out = append(out, strings.Join(x.Keys, "/"))
		}
	}
	slices.Sort(out)
	return out
}

func mustClear(t testing.TB, table disclosure.Table, threshold int) (disclosure.Cleared, disclosure.Decision) {
	t.Helper()
	c, d, err := disclosure.Clear(table, disclosure.Rule{Threshold: threshold})
	if err != nil {
		t.Fatal(err)
	}
	return c, d
}

// TestHandWorked checks tables small enough to be cleared with a pencil.
func TestHandWorked(t *testing.T) {
	sex := dim("sex", true, "female", "male")
	age := dim("age", true, "a", "b", "c")
	for _, tc := range []struct {
		name  string
		table disclosure.Table
		want  []string
	}{
		{"nothing small, nothing withheld",
			disclosure.Table{Dimensions: []disclosure.Dimension{sex}, Cells: []disclosure.Cell{cell(11, "female"), cell(12, "male")}},
			nil},
		{"no dimension, small",
			disclosure.Table{Cells: []disclosure.Cell{cell(10)}},
			[]string{""}},
		{"no dimension, large enough",
			disclosure.Table{Cells: []disclosure.Cell{cell(11)}},
			nil},
		{"one small of two: the other would give it away, and goes before the total",
			disclosure.Table{Dimensions: []disclosure.Dimension{sex}, Cells: []disclosure.Cell{cell(40, "female"), cell(10, "male")}},
			[]string{"female", "male"}},
		{"zero is small",
			disclosure.Table{Dimensions: []disclosure.Dimension{sex}, Cells: []disclosure.Cell{cell(40, "female"), cell(0, "male")}},
			[]string{"female", "male"}},
		{"one small of three: the smaller of the others goes",
			disclosure.Table{Dimensions: []disclosure.Dimension{age}, Cells: []disclosure.Cell{cell(40, "a"), cell(3, "b"), cell(30, "c")}},
			[]string{"b", "c"}},
		{"two small that sum to the threshold need no third",
			disclosure.Table{Dimensions: []disclosure.Dimension{age}, Cells: []disclosure.Cell{cell(40, "a"), cell(5, "b"), cell(6, "c")}},
			[]string{"b", "c"}},
		{"two small whose sum is small need a third",
			disclosure.Table{Dimensions: []disclosure.Dimension{age}, Cells: []disclosure.Cell{cell(40, "a"), cell(5, "b"), cell(5, "c")}},
			[]string{"a", "b", "c"}},
		{"everything small",
			disclosure.Table{Dimensions: []disclosure.Dimension{sex}, Cells: []disclosure.Cell{cell(4, "female"), cell(3, "male")}},
			[]string{"*", "female", "male"}},
		{"two by three: one small cell takes the cheapest rectangle",
			disclosure.Table{Dimensions: []disclosure.Dimension{sex, age}, Cells: []disclosure.Cell{
				cell(5, "female", "a"), cell(60, "female", "b"), cell(70, "female", "c"),
				cell(60, "male", "a"), cell(70, "male", "b"), cell(600, "male", "c"),
			}},
			[]string{"female/a", "female/b", "male/a", "male/b"}},
		{"small rest: all but three of the women are counted",
			disclosure.Table{HasPopulation: true, Dimensions: []disclosure.Dimension{age}, Cells: []disclosure.Cell{
				pcell(97, 100, "a"), pcell(50, 100, "b"), pcell(60, 200, "c"),
			}},
			[]string{"a", "b"}},
		{"population under the threshold is small both ways",
			disclosure.Table{HasPopulation: true, Dimensions: []disclosure.Dimension{age}, Cells: []disclosure.Cell{
				pcell(2, 8, "a"), pcell(50, 100, "b"), pcell(60, 200, "c"),
			}},
			[]string{"a", "b"}},
		{"a year that persons share with others: its margin is no sum, but it is safe as if it were",
			disclosure.Table{Dimensions: []disclosure.Dimension{dim("year", false, "2020", "2021", "2022")}, Cells: []disclosure.Cell{
				cell(50, "2020"), cell(4, "2021"), cell(20, "2022"), cell(65, "*"),
			}},
			[]string{"2021", "2022"}},
		{"class disclosure: all but 5 of 55 are in 2020, though other years are not small",
			disclosure.Table{Dimensions: []disclosure.Dimension{dim("year", false, "2020", "2021", "2022")}, Cells: []disclosure.Cell{
				cell(50, "2020"), cell(14, "2021"), cell(20, "2022"), cell(55, "*"),
			}},
			[]string{"2020", "2021"}},
		{"class disclosure in a line: all of the women are in b, so a and c count nobody; the line of the men gives way",
			disclosure.Table{Dimensions: []disclosure.Dimension{sex, age}, Cells: []disclosure.Cell{
				cell(0, "female", "a"), cell(60, "female", "b"), cell(0, "female", "c"),
				cell(70, "male", "a"), cell(80, "male", "b"), cell(600, "male", "c"),
			}},
			[]string{"female/a", "female/b", "female/c", "male/a", "male/b", "male/c"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, d := mustClear(t, tc.table, 11)
			if got := withheld(c); !slices.Equal(got, tc.want) {
				t.Errorf("withheld %v, want %v", got, tc.want)
			}
			if n := len(c.Cells()); d.Published+d.Primary+d.Secondary != n || len(d.Cells) != n || d.Primary+d.Secondary != len(tc.want) {
				t.Errorf("decision counts %d published, %d primary, %d secondary of %d rows", d.Published, d.Primary, d.Secondary, n)
			}
		})
	}
}

// TestClearedHoldsNothingWithheld looks for the number of a withheld row in
// everything a cleared table and its decision print.
func TestClearedHoldsNothingWithheld(t *testing.T) {
	table := disclosure.Table{
		HasPopulation: true, HasPersonDays: true,
		Dimensions: []disclosure.Dimension{dim("age", true, "a", "b", "c")},
		Cells: []disclosure.Cell{
			{Keys: []string{"a"}, Persons: 7, Population: 7654321, PersonDays: 987654321},
			{Keys: []string{"b"}, Persons: 2718, Population: 8654321, PersonDays: 887654321},
			{Keys: []string{"c"}, Persons: 31415, Population: 9654321, PersonDays: 787654321},
		},
	}
	c, d := mustClear(t, table, 11)
	if got := withheld(c); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("withheld %v", got)
	}
	text := fmt.Sprintf("%+v %#v %+v", c, c, d)
	for _, secret := range []string{"7654321", "987654321", "2718", "887654321"} {
		for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
			if w == secret {
				t.Errorf("a withheld number is in the cleared table or its decision")
			}
		}
	}
	if !strings.Contains(text, "31415") {
		t.Error("a published number is missing")
	}
}

// TestZeroValueIsRefused checks the wall between tables and releases.
func TestZeroValueIsRefused(t *testing.T) {
	if err := (disclosure.Cleared{}).Check(); galien.KindOf(err) != galien.Denied {
		t.Errorf("zero value: %v", err)
	}
	c, _ := mustClear(t, disclosure.Table{Cells: []disclosure.Cell{cell(100)}}, 0)
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if c.Rule().Threshold != 11 {
		t.Errorf("default threshold %d, want 11", c.Rule().Threshold)
	}
}

// TestCellsOrder checks that rows come in the caller's order, totals last, and
// that accessors hand out copies.
func TestCellsOrder(t *testing.T) {
	table := disclosure.Table{Dimensions: []disclosure.Dimension{dim("sex", true, "male", "female"), dim("year", true, "2021", "2020")}}
	for i, k := range [][]string{{"male", "2021"}, {"male", "2020"}, {"female", "2021"}, {"female", "2020"}} {
		table.Cells = append(table.Cells, cell(int64(100+i), k...))
	}
	c, _ := mustClear(t, table, 11)
	var got []string
	for _, x := range c.Cells() {
		got = append(got, fmt.Sprintf("%s=%d", strings.Join(x.Keys, "/"), x.Persons))
		x.Keys[0] = "changed"
	}
	want := []string{"male/2021=100", "male/2020=101", "male/*=201", "female/2021=102", "female/2020=103", "female/*=205", "*/2021=202", "*/2020=204", "*/*=406"}
	if !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	c.Dimensions()[0].Categories[0] = "changed"
	if c.Cells()[0].Keys[0] != "male" || c.Dimensions()[0].Categories[0] != "male" {
		t.Error("an accessor hands out the table's own memory")
	}
}

// TestRefusals checks that a table that does not hold together is Invalid, and
// that the message quotes none of its numbers.
func TestRefusals(t *testing.T) {
	sex, year := dim("sex", true, "f", "m"), dim("year", false, "2020", "2021")
	one := []disclosure.Dimension{sex}
	for name, table := range map[string]disclosure.Table{
		"no category of":               {Dimensions: one, Cells: []disclosure.Cell{cell(4711, "x")}},
		"for 1 dimensions":             {Dimensions: one, Cells: []disclosure.Cell{cell(4711, "f", "m")}},
		"given twice":                  {Dimensions: one, Cells: []disclosure.Cell{cell(4711, "f"), cell(4711, "f")}},
		"negative":                     {Dimensions: one, Cells: []disclosure.Cell{cell(-4711, "f")}},
		"large number":                 {Dimensions: one, Cells: []disclosure.Cell{cell(1<<60, "f")}},
		"more persons than its popula": {HasPopulation: true, Dimensions: one, Cells: []disclosure.Cell{pcell(4711, 4710, "f")}},
		"does not agree":               {Dimensions: one, Cells: []disclosure.Cell{cell(4711, "f"), cell(4711, "m"), cell(4711, "*")}},
		"not given":                    {Dimensions: []disclosure.Dimension{year}, Cells: []disclosure.Cell{cell(4711, "2020"), cell(4711, "2021")}},
		"agree with the categories":    {Dimensions: []disclosure.Dimension{year}, Cells: []disclosure.Cell{cell(4711, "2020"), cell(1, "2021"), cell(4710, "*")}},
		"of \"year\"":                  {Dimensions: []disclosure.Dimension{year}, Cells: []disclosure.Cell{cell(4711, "2020"), cell(1, "2021"), cell(4713, "*")}},
		"no category":                  {Dimensions: []disclosure.Dimension{dim("sex", true)}},
		"category \"f\" twice":         {Dimensions: []disclosure.Dimension{dim("sex", true, "f", "f")}},
		"is given twice":               {Dimensions: []disclosure.Dimension{sex, sex}},
		"empty or":                     {Dimensions: []disclosure.Dimension{dim("sex", true, "*")}},
		"starts with":                  {Dimensions: []disclosure.Dimension{dim("sex", true, "=cmd")}},
		"control character":            {Dimensions: []disclosure.Dimension{dim("sex", true, "a\nb")}},
		"dimensions":                   {Dimensions: slices.Repeat(one, 7)},
		"fewer dimensions":             {Dimensions: []disclosure.Dimension{dim("a", true, many(200)...), dim("b", true, many(200)...)}},
	} {
		_, _, err := disclosure.Clear(table, disclosure.Rule{})
		if galien.KindOf(err) != galien.Invalid || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error(), "471") {
			t.Errorf("%s: the error quotes a number of the table", name)
		}
	}
	for _, threshold := range []int{-1, 1, 1_000_001} {
		if _, _, err := disclosure.Clear(disclosure.Table{}, disclosure.Rule{Threshold: threshold}); galien.KindOf(err) != galien.Invalid || err == nil {
			t.Errorf("threshold %d: %v", threshold, err)
		}
	}
}

func many(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("c%03d", i)
	}
	return out
}

// published returns the persons of the published rows by key.
func published(c disclosure.Cleared) map[string]int64 {
	out := map[string]int64{}
	for _, x := range c.Cells() {
		if !x.Withheld {
			out[strings.Join(x.Keys, "/")] = x.Persons
		}
	}
	return out
}

// TestEmptyCombinationsCountNobody checks that an absent cell is a zero, and
// so withheld, and that the margins are those of the others.
func TestEmptyCombinationsCountNobody(t *testing.T) {
	c, _ := mustClear(t, disclosure.Table{
		Dimensions: []disclosure.Dimension{dim("sex", true, "f", "m"), dim("age", true, "a", "b")},
		Cells:      []disclosure.Cell{cell(50, "f", "a"), cell(60, "m", "a"), cell(70, "m", "b")},
	}, 11)
	want := map[string]int64{"f/*": 50, "m/*": 130, "*/a": 110, "*/b": 70, "*/*": 180}
	if got := published(c); !maps.Equal(got, want) {
		t.Errorf("published %v, want %v", got, want)
	}
}
