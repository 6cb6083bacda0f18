package describe_test

import (
	"fmt"
	"testing"

	"galien"
	"galien/cohort"
	"galien/cohort/describe"
)

// apart fails where two different things are told in the same words.
type apart struct {
	t    *testing.T
	seen map[string]string
}

func newApart(t *testing.T) apart { return apart{t, map[string]string{}} }

func (a apart) tell(what string, def *cohort.Definition) {
	for _, lang := range []describe.Language{describe.English, describe.French} {
		text := string(lang) + tell(def, lang)
		if other, ok := a.seen[text]; ok && other != what {
			a.t.Errorf("%s and %s are told (%s) in the same words:\n%s", what, other, lang, text)
		}
		a.seen[text] = what
	}
}

// variants are tests of an attribute that differ in one thing each.
func variants(a cohort.Attribute) []cohort.Filter {
	var all []cohort.Filter
	both := func(f func(exclude bool) cohort.Filter) { all = append(all, f(false), f(true)) }
	for op := range cohort.NotBetween + 1 {
		for _, n := range []int{1, 2} {
			extent := 0
			if op >= cohort.Between {
				extent = n + 1
			}
			switch a.Kind {
			case cohort.DateRange:
				f := cohort.DateFilter{Operand: a.Operand, Op: op, Value: galien.Date(n)}
				if extent > 0 {
					f.Extent = galien.Date(extent)
				}
				all = append(all, f)
			case cohort.IntegerRange, cohort.DecimalRange:
				all = append(all, cohort.NumberFilter{Operand: a.Operand, Op: op, Value: cohort.Decimal(n), Extent: cohort.Decimal(extent)})
			}
		}
	}
	switch a.Kind {
	case cohort.ConceptList:
		for _, list := range [][]galien.ConceptID{{1}, {2}, {1, 2}, {1, 3}} {
			both(func(x bool) cohort.Filter {
				return cohort.ConceptFilter{Operand: a.Operand, Concepts: list, Exclude: x}
			})
		}
	case cohort.CodesetSelection, cohort.CodesetNumber:
		for _, set := range []*int{nil, ref(0), ref(1), ref(7)} {
			both(func(x bool) cohort.Filter {
				return cohort.CodesetFilter{Operand: a.Operand, Codeset: set, Exclude: x}
			})
		}
	case cohort.Text:
		for _, pattern := range []string{"", "a", "a%", "%a", "%a%", "%", "%%", "a_", "_", "a%b", "%a%b"} {
			both(func(x bool) cohort.Filter {
				return cohort.TextFilter{Operand: a.Operand, Pattern: pattern, Exclude: x}
			})
		}
	case cohort.AbnormalFlag:
		all = append(all, cohort.AbnormalFilter{})
	}
	return all
}

// named writes a filter with the value behind its concept set, not its address.
func named(f cohort.Filter) string {
	if s, ok := f.(cohort.CodesetFilter); ok && s.Codeset != nil {
		return fmt.Sprintf("%v in set %d, %v", s.Operand, *s.Codeset, s.Exclude)
	}
	return fmt.Sprintf("%T%+v", f, f)
}

func TestFiltersAreToldApart(t *testing.T) {
	all := newApart(t)
	for _, d := range cohort.Domains() {
		for _, a := range d.Attributes {
			for _, f := range variants(a) {
				all.tell(d.Name+" "+named(f), definition(of(d.Name, -1, f)))
			}
		}
	}
	for _, a := range cohort.DemographicAttributes {
		for _, f := range variants(a) {
			def := definition(of("ConditionOccurrence", 0))
			def.Additional = &cohort.Group{Demographics: []cohort.Demographic{{Filters: []cohort.Filter{f}}}}
			all.tell("demographic "+named(f), def)
		}
	}
}

func TestWindowsAreToldApart(t *testing.T) {
	bounds := []cohort.Bound{{Open: true, Before: true}, {Open: true}}
	for _, n := range []int{-30, -2, -1, 0, 1, 2, 30} {
		bounds = append(bounds, cohort.Bound{Before: n < 0, Days: n})
	}
	all := newApart(t)
	for _, from := range bounds {
		for _, to := range bounds {
			for flags := range 16 {
				w := cohort.Window{Start: from, End: to, IndexEnd: flags&1 != 0, EventEnd: flags&2 != 0}
				ignored, second := flags&4 != 0, flags&8 != 0
				// What means the same has the same name.
				meant := w
				if from.Open && to.Open {
					meant.IndexEnd = false
					meant.EventEnd = meant.EventEnd && !ignored
				}
				if ignored {
					meant.Start.Before = meant.Start.Before && !from.Open
					meant.End.Before = meant.End.Before && !to.Open
				}
				name := fmt.Sprintf("%+v, ignored %v, second %v", meant, ignored, second)
				c := cohort.Correlated{Criterion: of("VisitOccurrence", 1), Occurrence: cohort.NoLessThan, Count: 1, StartWindow: w, IgnoreObservationPeriod: ignored}
				if second {
					c.StartWindow, c.EndWindow = cohort.Window{Start: cohort.Bound{Days: 99}, End: cohort.Bound{Days: 99}}, &w
				}
				def := definition(of("ConditionOccurrence", 0))
				def.Additional = &cohort.Group{Correlated: []cohort.Correlated{c}}
				all.tell(name, def)
			}
		}
	}
}

