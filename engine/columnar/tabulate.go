package columnar

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"galien"
	"galien/cohort"
	"galien/lake"
	"galien/permit"
)

// Table counts cohort periods by dimensions, with the population and days of
// observation of each cell, margins included, sorted by keys. It fails as
// Cohort does.
func (e *Engine) Table(ctx context.Context, p permit.Permitted, def *cohort.Definition, by []cohort.Dimension) ([]cohort.Cell, error) {
	return e.TableMembers(ctx, p, def, by, nil)
}

// TableMembers is Table that tells members who is behind its numbers, unless it
// is nil.
func (e *Engine) TableMembers(ctx context.Context, p permit.Permitted, def *cohort.Definition, by []cohort.Dimension, members *cohort.Members) ([]cohort.Cell, error) {
	if err := cohort.CheckDimensions(by); err != nil {
		return nil, err
	}
	plan, err := e.prepare(ctx, Question{Permitted: p, Definition: def}, permit.Tabulate, permit.Release)
	if err != nil {
		return nil, err
	}
	stripes, err := e.stripes()
	if err != nil {
		return nil, err
	}
	cells := cohort.NewTabulation(len(by))
	var mu sync.Mutex
	var failed error
	var workers sync.WaitGroup
	todo := make(chan stripe)
	for range e.threads {
		workers.Go(func() {
			w := &worker{}
			for s := range todo {
				t, err := (&asker{e: e, w: w, plan: plan, stripe: s, named: members != nil}).tabulate(by)
				mu.Lock()
				if err != nil && failed == nil {
					failed = err
				}
				if t != nil {
					t.addTo(cells, s, members)
				}
				mu.Unlock()
			}
		})
	}
	for i, s := range stripes {
		if ctx.Err() != nil {
			break
		}
		todo <- s
		if e.Progress != nil {
			e.Progress(int64(i+1), int64(len(stripes)))
		}
	}
	close(todo)
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	return cells.Sorted(), nil
}

// Codes of the keys of each dimension; 0 is cohort.Total.
const (
	sexes     = 4  // total, female, male, unknown
	ageGroups = 12 // total, ten-year groups to 90+, unknown
)

// strata counts the cells of a stripe. A person is counted once a cell, since
// the persons come one after the other.
type strata struct {
	by        []cohort.Dimension
	firstYear int
	years     int
	cells     []stratum
	named     bool
	observed  []galien.PersonID // only when members are asked for
}

type stratum struct {
	persons, events, population, days int64
	// entered and watched are 1 + the place of the last person counted.
	entered, watched int32
	// whoEntered and whoWatched are places, only when members are asked for.
	whoEntered, whoWatched []uint16
}

// tabulate counts the entries and the observation time of a stripe.
func (a *asker) tabulate(by []cohort.Dimension) (*strata, error) {
	out, err := a.answer()
	if err != nil {
		return nil, err
	}
	ops, err := a.observed()
	if err != nil {
		return nil, err
	}
	people, err := a.e.people(a.stripe, []string{"gender_concept_id", "year_of_birth"})
	if err != nil {
		return nil, err
	}
	if len(ops.start) == 0 {
		return nil, nil
	}
	t := &strata{by: by, named: a.named}
	for _, place := range out.observed {
		t.observed = append(t.observed, a.stripe.first()+galien.PersonID(place))
	}
	first, last := ops.start[0], ops.end[0]
	for i := range ops.start {
		first, last = min(first, ops.start[i]), max(last, ops.end[i])
	}
	for _, r := range out.rows {
		first, last = min(first, r.Start), max(last, r.Start)
	}
	if first.Year() < 1 || last.Year() > 9999 {
		return nil, galien.Errorf(galien.Invalid, "tabulate: an observation period reaches beyond the calendar")
	}
	t.firstYear, t.years = first.Year(), last.Year()-first.Year()+1
	t.cells = make([]stratum, sexes*ageGroups*(t.years+1))
	for _, r := range out.rows {
		place := a.stripe.place(int64(r.Person))
		t.each(people, place, r.Start.Year(), func(c *stratum) {
			c.events++
			if c.entered != int32(place)+1 {
				c.entered = int32(place) + 1
				c.persons++
				if t.named {
					c.whoEntered = append(c.whoEntered, place)
				}
			}
		})
	}
	for place := range stripePersons {
		from, to := ops.of(uint16(place))
		next := galien.Date(lake.NoDate) // the first day not counted yet
		for k := from; k < to; k++ {
			for day := max(ops.start[k], next); day <= ops.end[k]; {
				year := day.Year()
				lastOfYear, _ := galien.NewDate(year, 12, 31)
				until := min(ops.end[k], lastOfYear)
				t.each(people, uint16(place), year, func(c *stratum) {
					c.days += int64(until-day) + 1
					if c.watched != int32(place)+1 {
						c.watched = int32(place) + 1
						c.population++
						if t.named {
							c.whoWatched = append(c.whoWatched, uint16(place))
						}
					}
				})
				day = until + 1
			}
			next = max(next, ops.end[k]+1)
		}
	}
	return t, nil
}

