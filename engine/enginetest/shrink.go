package enginetest

import (
	"maps"
	"slices"
	"strings"

	"galien/cohort"
)

// shrink returns a smaller definition and smaller tables for which fails still
// holds. fails is told whether the tables are those it was first given.
func shrink(def *cohort.Definition, tables Tables, fails func(def *cohort.Definition, tables Tables, same bool) bool) (*cohort.Definition, Tables) {
	simplify := func(same bool) {
		for progress := true; progress; {
			progress = false
			for _, smaller := range simpler(*def) {
				if fails(&smaller, tables, same) {
					def, progress = &smaller, true
					break
				}
			}
		}
	}
	simplify(true)
	for _, person := range personsOf(tables) {
		if fewer := without(tables, func(_ string, r map[string]any) bool { return personOf(r) == person }); fails(def, fewer, false) {
			tables = fewer
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if strings.HasPrefix(name, "concept") || name == "person" {
			continue
		}
		if fewer := without(tables, func(table string, _ map[string]any) bool { return table == name }); fails(def, fewer, false) {
			tables = fewer
			continue
		}
		for i := len(tables[name]) - 1; i >= 0; i-- {
			fewer := maps.Clone(tables)
			fewer[name] = slices.Delete(slices.Clone(tables[name]), i, i+1)
			if fails(def, fewer, false) {
				tables = fewer
			}
		}
	}
	simplify(false)
	return def, tables
}

func personsOf(t Tables) []int64 {
	var list []int64
	for _, r := range t["person"] {
		list = append(list, personOf(r))
	}
	return list
}

// personOf returns the person of a row, 0 for none.
func personOf(r map[string]any) int64 {
	for _, column := range []string{"person_id", "entity_id"} {
		if id, ok := r[column].(int64); ok {
			return id
		}
	}
	return 0
}

func without(t Tables, drop func(table string, r map[string]any) bool) Tables {
	fewer := Tables{}
	for name, rows := range t {
		for _, r := range rows {
			if !drop(name, r) {
				fewer[name] = append(fewer[name], r)
			}
		}
	}
	return fewer
}

// simpler returns the definitions that are one step simpler.
func simpler(def cohort.Definition) []cohort.Definition {
	var list []cohort.Definition
	change := func(f func(*cohort.Definition)) {
		d := def
		f(&d)
		list = append(list, d)
	}
	for i := range def.Rules {
		change(func(d *cohort.Definition) { d.Rules = cut(d.Rules, i) })
	}
	for i := range def.Censoring {
		change(func(d *cohort.Definition) { d.Censoring = cut(d.Censoring, i) })
	}
	if len(def.Entry) > 1 {
		for i := range def.Entry {
			change(func(d *cohort.Definition) { d.Entry = cut(d.Entry, i) })
		}
	}
	if def.Additional != nil {
		change(func(d *cohort.Definition) { d.Additional = nil })
	}
	if def.Exit != nil {
		change(func(d *cohort.Definition) { d.Exit = nil })
	}
	if def.CensorStart != nil {
		change(func(d *cohort.Definition) { d.CensorStart = nil })
	}
	if def.CensorEnd != nil {
		change(func(d *cohort.Definition) { d.CensorEnd = nil })
	}
	if def.PriorDays+def.PostDays > 0 {
		change(func(d *cohort.Definition) { d.PriorDays, d.PostDays = 0, 0 })
	}
	if def.EraPad > 0 {
		change(func(d *cohort.Definition) { d.EraPad = 0 })
	}
	if def.EntryLimit != cohort.All {
		change(func(d *cohort.Definition) { d.EntryLimit = cohort.All })
	}
	if def.QualifiedLimit != cohort.All {
		change(func(d *cohort.Definition) { d.QualifiedLimit = cohort.All })
	}
	if def.ResultLimit != cohort.All {
		change(func(d *cohort.Definition) { d.ResultLimit = cohort.All })
	}
	for i, c := range def.Entry {
		for _, s := range simplerCriteria(c) {
			change(func(d *cohort.Definition) { d.Entry = put(d.Entry, i, s) })
		}
	}
	for i, c := range def.Censoring {
		for _, s := range simplerCriteria(c) {
			change(func(d *cohort.Definition) { d.Censoring = put(d.Censoring, i, s) })
		}
	}
	if def.Additional != nil {
		for _, s := range simplerGroups(*def.Additional) {
			change(func(d *cohort.Definition) { d.Additional = &s })
		}
	}
	for i, r := range def.Rules {
		for _, s := range simplerGroups(r.Group) {
			change(func(d *cohort.Definition) { d.Rules = put(d.Rules, i, cohort.Rule{Name: r.Name, Group: s}) })
		}
	}
	return list
}

func simplerCriteria(c cohort.Criterion) []cohort.Criterion {
	var list []cohort.Criterion
	change := func(f func(*cohort.Criterion)) {
		s := c
		f(&s)
		list = append(list, s)
	}
	if c.Nested != nil {
		change(func(s *cohort.Criterion) { s.Nested = nil })
	}
	for i := range c.Filters {
		change(func(s *cohort.Criterion) { s.Filters = cut(s.Filters, i) })
	}
	if c.Codeset != nil {
		change(func(s *cohort.Criterion) { s.Codeset = nil })
	}
	if c.SourceCodeset != nil {
		change(func(s *cohort.Criterion) { s.SourceCodeset = nil })
	}
	if c.First {
		change(func(s *cohort.Criterion) { s.First = false })
	}
	if c.Adjust != nil {
		change(func(s *cohort.Criterion) { s.Adjust = nil })
	}
	if c.UserStart != nil {
		change(func(s *cohort.Criterion) { s.UserStart = nil })
	}
	if c.UserEnd != nil {
		change(func(s *cohort.Criterion) { s.UserEnd = nil })
	}
	if c.Nested != nil {
		for _, g := range simplerGroups(*c.Nested) {
			change(func(s *cohort.Criterion) { s.Nested = &g })
		}
	}
	return list
}

func simplerGroups(g cohort.Group) []cohort.Group {
	var list []cohort.Group
	change := func(f func(*cohort.Group)) {
		s := g
		f(&s)
		list = append(list, s)
	}
	for i := range g.Correlated {
		change(func(s *cohort.Group) { s.Correlated = cut(s.Correlated, i) })
	}
	for i := range g.Demographics {
		change(func(s *cohort.Group) { s.Demographics = cut(s.Demographics, i) })
	}
	for i := range g.Groups {
		change(func(s *cohort.Group) { s.Groups = cut(s.Groups, i) })
	}
	for i, sub := range g.Groups {
		for _, smaller := range simplerGroups(sub) {
			change(func(s *cohort.Group) { s.Groups = put(s.Groups, i, smaller) })
		}
	}
	for i, d := range g.Demographics {
		for j := range d.Filters {
			change(func(s *cohort.Group) {
				s.Demographics = put(s.Demographics, i, cohort.Demographic{Filters: cut(d.Filters, j)})
			})
		}
	}
	for i, c := range g.Correlated {
		for _, smaller := range simplerCorrelated(c) {
			change(func(s *cohort.Group) { s.Correlated = put(s.Correlated, i, smaller) })
		}
	}
	return list
}

func simplerCorrelated(c cohort.Correlated) []cohort.Correlated {
	var list []cohort.Correlated
	change := func(f func(*cohort.Correlated)) {
		s := c
		f(&s)
		list = append(list, s)
	}
	if c.EndWindow != nil {
		change(func(s *cohort.Correlated) { s.EndWindow = nil })
	}
	if c.RestrictVisit {
		change(func(s *cohort.Correlated) { s.RestrictVisit = false })
	}
	if c.IgnoreObservationPeriod {
		change(func(s *cohort.Correlated) { s.IgnoreObservationPeriod = false })
	}
	if c.Distinct != nil {
		change(func(s *cohort.Correlated) { s.Distinct = nil })
	}
	anywhere := cohort.Window{Start: cohort.Bound{Open: true, Before: true}, End: cohort.Bound{Open: true}}
	if c.StartWindow != anywhere {
		change(func(s *cohort.Correlated) { s.StartWindow = anywhere })
	}
	for _, smaller := range simplerCriteria(c.Criterion) {
		if c.Distinct == nil {
			change(func(s *cohort.Correlated) { s.Criterion = smaller })
		} else if _, err := smaller.CountOperandOf(*c.Distinct); err == nil {
			change(func(s *cohort.Correlated) { s.Criterion = smaller })
		}
	}
	return list
}

func cut[T any](list []T, i int) []T { return slices.Delete(slices.Clone(list), i, i+1) }

func put[T any](list []T, i int, v T) []T {
	list = slices.Clone(list)
	list[i] = v
	return list
}