func TestCountsAreToldApart(t *testing.T) {
	all := newApart(t)
	for _, d := range cohort.Domains() {
		columns := []*cohort.CountColumn{nil}
		for _, c := range []cohort.CountColumn{cohort.CountStartDate, cohort.CountEndDate, cohort.CountVisit} {
			columns = append(columns, &c)
		}
		for c := range d.CountColumns {
			columns = append(columns, &c)
		}
		for _, column := range columns {
			for _, occurrence := range []cohort.Occurrence{cohort.Exactly, cohort.NoMoreThan, cohort.NoLessThan} {
				for _, count := range []int{-1, 0, 1, 2} {
					c := cohort.Correlated{Criterion: of(d.Name, -1), Occurrence: occurrence, Count: count, Distinct: column}
					meant := occurrence
					if count == 0 && occurrence == cohort.NoMoreThan {
						meant = cohort.Exactly
					}
					def := definition(of("ConditionOccurrence", 0))
					def.Additional = &cohort.Group{Correlated: []cohort.Correlated{c}}
					name := "events"
					if column != nil {
						name = column.String()
					}
					all.tell(fmt.Sprint(d.Name, name, meant, count), def)
				}
			}
		}
	}
}

// Limits, group types, exits and flags of concepts.
func TestPartsAreToldApart(t *testing.T) {
	all := newApart(t)
	for _, limit := range []cohort.Limit{cohort.All, cohort.First, cohort.Last} {
		for part := range 3 {
			def := definition(of("ConditionOccurrence", 0))
			def.Additional, def.Rules = &cohort.Group{}, []cohort.Rule{{}}
			*[]*cohort.Limit{&def.EntryLimit, &def.QualifiedLimit, &def.ResultLimit}[part] = limit
			if limit != cohort.All {
				all.tell(fmt.Sprint("limit", part, limit), def)
			}
		}
	}
	for kind := range cohort.AtMost + 1 {
		for count := range 4 {
			for members := 1; members < 4; members++ {
				g := cohort.Group{Type: kind, Count: count, Demographics: make([]cohort.Demographic, members)}
				name := fmt.Sprint("group", kind, count, members)
				if kind <= cohort.AnyOf {
					name = fmt.Sprint("group", kind, members)
					if members == 1 {
						name = "group of one"
					}
				}
				def := definition(of("ConditionOccurrence", 0))
				def.Additional = &g
				all.tell(name, def)
			}
		}
	}
	exits := []cohort.Exit{nil}
	for _, n := range []int{-2, -1, 0, 1, 2} {
		exits = append(exits, cohort.DateOffset{Days: n}, cohort.DateOffset{Days: n, FromEnd: true}, cohort.DrugEra{Offset: n}, cohort.DrugEra{Offset: n, GapDays: 1},
			cohort.DrugEra{Codeset: 1, Offset: n, DaysForce: ref(0)})
	}
	for i, x := range exits {
		def := definition(of("ConditionOccurrence", 0))
		def.Exit = x
		all.tell(fmt.Sprint("exit", i), def)
	}
	for flags := range 8 {
		def := definition(of("ConditionOccurrence", 0))
		def.ConceptSets[0].Items = []cohort.ConceptItem{{Concept: 1, Excluded: flags&1 != 0, Descendants: flags&2 != 0, Mapped: flags&4 != 0}}
		all.tell(fmt.Sprint("concept", flags), def)
	}
	for moved := range 36 {
		def := definition(of("ConditionOccurrence", 0))
		def.Entry[0].Adjust = &cohort.DateAdjustment{StartWithEnd: moved%2 == 1, EndWithEnd: moved/2%2 == 1, StartOffset: moved/4%3 - 1, EndOffset: moved/12 - 1}
		all.tell(fmt.Sprint("adjusted", moved), def)
	}
}

// One event or several, in the number that each language wants.
func TestNumber(t *testing.T) {
	for count, want := range map[int][2]string{
		0: {"At least 0 diagnoses of “B” (which is always so) starting in the 365 days before the index date (excluded).", "Au moins 0 diagnostic de «\u00a0B\u00a0» (ce qui est toujours le cas) débutant dans les 365 jours précédant la date index (exclue)."},
		1: {"At least 1 diagnosis of “B” starting in the 365 days before the index date (excluded).", "Au moins 1 diagnostic de «\u00a0B\u00a0» débutant dans les 365 jours précédant la date index (exclue)."},
		2: {"At least 2 diagnoses of “B” starting in the 365 days before the index date (excluded).", "Au moins 2 diagnostics de «\u00a0B\u00a0» débutant dans les 365 jours précédant la date index (exclue)."},
	} {
		def := definition(of("ConditionOccurrence", 0))
		def.Additional = &cohort.Group{Correlated: []cohort.Correlated{{Criterion: of("ConditionOccurrence", 1), Occurrence: cohort.NoLessThan, Count: count,
			StartWindow: cohort.Window{Start: cohort.Bound{Days: -365}, End: cohort.Bound{Days: -1}}}}}
		expect(t, "number", def, 2, []string{"An entry event qualifies if the following holds:", "- " + want[0]},
			[]string{"Un événement d'entrée satisfait ces critères si la condition suivante est remplie~:", "- " + want[1]})
	}
	for days, want := range map[int][2]string{0: {"1 day before", "1 jour avant"}, 1: {"1 day after", "1 jour après"}, 2: {"2 days after", "2 jours après"}} {
		if days == 0 {
			days = -1
		}
		def := definition(of("ConditionOccurrence", 0))
		def.Exit = cohort.DateOffset{FromEnd: true, Days: days}
		expect(t, "days", def, 2, []string{"The cohort period runs from the index date to " + want[0] + " the end of the entry event"},
			[]string{"La période de cohorte va de la date index à " + want[1] + " la fin de l'événement d'entrée"})
	}
}
