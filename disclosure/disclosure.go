// Package disclosure decides which numbers of a table may leave the hub. It is
// pure: the same table and rule always give the same answer, and it touches no
// file, network, clock or random source.
//
// It owns one promise. A row of a table counts persons; a row that counts fewer
// than the threshold (zero included), or that leaves fewer than the threshold
// of the population, or of a margin, outside the count, is withheld, and enough
// other rows are withheld with it that nothing published, margins of all levels
// of a hierarchy included, bounds it to an interval narrower than the
// threshold. It follows that no withheld number can be computed, that none can
// be shown to be below the threshold, and that every total of withheld rows
// that can be computed is at least the threshold. Sums are withheld where few
// contributors make most of them, and protected likewise. Before anything is
// returned, each such row is proved safe by two whole-number tables, both in
// agreement with everything published, that differ in that row by at least
// what the rule asks.
//
// It refuses inconsistent tables, and never repairs them. It knows nothing of
// other releases: two tables that are each safe may not be safe together.
// Outputs that are no tables are for disclosure/outputs.
//
//	t := disclosure.Table{
//		Dimensions: []disclosure.Dimension{{Name: "sex", Categories: []string{"female", "male"}, Additive: true}},
//		Cells:      []disclosure.Cell{{Keys: []string{"female"}, Persons: 40}, {Keys: []string{"male"}, Persons: 3}},
//	}
//	cleared, decision, err := disclosure.Clear(t, disclosure.Rule{Threshold: 11})
//	// decision.Primary == 1 (male), decision.Secondary == 1 (female, or the
//	// total would give male away), decision.Published == 1 (the total, 43)
//	for _, c := range cleared.Cells() { ... }
package disclosure

import (
	"maps"

	"galien"
)

// Total is the key of a dimension that has been totalled.
const Total = "*"

// Dimension is one way a table is cut.
type Dimension struct {
	// Name is the dimension's name, such as "sex" or "age_group".
	Name string
	// Categories are its values, in the order they are shown. Total is not one
	// of them.
	Categories []string
	// Parents makes a hierarchy: the category that each is a part of, such as
	// the department of a commune. Categories not in it are directly under the
	// total. A category that has parts is a margin like the total.
	Parents map[string]string
	// Additive says that a person is in one category at most of those with the
	// same parent, so that the margin is the sum of the categories. It is true of sex; it is false of
	// year and age group, where one person may be counted in several.
	Additive bool
}

// Cell is one row of a table: a combination of categories, or of categories and
// totals, with what is counted there.
type Cell struct {
	// Keys holds one category for each dimension, or Total.
	Keys []string
	// Persons is the number of distinct persons counted: what is protected.
	Persons int64
	// Population is the number of distinct persons among whom they are counted,
	// never fewer than Persons; used when Table.HasPopulation is set.
	Population int64
	// PersonDays is the time the population was observed, in days; used when
	// Table.HasPersonDays is set.
	PersonDays int64
}

// Table is a table of counts, with its margins. A combination of categories
// that is absent counts nobody. A margin that is absent is the sum of its
// categories where the dimension is additive; elsewhere it must be given.
type Table struct {
	Dimensions    []Dimension
	HasPopulation bool
	HasPersonDays bool
	Cells         []Cell
}

// Outcome is what was decided about one row.
type Outcome uint8

const (
	// Published rows leave as they are.
	Published Outcome = iota
	// Primary rows are withheld for what they say themselves.
	Primary
	// Secondary rows are withheld because a primary row could be computed or
	// closely bounded from them.
	Secondary
)

// Why a row is primary.
const (
	reasonSmall      = "fewer persons than the threshold"
	reasonRest       = "all but fewer persons than the threshold are counted"
	reasonPopulation = "fewer persons under observation than the minimum"
	reasonClass      = "all but fewer persons than the threshold of a margin are in this category"
	reasonSame       = "the amount of each person is the same"
	reasonDominance  = "(n,k) rule: the largest contributors make most of the amount"
	reasonP          = "p % rule: a contributor could estimate the largest too closely"
	reasonSecondary  = "another row could be computed or closely bounded from it"
)

// String returns the outcome's name.
func (o Outcome) String() string {
	switch o {
	case Published:
		return "published"
	case Primary:
		return "withheld (for itself)"
	case Secondary:
		return "withheld (protects another)"
	}
	return "unknown"
}

// CellDecision is the outcome of one row, without its numbers.
type CellDecision struct {
	Keys    []string
	Outcome Outcome
	// Reason is why the row is withheld, empty where it is published.
	Reason string
}

// Decision explains a clearing to people inside the hub. It holds no count of
// a withheld row, yet it must not leave: to know which of two withheld rows is
// the small one narrows both.
type Decision struct {
	Rule Rule
	// Cells has every row, margins included, in the order of Cleared.Cells.
	Cells []CellDecision
	// Published, Primary and Secondary count the rows of each outcome.
	Published, Primary, Secondary int
}

// add notes the outcome of one more row.
func (d *Decision) add(keys []string, o Outcome, reason string) {
	switch o {
	case Published:
		d.Published++
	case Primary:
		d.Primary++
	case Secondary:
		d.Secondary++
		reason = reasonSecondary
	}
	d.Cells = append(d.Cells, CellDecision{Keys: keys, Outcome: o, Reason: reason})
}

