package synth

import (
	"cmp"
	"slices"

	"galien"
)

// visit records a visit of some nights and returns its index; it ends at the
// latest with the period, and so with death.
func (p *person) visit(o galien.Period, day galien.Date, place, nights int) int {
	p.visits = append(p.visits, visit{start: day, end: min(day.AddDays(nights), o.End), place: place})
	return len(p.visits) - 1
}

// condition records a diagnosis of a visit that lasts some days.
func (p *person) condition(v int, concept galien.ConceptID, days int) {
	start := p.visits[v].start
	p.conditions = append(p.conditions, condition{concept, start, p.alive(start.AddDays(days)), v})
}

// deliver records a delivery and returns its last day, which is at the latest
// the day of death.
func (p *person) deliver(v int, what product, day galien.Date, days int) galien.Date {
	end := p.alive(day.AddDays(days - 1))
	p.drugs = append(p.drugs, drug{what, day, end, days, v})
	return end
}

func (p *person) alive(d galien.Date) galien.Date {
	if p.died {
		return min(d, p.death)
	}
	return d
}

// order sorts everything by date and points the events at the visits' new
// places.
func (p *person) order() {
	index := make([]int, len(p.visits))
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(a, b int) int { return cmp.Compare(p.visits[a].start, p.visits[b].start) })
	sorted, place := make([]visit, len(index)), make([]int, len(index))
	for to, from := range index {
		sorted[to], place[from] = p.visits[from], to
	}
	copy(p.visits, sorted)
	for i := range p.conditions {
		p.conditions[i].visit = place[p.conditions[i].visit]
	}
	for i := range p.drugs {
		p.drugs[i].visit = place[p.drugs[i].visit]
	}
	for i := range p.procedures {
		p.procedures[i].visit = place[p.procedures[i].visit]
	}
	for i := range p.measurements {
		p.measurements[i].visit = place[p.measurements[i].visit]
	}
	for i := range p.observations {
		p.observations[i].visit = place[p.observations[i].visit]
	}
	slices.SortStableFunc(p.conditions, func(a, b condition) int { return cmp.Compare(a.start, b.start) })
	slices.SortStableFunc(p.drugs, func(a, b drug) int { return cmp.Compare(a.start, b.start) })
	slices.SortStableFunc(p.procedures, func(a, b procedure) int { return cmp.Compare(a.date, b.date) })
	slices.SortStableFunc(p.measurements, func(a, b measurement) int { return cmp.Compare(a.date, b.date) })
	slices.SortStableFunc(p.observations, func(a, b observation) int { return cmp.Compare(a.date, b.date) })
}

// era is a run of records of one concept with gaps of at most eraGap days.
type era struct {
	concept    galien.ConceptID
	start, end galien.Date
	count      int
	gaps       int // days inside the era that no record covers
}

// conditionEras and drugEras join the records of one concept, or of one
// ingredient, as OMOP's eras: the next record starts at most eraGap days after
// the end of the run.
func (p *person) conditionEras() []era {
	var eras []era
	for _, c := range p.conditions {
		eras = joinEra(eras, c.concept, c.start, c.end)
	}
	return sortEras(eras)
}

func (p *person) drugEras() []era {
	var eras []era
	for _, d := range p.drugs {
		eras = joinEra(eras, d.product.ingredient(), d.start, d.end)
	}
	return sortEras(eras)
}

// joinEra adds a record to the latest era of its concept or begins another;
// records come in order of their start.
func joinEra(eras []era, concept galien.ConceptID, start, end galien.Date) []era {
	for i := len(eras) - 1; i >= 0; i-- {
		if e := &eras[i]; e.concept == concept {
			if start.DaysSince(e.end) > eraGap {
				break
			}
			e.gaps += max(0, start.DaysSince(e.end)-1)
			e.end = max(e.end, end)
			e.count++
			return eras
		}
	}
	return append(eras, era{concept, start, end, 1, 0})
}

func sortEras(eras []era) []era {
	slices.SortStableFunc(eras, func(a, b era) int { return cmp.Compare(a.start, b.start) })
	return eras
}
