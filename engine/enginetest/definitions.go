package enginetest

import (
	"fmt"
	"slices"

	"galien"
	"galien/cohort"
)

// sets are the ids of a random definition's concept sets; 9 is not defined and
// stands for the empty set.
var sets = []int{0, 1, 2, 0, 1, 2, 9}

// RandomDefinition returns a small definition over Hostile data, the same for
// the same seed. Every part of the model comes up.
func RandomDefinition(seed uint64) *cohort.Definition {
	g := definitions{newDice(seed, 2)}
	def := &cohort.Definition{
		EntryLimit: g.limit(), QualifiedLimit: g.limit(), ResultLimit: g.limit(),
		Exit: g.exit(), EraPad: pick(g.dice, 0, 0, 1, 5),
	}
	for id := range 3 {
		def.ConceptSets = append(def.ConceptSets, g.conceptSet(id))
	}
	for range g.between(1, 3) {
		def.Entry = append(def.Entry, g.criterion(1))
	}
	if g.chance(40) {
		def.PriorDays, def.PostDays = g.between(0, 4), g.between(0, 4)
	}
	if g.chance(40) {
		group := g.group(2)
		def.Additional = &group
	}
	if g.chance(50) {
		for i := range pick(g.dice, 1, 1, 2, 3) {
			def.Rules = append(def.Rules, cohort.Rule{Name: fmt.Sprintf("rule %d", i+1), Group: g.group(2)})
		}
	}
	if g.chance(30) {
		for range g.between(1, 2) {
			def.Censoring = append(def.Censoring, g.criterion(1))
		}
	}
	if g.chance(15) {
		def.CensorStart = g.optionalDate(70)
		def.CensorEnd = g.optionalDate(70)
	}
	return def
}

type definitions struct{ dice }

func (g definitions) limit() cohort.Limit {
	return pick(g.dice, cohort.All, cohort.All, cohort.First, cohort.Last)
}

func (g definitions) date() galien.Date { return firstDay.AddDays(g.between(-2, days+2)) }

func (g definitions) optionalDate(chance int) *galien.Date {
	if !g.chance(chance) {
		return nil
	}
	d := g.date()
	return &d
}

func (g definitions) set() *int {
	id := pick(g.dice, sets...)
	return &id
}

func (g definitions) conceptSet(id int) cohort.ConceptSet {
	s := cohort.ConceptSet{ID: id, Name: fmt.Sprintf("set %d", id)}
	for i := range g.between(1, 3) {
		s.Items = append(s.Items, cohort.ConceptItem{
			Concept: galien.ConceptID(pick(g.dice, 1, 1, 1, 1, 2, 3, 4, 5, 6, 9, 10, 8507, 0)), Excluded: i > 0 && g.chance(35),
			Descendants: g.chance(70), Mapped: g.chance(30)})
	}
	return s
}

func (g definitions) exit() cohort.Exit {
	switch g.IntN(4) {
	case 0:
		return cohort.DateOffset{FromEnd: g.chance(50), Days: g.between(-3, 12)}
	case 1:
		x := cohort.DrugEra{Codeset: *g.set(), GapDays: g.between(0, 5), Offset: g.between(-2, 4)}
		if g.chance(30) {
			days := g.between(0, 6)
			x.DaysForce = &days
		}
		return x
	}
	return nil
}

// criterion returns a criterion whose nested groups are at most depth deep.
func (g definitions) criterion(depth int) cohort.Criterion {
	return g.criterionOn(pick(g.dice, cohort.Domains()...), depth)
}

func (g definitions) criterionOn(d *cohort.Domain, depth int) cohort.Criterion {
	c := cohort.Criterion{Domain: d}
	if d.Concept != "" && g.chance(65) {
		c.Codeset = g.set()
	}
	if d.SourceConcept != "" && g.chance(12) {
		c.SourceCodeset = g.set()
	}
	c.First = !d.NoFirst && g.chance(25)
	for range pick(g.dice, 0, 0, 0, 0, 1, 1, 2) {
		if len(d.Attributes) == 0 {
			break
		}
		if f := g.filter(pick(g.dice, d.Attributes...)); f != nil {
			c.Filters = append(c.Filters, f)
		}
	}
	if !d.NoAdjust && g.chance(15) {
		c.Adjust = &cohort.DateAdjustment{EndWithEnd: true, StartOffset: g.between(-3, 3), EndOffset: g.between(-2, 5)}
		if !d.FixedAdjust {
			c.Adjust.StartWithEnd, c.Adjust.EndWithEnd = g.chance(40), g.chance(60)
		}
	}
	if d.UserPeriod && g.chance(40) {
		c.UserStart, c.UserEnd = g.optionalDate(60), g.optionalDate(60)
	}
	if depth > 0 && g.chance(15) {
		group := g.group(depth - 1)
		c.Nested = &group
	}
	return c
}

