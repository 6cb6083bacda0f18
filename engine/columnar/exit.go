package columnar

import (
	"cmp"
	"slices"
	"sort"

	"galien"
	"galien/cohort"
	"galien/lake"
)

// periods gives each included event its end, joins what overlaps, clips it to
// the censor window, and tallies each step.
func (a *asker) periods(x *index, included []uint32, out *answer) error {
	def := a.plan.def
	exits, err := a.exits(x, included)
	if err != nil {
		return err
	}
	var left, joinedUp, clipped tally
	var stays []galien.Period
	for from := 0; from < len(included); {
		person := x.person[included[from]]
		to := from
		stays = stays[:0]
		for ; to < len(included) && x.person[included[to]] == person; to++ {
			if exits[to] != lake.NoDate {
				stays = append(stays, galien.Period{Start: x.start[included[to]], End: exits[to]})
			}
		}
		from = to
		left.add(a, person, len(stays))
		stays = joined(stays, def.EraPad)
		joinedUp.add(a, person, len(stays))
		stays = clip(stays, def.CensorStart, def.CensorEnd)
		clipped.add(a, person, len(stays))
		for _, p := range stays {
			out.rows = append(out.rows, cohort.Row{Person: a.stripe.first() + galien.PersonID(person), Start: p.Start, End: p.End})
		}
	}
	out.steps = append(out.steps, left, joinedUp)
	if def.CensorStart != nil || def.CensorEnd != nil {
		out.steps = append(out.steps, clipped)
	}
	return nil
}

// add counts a person's events.
func (t *tally) add(a *asker, place uint16, events int) {
	t.events += int64(events)
	if events == 0 {
		return
	}
	t.persons++
	if a.named {
		t.who = append(t.who, member{place, int64(events)})
	}
}

// exits returns the end of the cohort period that each included event starts:
// the earliest of its possible ends that is not before its start, lake.NoDate
// for none.
func (a *asker) exits(x *index, included []uint32) ([]galien.Date, error) {
	ends := make([]galien.Date, len(included))
	offset, hasOffset := a.plan.def.Exit.(cohort.DateOffset)
	for k, i := range included {
		end := x.opEnd[i]
		if hasOffset {
			from := x.start[i]
			if offset.FromEnd {
				from = x.end[i]
			}
			end = lake.NoDate
			if from != lake.NoDate {
				end = min(from.AddDays(offset.Days), x.opEnd[i])
			}
		}
		if end < x.start[i] {
			end = lake.NoDate
		}
		ends[k] = end
	}
	offer := func(k int, start, d galien.Date) {
		if d >= start && (ends[k] == lake.NoDate || d < ends[k]) {
			ends[k] = d
		}
	}
	if a.plan.eras != nil && len(included) > 0 {
		eras, err := a.drugEras()
		if err != nil {
			return nil, err
		}
		at := 0
		for k, i := range included {
			at = seek(eras.person, at, x.person[i])
			for e := at; e < len(eras.person) && eras.person[e] == x.person[i]; e++ {
				if eras.start[e] <= x.start[i] && x.start[i] <= eras.end[e] {
					offer(k, x.start[i], eras.end[e])
				}
			}
		}
	}
	for _, c := range a.plan.censoring {
		if len(included) == 0 {
			break
		}
		v, err := a.events(c, nil)
		if err != nil {
			return nil, err
		}
		from, to := 0, 0
		for k, i := range included {
			if to == 0 || x.person[i] != x.person[included[k-1]] {
				from = seek(v.person, to, x.person[i])
				to = from
				for to < len(v.person) && v.person[to] == x.person[i] {
					to++
				}
			}
			// The first on or after the start.
			e := from + sort.Search(to-from, func(e int) bool { return v.start[from+e] >= x.start[i] })
			if e < to && v.start[e] <= x.opEnd[i] {
				offer(k, x.start[i], v.start[e])
			}
		}
	}
	return ends, nil
}

// eras are drug eras, by person and start.
type eras struct {
	person     []uint16
	start, end []galien.Date
}

