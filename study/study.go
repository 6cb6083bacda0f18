// Package study turns the counts that an engine gives for a cohort into tables
// that disclosure control can clear, and cleared counts into estimates.
//
// It owns the estimators: today the rate of persons per time at risk, with an
// exact interval. It computes estimates only from numbers that may be
// published, so that a rate never says more than its numerator and denominator.
//
//	table, err := study.Table([]cohort.Dimension{cohort.Sex, cohort.Year}, cells)
//	cleared, decision, err := disclosure.Clear(table, rule)
//	for _, c := range cleared.Cells() {
//		if !c.Withheld {
//			rate, ok := study.PersonRate(c.Persons, c.PersonDays)
//		}
//	}
package study

import (
	"cmp"
	"slices"
	"strings"

	"galien"
	"galien/cohort"
	"galien/disclosure"
)

// DaysPerYear is the length of a person-year in days.
const DaysPerYear = 365.25

// additive names the dimensions in which a person has one category at most.
var additive = map[cohort.Dimension]bool{cohort.Sex: true}

// Table makes the table of by, the dimensions in order, from an engine's cells,
// margins included: it must give every margin, since a person may be counted in
// several categories of a dimension other than sex. A combination that is
// absent counts nobody. A category without any person under observation is left
// out of the table; numbers in categories are sorted as numbers. Cells that do
// not agree with each other are Invalid.
func Table(by []cohort.Dimension, cells []cohort.Cell) (disclosure.Table, error) {
	t := disclosure.Table{HasPopulation: true, HasPersonDays: true}
	observed := make([]map[string]bool, len(by))
	for d := range by {
		observed[d] = map[string]bool{}
	}
	for i, c := range cells {
		if len(c.Keys) != len(by) {
			return disclosure.Table{}, galien.Errorf(galien.Invalid, "table: cell %d has %d keys for %d dimensions", i+1, len(c.Keys), len(by))
		}
		if c.Population > 0 || c.Persons > 0 {
			for d, k := range c.Keys {
				if k != cohort.Total {
					observed[d][k] = true
				}
			}
		}
	}
	for d, name := range by {
		dim := disclosure.Dimension{Name: string(name), Additive: additive[name]}
		for k := range observed[d] {
			dim.Categories = append(dim.Categories, k)
		}
		if len(dim.Categories) == 0 {
			return disclosure.Table{}, galien.Errorf(galien.NotFound, "table: nobody is under observation, so there is nothing to cut by %q", string(name))
		}
		slices.SortFunc(dim.Categories, natural)
		t.Dimensions = append(t.Dimensions, dim)
	}
	for _, c := range cells {
		kept := true
		for d, k := range c.Keys {
			kept = kept && (k == cohort.Total || observed[d][k])
		}
		if kept {
			t.Cells = append(t.Cells, disclosure.Cell{
				Keys: slices.Clone(c.Keys), Persons: c.Persons, Population: c.Population, PersonDays: c.PersonDays,
			})
		}
	}
	return t, nil
}

// natural compares two labels, runs of digits by their value: "5-9" comes
// before "10-14".
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		nx, ny := digits(x), digits(y)
		if nx > 0 && ny > 0 {
			u, v := strings.TrimLeft(x[:nx], "0"), strings.TrimLeft(y[:ny], "0")
			if c := cmp.Or(cmp.Compare(len(u), len(v)), cmp.Compare(u, v)); c != 0 {
				return c
			}
			x, y = x[nx:], y[ny:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// digits returns the length of the run of digits s starts with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