// group returns a group of groups and nested criteria at most depth deep.
func (g definitions) group(depth int) cohort.Group {
	group := cohort.Group{Type: pick(g.dice, cohort.AllOf, cohort.AnyOf, cohort.AtLeast, cohort.AtMost)}
	if group.Type == cohort.AtLeast || group.Type == cohort.AtMost {
		group.Count = g.between(0, 2)
	}
	for range pick(g.dice, 0, 1, 1, 2) {
		group.Correlated = append(group.Correlated, g.correlated(depth-1))
	}
	if g.chance(20) {
		var demographic cohort.Demographic
		for range g.between(0, 2) {
			if f := g.filter(pick(g.dice, cohort.DemographicAttributes...)); f != nil {
				demographic.Filters = append(demographic.Filters, f)
			}
		}
		group.Demographics = append(group.Demographics, demographic)
	}
	if depth > 0 && g.chance(25) {
		group.Groups = append(group.Groups, g.group(depth-1))
	}
	return group
}

func (g definitions) correlated(depth int) cohort.Correlated {
	c := cohort.Correlated{
		Criterion: g.criterion(depth), StartWindow: g.window(false), RestrictVisit: g.chance(15), IgnoreObservationPeriod: g.chance(20),
		Occurrence: pick(g.dice, cohort.Exactly, cohort.NoMoreThan, cohort.NoLessThan, cohort.NoLessThan), Count: pick(g.dice, 0, 1, 1, 2),
	}
	if g.chance(30) {
		w := g.window(true)
		c.EndWindow = &w
	}
	if g.chance(25) {
		column := pick(g.dice, countColumns(c.Criterion.Domain)...)
		g.need(&c.Criterion, column)
		if _, err := c.Criterion.CountOperandOf(column); err == nil {
			c.Distinct = &column
		}
	}
	return c
}

// need adds the test without which a column cannot be counted.
func (g definitions) need(c *cohort.Criterion, column cohort.CountColumn) {
	if o := c.Domain.CountColumns[column]; o.Needs != "" {
		a, _ := c.Domain.Attribute(o.Needs)
		c.Filters = append(c.Filters, g.filter(a))
	}
}

func (g definitions) window(end bool) cohort.Window {
	w := cohort.Window{Start: g.bound(true), End: g.bound(false), IndexEnd: g.chance(25), EventEnd: end}
	if g.chance(25) {
		w.EventEnd = !end
	}
	return w
}

func (g definitions) bound(start bool) cohort.Bound {
	before := start
	if g.chance(10) {
		before = !before
	}
	if g.chance(35) {
		return cohort.Bound{Open: true, Before: before}
	}
	n := pick(g.dice, 0, 0, 1, 2, 5, 10)
	if before {
		n = -n
	}
	return cohort.Bound{Before: before, Days: n}
}

// filter returns a test of an attribute; nil where it tests nothing.
func (g definitions) filter(a cohort.Attribute) cohort.Filter {
	op := cohort.Comparison(g.IntN(int(cohort.NotBetween) + 1))
	two := op == cohort.Between || op == cohort.NotBetween
	switch a.Kind {
	case cohort.DateRange:
		f := cohort.DateFilter{Operand: a.Operand, Op: op, Value: g.date()}
		if two {
			f.Extent = f.Value.AddDays(g.between(-1, 12))
		}
		return f
	case cohort.IntegerRange, cohort.DecimalRange:
		unit := 10000
		if a.Kind == cohort.DecimalRange {
			unit = 5000
		}
		value := pick(g.dice, 0, 1, 2, 3, 10, 21)
		if a.Operand.Of == cohort.AgeAtStart || a.Operand.Of == cohort.AgeAtEnd {
			value = pick(g.dice, 0, 1, 10, 20, 21, 70)
		}
		f := cohort.NumberFilter{Operand: a.Operand, Op: op, Value: cohort.Decimal(value * unit)}
		if a.Kind == cohort.DecimalRange && g.chance(10) {
			f.Value = 12346 // 1.23456 rounded
		}
		if two {
			f.Extent = f.Value + cohort.Decimal(g.between(-1, 20)*unit)
		}
		return f
	case cohort.ConceptList:
		f := cohort.ConceptFilter{Operand: a.Operand, Exclude: a.Exclude != "" && g.chance(40)}
		for range g.between(1, 4) {
			f.Concepts = append(f.Concepts, galien.ConceptID(pick(g.dice, append([]int64{8507, 8532}, concepts...)...)))
		}
		slices.Sort(f.Concepts)
		f.Concepts = slices.Compact(f.Concepts)
		return f
	case cohort.CodesetSelection:
		f := cohort.CodesetFilter{Operand: a.Operand, Exclude: g.chance(40)}
		if g.chance(75) {
			f.Codeset = g.set()
		}
		return f
	case cohort.CodesetNumber:
		return cohort.CodesetFilter{Operand: a.Operand, Codeset: g.set()}
	case cohort.Text:
		return cohort.TextFilter{Operand: a.Operand, Exclude: g.chance(40), Pattern: pick(g.dice, "a", "a%", "%b", "%a%", "_", "A_b", "%", "", "50% b", "50%%b")}
	case cohort.AbnormalFlag:
		return cohort.AbnormalFilter{}
	}
	return nil
}
