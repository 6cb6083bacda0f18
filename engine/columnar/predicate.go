package columnar

import (
	"fmt"
	"math"
	"slices"

	"galien"
	"galien/cdm"
	"galien/cohort"
	"galien/lake"
)

// cursor stands on a row of a segment, or on an index event, with what tests
// look at.
type cursor struct {
	// The event: its person's place, its dates after adjustment (lake.NoDate
	// for a missing end) and its visit (lake.NoInt64 for none).
	person     uint16
	start, end galien.Date
	visit      int64
	// The row, in the columns of the segment by slot.
	row    int
	ints   [][]int64
	dates  [][]galien.Date
	floats [][]float64
	texts  [][]lake.Text
	// What events link to.
	people *people
	visits *visits
	links  *links
}

// predicate is a test of what the cursor stands on.
type predicate func(*cursor) bool

func all(tests []predicate, c *cursor) bool {
	for _, test := range tests {
		if !test(c) {
			return false
		}
	}
	return true
}

// columns gives each column that is read of a table a slot.
type columns struct {
	ints, dates, floats, texts []string
}

func slot(list *[]string, name string) int {
	i := slices.Index(*list, name)
	if i < 0 {
		i = len(*list)
		*list = append(*list, name)
	}
	return i
}

func (c *columns) int(name string) int   { return slot(&c.ints, name) }
func (c *columns) date(name string) int  { return slot(&c.dates, name) }
func (c *columns) float(name string) int { return slot(&c.floats, name) }
func (c *columns) text(name string) int  { return slot(&c.texts, name) }

// load puts the columns of a segment under the cursor.
func (c *columns) load(e *Engine, s segment, cur *cursor) (err error) {
	cur.ints, cur.dates = cur.ints[:0], cur.dates[:0]
	cur.floats, cur.texts = cur.floats[:0], cur.texts[:0]
	for _, name := range c.ints {
		v, err := e.ints(s, name)
		if err != nil {
			return err
		}
		cur.ints = append(cur.ints, v)
	}
	for _, name := range c.dates {
		v, err := e.dates(s, name)
		if err != nil {
			return err
		}
		cur.dates = append(cur.dates, v)
	}
	for _, name := range c.floats {
		v, err := e.floats(s, name)
		if err != nil {
			return err
		}
		cur.floats = append(cur.floats, v)
	}
	for _, name := range c.texts {
		v, err := e.texts(s, name)
		if err != nil {
			return err
		}
		cur.texts = append(cur.texts, v)
	}
	return nil
}

// uses says what tests look at beside the row.
type uses struct {
	end, visit bool
	person     []string // columns of PERSON
	visits     bool     // VISIT_OCCURRENCE
	providers  bool
	careSites  bool
}

// compiler turns filters into predicates over the columns of one table.
type compiler struct {
	table cdm.Table
	cols  *columns
	uses  *uses
	sets  func(id int) *conceptSet
}

func (k compiler) filters(list []cohort.Filter) []predicate {
	var tests []predicate
	for _, f := range list {
		tests = append(tests, k.filter(f))
	}
	return tests
}

func (k compiler) filter(f cohort.Filter) predicate {
	switch f := f.(type) {
	case cohort.DateFilter:
		value, in := k.day(f.Operand), comparison(f.Op, f.Value, f.Extent)
		return func(c *cursor) bool {
			d := value(c)
			return d != lake.NoDate && in(d)
		}
	case cohort.NumberFilter:
		value, in := k.number(f.Operand), comparison(f.Op, f.Value.Float(), f.Extent.Float())
		return func(c *cursor) bool {
			v := value(c)
			return v == v && in(v)
		}
	case cohort.ConceptFilter:
		value, exclude := k.concept(f.Operand), f.Exclude
		listed := map[int64]bool{}
		for _, c := range f.Concepts {
			listed[int64(c)] = true
		}
		set := newConceptSet(listed)
		return func(c *cursor) bool {
			v, _ := value(c)
			return v != lake.NoInt64 && set.contains(v) != exclude
		}
	case cohort.CodesetFilter:
		value, exclude := k.concept(f.Operand), f.Exclude
		if f.Codeset == nil {
			return func(c *cursor) bool {
				v, linked := value(c)
				return linked && (v != lake.NoInt64) != exclude
			}
		}
		set := k.sets(*f.Codeset)
		return func(c *cursor) bool {
			v, _ := value(c)
			return v != lake.NoInt64 && set.contains(v) != exclude
		}
	case cohort.TextFilter:
		slot, pattern, exclude := k.cols.text(f.Operand.Column), []rune(f.Pattern), f.Exclude
		return func(c *cursor) bool {
			t := c.texts[slot][c.row]
			return t.Known && like([]rune(t.Value), pattern) != exclude
		}
	case cohort.BelowFilter:
		slot, bound := k.cols.int(f.Column), f.Bound
		return func(c *cursor) bool {
			v := c.ints[slot][c.row]
			return v != lake.NoInt64 && v < bound
		}
	case cohort.AbnormalFilter:
		value, low, high := k.cols.float("value_as_number"), k.cols.float("range_low"), k.cols.float("range_high")
		said := k.cols.int("value_as_concept_id")
		return func(c *cursor) bool {
			v := c.floats[value][c.row]
			return v < c.floats[low][c.row] || v > c.floats[high][c.row] ||
				slices.Contains(cohort.AbnormalConcepts, galien.ConceptID(c.ints[said][c.row]))
		}
	}
	panic(fmt.Sprintf("columnar: no test for %T", f))
}