// drugEras joins the exposures to a plan's exit drugs, by drug or by source
// concept, into eras.
func (a *asker) drugEras() (*eras, error) {
	type key struct {
		stripe stripe
		part   cohort.Key
	}
	x := a.plan.eras
	return cacheGet(a.e.parts, key{a.stripe, x.key}, func() (*eras, int64, error) {
		exposures, err := a.exposures()
		if err != nil {
			return nil, 0, err
		}
		v := &eras{}
		var open []galien.Period // the exposures of the person at hand
		for i, p := range exposures.person {
			open = append(open, galien.Period{Start: exposures.start[i], End: exposures.end[i]})
			if i+1 < len(exposures.person) && exposures.person[i+1] == p {
				continue
			}
			for _, era := range joined(open, x.GapDays+x.Offset) {
				v.person = append(v.person, p)
				v.start = append(v.start, era.Start)
				v.end = append(v.end, era.End.AddDays(x.Offset))
			}
			open = open[:0]
		}
		return v, int64(len(v.person)) * 10, nil
	})
}

// exposures returns the exposures to the exit drugs, by person and start.
func (a *asker) exposures() (*eras, error) {
	x := a.plan.eras
	var cols columns
	t := table("drug_exposure")
	person, start, end, supply := cols.int("person_id"), cols.date("drug_exposure_start_date"), 0, 0
	if x.DaysForce == nil {
		end, supply = cols.date("drug_exposure_end_date"), cols.int("days_supply")
	}
	visible := a.plan.scope.visible(t, &cols)
	segments, err := a.e.segments(t.Name, lake.ByConcept, a.stripe.bucket())
	if err != nil {
		return nil, err
	}
	v := &eras{}
	var cur cursor
	add := func() {
		from := cur.dates[start][cur.row]
		if from == lake.NoDate || !all(visible, &cur) {
			return
		}
		to := from.AddDays(1)
		if x.DaysForce != nil {
			to = from.AddDays(*x.DaysForce)
		} else if known := cur.dates[end][cur.row]; known != lake.NoDate {
			to = known
		} else if days := cur.ints[supply][cur.row]; -cohort.MaxDaysSupply <= days && days <= cohort.MaxDaysSupply {
			to = from.AddDays(int(days))
		}
		v.person = append(v.person, a.stripe.place(cur.ints[person][cur.row]))
		v.start = append(v.start, from)
		v.end = append(v.end, to)
	}
	for _, g := range segments {
		// The rows of a group have few drugs, and so few source concepts: most
		// groups have none of those looked for.
		drug, err := a.e.coded(g, "drug_concept_id")
		if err != nil {
			return nil, err
		}
		source, err := a.e.coded(g, "drug_source_concept_id")
		if err != nil {
			return nil, err
		}
		byDrug, bySource := drug.in(x.drugs), source.in(x.drugs)
		if byDrug == nil && bySource == nil {
			continue
		}
		runs, err := a.e.runs(g, "drug_concept_id")
		if err != nil {
			return nil, err
		}
		if err := cols.load(a.e, g, &cur); err != nil {
			return nil, err
		}
		for _, r := range runs {
			whole := byDrug != nil && byDrug[drug.code[r.from]]
			if !whole && bySource == nil {
				continue
			}
			in, err := a.e.within(rows{g, int(r.from), int(r.to)}, a.stripe)
			if err != nil {
				return nil, err
			}
			for cur.row = in.from; cur.row < in.to; cur.row++ {
				if whole || bySource[source.code[cur.row]] {
					add()
				}
			}
		}
	}
	order := a.w.orderOf(v.person, v.start)
	return &eras{person: reordered(v.person, order), start: reordered(v.start, order), end: reordered(v.end, order)}, nil
}

// joined joins periods where the next one starts at most gap days after the
// latest end so far, in place. The result is ordered by start.
func joined(periods []galien.Period, gap int) []galien.Period {
	if len(periods) < 2 {
		return periods
	}
	slices.SortFunc(periods, func(a, b galien.Period) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
	})
	n := 0
	for _, p := range periods[1:] {
		if p.Start.DaysSince(periods[n].End) <= gap {
			periods[n].End = max(periods[n].End, p.End)
			continue
		}
		n++
		periods[n] = p
	}
	return periods[:n+1]
}

// clip cuts periods to the window, in place; what lies outside it is dropped.
func clip(periods []galien.Period, from, to *galien.Date) []galien.Period {
	n := 0
	for _, p := range periods {
		if from != nil {
			p.Start = max(p.Start, *from)
		}
		if to != nil {
			p.End = min(p.End, *to)
		}
		if p.Start <= p.End {
			periods[n] = p
			n++
		}
	}
	return periods[:n]
}
