package oracle

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"galien"
	"galien/cohort"
)

// stratum is where a person stands at some time, by dimension.
type stratum map[cohort.Dimension]string

// tally is a cell being counted.
type tally struct {
	keys               []string
	persons, observed  map[galien.PersonID]bool
	events, personDays int64
}

// tabulate counts cohort entries and observation time by the given dimensions,
// and by every subset of them.
func (q *question) tabulate(ctx context.Context, by []cohort.Dimension, members *cohort.Members) ([]cohort.Cell, error) {
	for i, d := range by {
		if d != cohort.Sex && d != cohort.AgeGroup && d != cohort.Year {
			return nil, galien.Errorf(galien.Invalid, "unknown dimension %q; use sex, age_group or year", d)
		}
		if slices.Contains(by[:i], d) {
			return nil, galien.Errorf(galien.Invalid, "dimension %q is given twice", d)
		}
	}
	tallies := map[string]*tally{}
	for _, p := range q.data.persons {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if members != nil && len(p.periods) > 0 {
			members.Observed([]galien.PersonID{p.id})
		}
		for _, period := range q.ask(p).periods {
			for _, t := range cellsOf(tallies, p.stratumIn(period.Start.Year()), by) {
				t.persons[p.id] = true
				t.events++
			}
		}
		for year, days := range p.observedDays() {
			for _, t := range cellsOf(tallies, p.stratumIn(year), by) {
				t.observed[p.id] = true
				t.personDays += days
			}
		}
	}
	cells := []cohort.Cell{}
	for _, t := range tallies {
		cells = append(cells, cohort.Cell{Keys: t.keys, Persons: int64(len(t.persons)), Events: t.events,
			Population: int64(len(t.observed)), PersonDays: t.personDays})
		if members != nil {
			members.Cell(t.keys, slices.Collect(maps.Keys(t.persons)), slices.Collect(maps.Keys(t.observed)))
		}
	}
	sort.Slice(cells, func(i, j int) bool { return slices.Compare(cells[i].Keys, cells[j].Keys) < 0 })
	return cells, nil
}

// cellsOf returns the cells that a stratum counts in: one for every choice of
// the dimensions to tell apart, the others summed over.
func cellsOf(tallies map[string]*tally, s stratum, by []cohort.Dimension) []*tally {
	var list []*tally
	for choice := range 1 << len(by) {
		keys := make([]string, len(by))
		for i, d := range by {
			keys[i] = cohort.Total
			if choice&(1<<i) != 0 {
				keys[i] = s[d]
			}
		}
		name := strings.Join(keys, "\x00")
		if tallies[name] == nil {
			tallies[name] = &tally{keys: keys, persons: map[galien.PersonID]bool{}, observed: map[galien.PersonID]bool{}}
		}
		list = append(list, tallies[name])
	}
	return list
}

// stratumIn returns where the person stands in a calendar year.
func (p *person) stratumIn(year int) stratum {
	sex := "unknown"
	switch gender, _ := p.row.concept("gender_concept_id"); gender {
	case 8507:
		sex = "male"
	case 8532:
		sex = "female"
	}
	age := "unknown"
	if born, known := p.row.integer("year_of_birth"); known {
		age = ageGroup(int64(year) - born)
	}
	return stratum{cohort.Sex: sex, cohort.AgeGroup: age, cohort.Year: fmt.Sprintf("%04d", year)}
}

// ageGroup names the ten-year group of an age in years.
func ageGroup(age int64) string {
	switch {
	case age < 10:
		return "0-9"
	case age >= 90:
		return "90+"
	}
	return fmt.Sprintf("%d-%d", age/10*10, age/10*10+9)
}

// observedDays counts the days of each calendar year on which the person is in
// an observation period.
func (p *person) observedDays() map[int]int64 {
	days := map[int]int64{}
	var through maybe[galien.Date] // the last day counted; periods are ordered by start
	for _, period := range p.periods {
		from := period.Start
		if through.known && from <= through.value {
			from = through.value + 1
		}
		for from <= period.End {
			lastOfYear, _ := galien.NewDate(from.Year(), 12, 31)
			to := min(period.End, lastOfYear)
			days[from.Year()] += int64(to.DaysSince(from)) + 1
			from = to + 1
		}
		if !through.known || period.End > through.value {
			through = some(period.End)
		}
	}
	return days
}