// comparison returns the test of a range.
func comparison[T galien.Date | float64](op cohort.Comparison, bound, extent T) func(T) bool {
	switch op {
	case cohort.Less:
		return func(v T) bool { return v < bound }
	case cohort.LessOrEqual:
		return func(v T) bool { return v <= bound }
	case cohort.Equal:
		return func(v T) bool { return v == bound }
	case cohort.NotEqual:
		return func(v T) bool { return v != bound }
	case cohort.Greater:
		return func(v T) bool { return v > bound }
	case cohort.GreaterOrEqual:
		return func(v T) bool { return v >= bound }
	case cohort.Between:
		return func(v T) bool { return bound <= v && v <= extent }
	case cohort.NotBetween:
		return func(v T) bool { return v < bound || v > extent }
	}
	panic(fmt.Sprintf("columnar: no test for comparison %d", op))
}

// day returns a date operand, lake.NoDate when missing.
func (k compiler) day(o cohort.Operand) func(*cursor) galien.Date {
	switch o.Of {
	case cohort.StartDate:
		return func(c *cursor) galien.Date { return c.start }
	case cohort.EndDate:
		k.uses.end = true
		return func(c *cursor) galien.Date { return c.end }
	case cohort.OwnColumn:
		slot := k.cols.date(o.Column)
		return func(c *cursor) galien.Date { return c.dates[slot][c.row] }
	}
	panic(fmt.Sprintf("columnar: operand %d is no date", o.Of))
}

// number returns a numeric operand, NaN when missing.
func (k compiler) number(o cohort.Operand) func(*cursor) float64 {
	switch o.Of {
	case cohort.OwnColumn:
		return k.column(o.Column)
	case cohort.Length:
		k.uses.end = true
		return func(c *cursor) float64 {
			if c.end == lake.NoDate {
				return math.NaN()
			}
			return float64(c.end.DaysSince(c.start))
		}
	case cohort.AgeAtStart:
		k.person("year_of_birth")
		return func(c *cursor) float64 { return c.people.age(c.person, c.start) }
	case cohort.AgeAtEnd:
		k.uses.end = true
		k.person("year_of_birth")
		return func(c *cursor) float64 { return c.people.age(c.person, c.end) }
	case cohort.Ratio:
		value, over := k.column(o.Column), k.column(o.Over)
		return func(c *cursor) float64 {
			by := over(c)
			if by == 0 {
				return math.NaN()
			}
			return value(c) / by
		}
	}
	panic(fmt.Sprintf("columnar: operand %d is no number", o.Of))
}

// column returns a number of the row.
func (k compiler) column(name string) func(*cursor) float64 {
	if c, _ := k.table.Column(name); c.Type == cdm.Integer {
		slot := k.cols.int(name)
		return func(c *cursor) float64 {
			v := c.ints[slot][c.row]
			if v == lake.NoInt64 {
				return math.NaN()
			}
			return float64(v)
		}
	}
	slot := k.cols.float(name)
	return func(c *cursor) float64 { return c.floats[slot][c.row] }
}

func (k compiler) person(column string) {
	if !slices.Contains(k.uses.person, column) {
		k.uses.person = append(k.uses.person, column)
	}
}

// concept returns a concept operand, lake.NoInt64 when missing, and whether the
// row that would hold it exists: an unknown provider counts as one without a
// specialty, an unknown visit or care site as no row at all.
func (k compiler) concept(o cohort.Operand) func(*cursor) (int64, bool) {
	personal := func(column string) func(*cursor) (int64, bool) {
		k.person(column)
		return func(c *cursor) (int64, bool) { return c.people.column(column)[c.person], true }
	}
	switch o.Of {
	case cohort.OwnColumn:
		slot := k.cols.int(o.Column)
		return func(c *cursor) (int64, bool) { return c.ints[slot][c.row], true }
	case cohort.Gender:
		return personal("gender_concept_id")
	case cohort.Race:
		return personal("race_concept_id")
	case cohort.Ethnicity:
		return personal("ethnicity_concept_id")
	case cohort.LinkedVisit:
		k.uses.visits, k.uses.visit = true, true
		return func(c *cursor) (int64, bool) { return c.visits.concept(c.person, c.visit) }
	case cohort.Specialty:
		k.uses.providers = true
		slot := k.cols.int("provider_id")
		return func(c *cursor) (int64, bool) {
			v, ok := c.links.specialty[c.ints[slot][c.row]]
			if !ok {
				return lake.NoInt64, true
			}
			return v, true
		}
	case cohort.PlaceOfCare:
		k.uses.careSites = true
		slot := k.cols.int("care_site_id")
		return func(c *cursor) (int64, bool) {
			v, ok := c.links.place[c.ints[slot][c.row]]
			if !ok {
				return lake.NoInt64, false
			}
			return v, true
		}
	}
	panic(fmt.Sprintf("columnar: operand %d is no concept", o.Of))
}

// like is SQL's LIKE: % stands for any text, _ for one character.
func like(text, pattern []rune) bool {
	// Where the last % was met, and how much of the text it has swallowed.
	star, swallowed := -1, 0
	t, p := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '%':
			star, swallowed = p, t
			p++
		case p < len(pattern) && (pattern[p] == '_' || pattern[p] == text[t]):
			t++
			p++
		case star >= 0:
			swallowed++
			t, p = swallowed, star+1
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '%' {
		p++
	}
	return p == len(pattern)
}