// each calls count with every cell that a person belongs to in a year: one for
// each choice of the dimensions to tell apart.
func (t *strata) each(people *people, place uint16, year int, count func(*stratum)) {
	sex := 3
	switch people.columns["gender_concept_id"][place] {
	case 8532:
		sex = 1
	case 8507:
		sex = 2
	}
	age := ageGroups - 1
	if born := people.born[place]; born != lake.NoInt64 {
		age = 1 + int(min(max(int64(year)-born, 0)/10, 9))
	}
	keys := [3]int{}
	for choice := range 1 << len(t.by) {
		keys = [3]int{}
		for i, d := range t.by {
			if choice&(1<<i) == 0 {
				continue
			}
			switch d {
			case cohort.Sex:
				keys[0] = sex
			case cohort.AgeGroup:
				keys[1] = age
			case cohort.Year:
				keys[2] = year - t.firstYear + 1
			}
		}
		count(&t.cells[(keys[0]*ageGroups+keys[1])*(t.years+1)+keys[2]])
	}
}

// addTo adds the cells that hold anyone to a tabulation.
func (t *strata) addTo(cells *cohort.Tabulation, s stripe, members *cohort.Members) {
	if members != nil {
		members.Observed(t.observed)
	}
	persons := func(places []uint16) []galien.PersonID {
		list := make([]galien.PersonID, len(places))
		for i, p := range places {
			list[i] = s.first() + galien.PersonID(p)
		}
		return list
	}
	keys := make([]string, len(t.by))
	for i, c := range t.cells {
		if c.persons == 0 && c.population == 0 {
			continue
		}
		year, age, sex := i%(t.years+1), i/(t.years+1)%ageGroups, i/(t.years+1)/ageGroups
		for k, d := range t.by {
			switch d {
			case cohort.Sex:
				keys[k] = [sexes]string{cohort.Total, "female", "male", "unknown"}[sex]
			case cohort.AgeGroup:
				keys[k] = ageGroup(age)
			case cohort.Year:
				keys[k] = cohort.Total
				if year > 0 {
					keys[k] = fmt.Sprintf("%04d", t.firstYear+year-1)
				}
			}
		}
		into := cells.Cell(keys)
		into.Persons += c.persons
		into.Events += c.events
		into.Population += c.population
		into.PersonDays += c.days
		if members != nil {
			members.Cell(slices.Clone(keys), persons(c.whoEntered), persons(c.whoWatched))
		}
	}
}

func ageGroup(code int) string {
	switch code {
	case 0:
		return cohort.Total
	case ageGroups - 1:
		return "unknown"
	case ageGroups - 2:
		return "90+"
	}
	return fmt.Sprintf("%d-%d", 10*(code-1), 10*(code-1)+9)
}