// ClearedCell is one row of a cleared table. Its numbers are zero when it is
// withheld: a cleared table does not hold what it does not show.
type ClearedCell struct {
	Keys       []string
	Withheld   bool
	Persons    int64
	Population int64
	PersonDays int64
}

// Cleared is a table that may leave the hub. Clear is its only constructor; the
// zero value is refused wherever a table is released.
type Cleared struct {
	ok                        bool
	rule                      Rule
	dimensions                []Dimension
	hasPopulation, hasPersonD bool
	cells                     []ClearedCell
}

// Check returns nil for a table made by Clear, and a Denied error for the zero
// value.
func (c Cleared) Check() error {
	if !c.ok {
		return galien.Errorf(galien.Denied, "release: this table has not been through disclosure control")
	}
	return nil
}

// Rule returns the rule the table was cleared under, its default filled in.
func (c Cleared) Rule() Rule { return c.rule }

// HasPopulation says whether published rows carry a population.
func (c Cleared) HasPopulation() bool { return c.hasPopulation }

// HasPersonDays says whether published rows carry person-days.
func (c Cleared) HasPersonDays() bool { return c.hasPersonD }

// Dimensions returns the table's dimensions, categories in the caller's order.
func (c Cleared) Dimensions() []Dimension { return copyDimensions(c.dimensions) }

// Cells returns every row, margins included: dimension by dimension in order,
// categories in the caller's order, totals last.
func (c Cleared) Cells() []ClearedCell {
	out := make([]ClearedCell, len(c.cells))
	for i, x := range c.cells {
		x.Keys = append([]string(nil), x.Keys...)
		out[i] = x
	}
	return out
}

// Clear withholds what must not leave of t under r and returns the rest, with
// the decision that explains it to people inside the hub. Every number of a
// withheld row is dropped. An inconsistent table or a bad rule is Invalid.
func Clear(t Table, r Rule) (Cleared, Decision, error) {
	rule, err := r.Resolved()
	if err != nil {
		return Cleared{}, Decision{}, err
	}
	l, err := countLattice(t)
	if err != nil {
		return Cleared{}, Decision{}, err
	}
	targets, reasons := l.sensitiveCounts(rule)
	outcome := suppress(l, targets)
	c := Cleared{
		ok: true, rule: rule, dimensions: copyDimensions(t.Dimensions),
		hasPopulation: t.HasPopulation, hasPersonD: t.HasPersonDays,
	}
	dec := Decision{Rule: rule}
	for _, at := range l.shown(t.Dimensions) {
		row := ClearedCell{Keys: l.keys(at), Withheld: outcome[at] != Published}
		if !row.Withheld {
			row.Persons = rule.Round(l.persons[at])
			if t.HasPopulation {
				row.Population = rule.Round(l.population[at])
			}
			if t.HasPersonDays {
				row.PersonDays = rule.RoundDays(l.days[at])
			}
		}
		c.cells = append(c.cells, row)
		dec.add(l.keys(at), outcome[at], reasons[at])
	}
	return c, dec, nil
}

// sensitiveCounts returns what is to be protected of a table of persons, and
// why: small counts and small rests (class disclosure: nobody, or everybody),
// rows of small populations, and categories with all but few of the persons of
// a margin that persons share with other categories. Where they do not share
// it, the other categories are small themselves.
func (l *lattice) sensitiveCounts(r Rule) ([]target, []string) {
	reasons := make([]string, l.n)
	threshold := int64(r.Threshold)
	var counted, rest []target
	for row, n := range l.persons {
		count := target{row: row, layer: layerPersons, span: threshold}
		other := target{row: row, layer: layerOther, span: threshold}
		if n < threshold {
			reasons[row] = reasonSmall
			counted = append(counted, count)
		}
		if l.population != nil && l.population[row]-n < threshold {
			if reasons[row] == "" {
				reasons[row] = reasonRest
			}
			rest = append(rest, other)
		}
		if reasons[row] != "" {
			continue
		}
		switch {
		case l.population != nil && l.population[row] < int64(r.MinimumPopulation):
			reasons[row] = reasonPopulation
			counted, rest = append(counted, count), append(rest, other)
		case l.nearlyAll(row, threshold):
			reasons[row] = reasonClass
			counted = append(counted, count)
		}
	}
	return append(counted, rest...), reasons
}

// nearlyAll says whether row counts all but fewer than threshold of the
// persons of a margin that it shares persons with other categories of.
func (l *lattice) nearlyAll(row int, threshold int64) bool {
	for d := range l.size {
		whole, ok := l.whole(row, d)
		if ok && l.persons[whole]-l.persons[row] < threshold && l.excess(l.persons, whole, d) > 0 {
			return true
		}
	}
	return false
}

func copyDimensions(ds []Dimension) []Dimension {
	out := make([]Dimension, len(ds))
	for i, d := range ds {
		d.Categories = append([]string(nil), d.Categories...)
		d.Parents = maps.Clone(d.Parents)
		out[i] = d
	}
	return out
}
