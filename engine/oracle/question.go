package oracle

import (
	"context"
	"fmt"
	"sort"

	"galien"
	"galien/cohort"
)

// question is a definition made ready for one data set: its concept sets are
// resolved and its counts known to be possible.
type question struct {
	def      *cohort.Definition
	data     *Data
	codesets map[int]conceptSet
	// memory holds the events of the person being answered, by criterion.
	memory map[*cohort.Criterion][]event
}

func prepare(data *Data, def *cohort.Definition) (*question, error) {
	if err := def.Validate(); err != nil {
		return nil, fmt.Errorf("check definition: %w", err)
	}
	if err := checkCounts(def); err != nil {
		return nil, err
	}
	q := &question{def: def, data: data, codesets: map[int]conceptSet{}}
	for id, set := range def.Codesets() {
		q.codesets[id] = data.resolve(set)
	}
	return q, nil
}

// checkCounts refuses a distinct count that Circe has not.
func checkCounts(def *cohort.Definition) error {
	var check func(cohort.Group) error
	check = func(g cohort.Group) error {
		for _, c := range g.Correlated {
			if c.Distinct != nil {
				if _, err := c.Criterion.CountOperandOf(*c.Distinct); err != nil {
					return galien.Errorf(galien.Invalid, "distinct count: %w", err)
				}
			}
		}
		for _, sub := range g.Groups {
			if err := check(sub); err != nil {
				return err
			}
		}
		return nil
	}
	groups := []cohort.Group{}
	if def.Additional != nil {
		groups = append(groups, *def.Additional)
	}
	for _, r := range def.Rules {
		groups = append(groups, r.Group)
	}
	for _, c := range def.Criteria() {
		if c.Nested != nil {
			groups = append(groups, *c.Nested)
		}
	}
	for _, g := range groups {
		if err := check(g); err != nil {
			return err
		}
	}
	return nil
}

// answer is what a definition gives for one person.
type answer struct {
	periods []galien.Period
	// remaining counts the person's events after each step of the attrition.
	remaining []int
	// masks are the rules met by each qualified event; best is that of the
	// person's best event. Bit i stands for rule i.
	masks []int64
	best  int64
}

// ask answers the definition for one person.
func (q *question) ask(p *person) answer {
	def := q.def
	q.memory = map[*cohort.Criterion][]event{}
	var a answer
	after := func(n int) { a.remaining = append(a.remaining, n) }

	entry := q.entryEvents(p)
	after(len(entry))
	if def.EntryLimit != cohort.All && len(entry) > 1 {
		entry = entry[:1]
	}
	after(len(entry))

	qualified := entry
	if def.Additional != nil {
		qualified = keep(qualified, func(e indexEvent) bool { return q.holds(e, *def.Additional) })
		after(len(qualified))
		qualified = limited(qualified, def.QualifiedLimit)
		after(len(qualified))
	}

	for _, e := range qualified {
		a.masks = append(a.masks, q.rulesMet(e))
	}
	if len(qualified) > 0 {
		a.best = a.masks[bestEvent(qualified, a.masks)]
	}
	var included []indexEvent
	for rule := range def.Rules {
		included = nil
		for i, e := range qualified {
			if meetsThrough(a.masks[i], rule) {
				included = append(included, e)
			}
		}
		after(len(included))
	}
	if len(def.Rules) == 0 {
		included = qualified
	}
	included = limited(included, def.ResultLimit)
	after(len(included))

	var stays []galien.Period
	for _, e := range included {
		if end := q.exitOf(e); end.known {
			stays = append(stays, galien.Period{Start: e.start, End: end.value})
		}
	}
	after(len(stays))
	a.periods = joined(stays, def.EraPad)
	after(len(a.periods))
	if def.CensorStart != nil || def.CensorEnd != nil {
		a.periods = clip(a.periods, def.CensorStart, def.CensorEnd)
		after(len(a.periods))
	}
	return a
}

func keep(events []indexEvent, holds func(indexEvent) bool) []indexEvent {
	var kept []indexEvent
	for _, e := range events {
		if holds(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

// entryEvents returns the person's entry events in observation, ordered; their
// ids are from now on their ordinals, from 1.
func (q *question) entryEvents(p *person) []indexEvent {
	var found []indexEvent
	for i := range q.def.Entry {
		for _, e := range q.remembered(p, &q.def.Entry[i]) {
			for _, period := range p.periods {
				before, after := e.start.DaysSince(period.Start), period.End.DaysSince(e.start)
				if period.Contains(e.start) && before >= q.def.PriorDays && after >= q.def.PostDays {
					found = append(found, indexEvent{e, []galien.Period{period}})
				}
			}
		}
	}
	byEntryOrder(found, q.def.EntryLimit)
	for i := range found {
		found[i].id = int64(i + 1)
	}
	return found
}

// remembered returns the events of a criterion, found once per person.
func (q *question) remembered(p *person, c *cohort.Criterion) []event {
	events, ok := q.memory[c]
	if !ok {
		events = q.events(p, c)
		q.memory[c] = events
	}
	return events
}

// rulesMet returns the mask of the inclusion rules that hold for an event.
func (q *question) rulesMet(e indexEvent) int64 {
	var mask int64
	for i, r := range q.def.Rules {
		if q.holds(e, r.Group) {
			mask |= 1 << i
		}
	}
	return mask
}

// meetsThrough reports whether the mask has every rule up to and including the
// one given.
func meetsThrough(mask int64, rule int) bool {
	all := int64(1)<<(rule+1) - 1
	return mask&all == all
}

// bestEvent returns the index of the event that meets the most rules; among
// those the one whose first rule met comes first (one that meets none counts as
// the first rule), then the earliest start, then the lowest ordinal.
func bestEvent(events []indexEvent, masks []int64) int {
	count := func(mask int64) (rules, first int) {
		for i := range cohort.MaxRules {
			if mask&(1<<i) != 0 {
				if rules == 0 {
					first = i
				}
				rules++
			}
		}
		return rules, first
	}
	best := 0
	for i := 1; i < len(events); i++ {
		rules, first := count(masks[i])
		bestRules, bestFirst := count(masks[best])
		switch {
		case rules != bestRules:
			if rules > bestRules {
				best = i
			}
		case first != bestFirst:
			if first < bestFirst {
				best = i
			}
		case events[i].start != events[best].start:
			if events[i].start < events[best].start {
				best = i
			}
		case events[i].id < events[best].id:
			best = i
		}
	}
	return best
}

// exitOf returns the end of the cohort period that an event starts: the
// earliest of the exits that apply and do not precede its start.
func (q *question) exitOf(e indexEvent) maybe[galien.Date] {
	var exit maybe[galien.Date]
	offer := func(d galien.Date) {
		if d >= e.start && (!exit.known || d < exit.value) {
			exit = some(d)
		}
	}
	switch x := q.def.Exit.(type) {
	case cohort.DateOffset:
		from := some(e.start)
		if x.FromEnd {
			from = e.end
		}
		if from.known {
			offer(min(from.value.AddDays(x.Days), e.period().End))
		}
	case cohort.DrugEra:
		for _, era := range q.drugEras(e.person, x) {
			if era.Contains(e.start) {
				offer(era.End)
			}
		}
		offer(e.period().End)
	case nil:
		offer(e.period().End)
	default:
		panic("oracle: an exit that cohort does not define")
	}
	for i := range q.def.Censoring {
		for _, c := range q.remembered(e.person, &q.def.Censoring[i]) {
			if e.start <= c.start && c.start <= e.period().End {
				offer(c.start)
			}
		}
	}
	return exit
}

// drugEras joins the person's exposures to the drugs of an exit into eras.
func (q *question) drugEras(p *person, x cohort.DrugEra) []galien.Period {
	drugs := q.codesets[x.Codeset]
	var exposures []galien.Period
	for _, r := range p.tables["drug_exposure"] {
		start, dated := r.date("drug_exposure_start_date")
		drug, hasDrug := r.concept("drug_concept_id")
		source, hasSource := r.concept("drug_source_concept_id")
		if !dated || !(hasDrug && drugs[drug] || hasSource && drugs[source]) {
			continue
		}
		exposures = append(exposures, galien.Period{Start: start, End: exposureEnd(r, start, x)})
	}
	eras := joined(exposures, x.GapDays+x.Offset)
	for i := range eras {
		eras[i].End = eras[i].End.AddDays(x.Offset)
	}
	return eras
}

// exposureEnd returns the last day of an exposure.
func exposureEnd(r row, start galien.Date, x cohort.DrugEra) galien.Date {
	if x.DaysForce != nil {
		return start.AddDays(*x.DaysForce)
	}
	if end, known := r.date("drug_exposure_end_date"); known {
		return end
	}
	if days, known := r.integer("days_supply"); known && -cohort.MaxDaysSupply <= days && days <= cohort.MaxDaysSupply {
		return start.AddDays(int(days))
	}
	return start.AddDays(1)
}

// joined joins periods where the next one starts at most gap days after the
// latest end so far. The result is ordered by start.
func joined(periods []galien.Period, gap int) []galien.Period {
	sort.Slice(periods, func(i, j int) bool {
		if periods[i].Start != periods[j].Start {
			return periods[i].Start < periods[j].Start
		}
		return periods[i].End > periods[j].End
	})
	var list []galien.Period
	for _, p := range periods {
		if last := len(list) - 1; last >= 0 && p.Start.DaysSince(list[last].End) <= gap {
			list[last].End = max(list[last].End, p.End)
			continue
		}
		list = append(list, p)
	}
	return list
}

// clip cuts periods to the window; what lies outside it is dropped.
func clip(periods []galien.Period, from, to *galien.Date) []galien.Period {
	var list []galien.Period
	for _, p := range periods {
		if from != nil {
			p.Start = max(p.Start, *from)
		}
		if to != nil {
			p.End = min(p.End, *to)
		}
		if p.Start <= p.End {
			list = append(list, p)
		}
	}
	return list
}

// summarise answers the definition for every person, in order, and adds up.
func (q *question) summarise(ctx context.Context, members *cohort.Members, yield func(cohort.Row) error) (cohort.Summary, error) {
	summary := cohort.Summary{Attrition: q.def.Steps()}
	type inclusion struct {
		mode int
		mask int64
	}
	counts := map[inclusion]int64{}
	for _, p := range q.data.persons {
		if err := ctx.Err(); err != nil {
			return cohort.Summary{}, err
		}
		a := q.ask(p)
		if members != nil && len(p.periods) > 0 {
			members.Observed([]galien.PersonID{p.id})
		}
		for i, n := range a.remaining {
			if n > 0 {
				if members != nil {
					members.Left(i, []galien.PersonID{p.id}, []int64{int64(n)})
				}
				summary.Attrition[i].Events += int64(n)
				summary.Attrition[i].Persons++
			}
		}
		if len(q.def.Rules) > 0 && len(a.masks) > 0 {
			for _, mask := range a.masks {
				counts[inclusion{0, mask}]++
			}
			counts[inclusion{1, a.best}]++
		}
		if len(a.periods) > 0 {
			summary.Persons++
		}
		for _, period := range a.periods {
			summary.Rows++
			if err := yield(cohort.Row{Person: p.id, Start: period.Start, End: period.End}); err != nil {
				return cohort.Summary{}, err
			}
		}
	}
	for k, n := range counts {
		summary.Inclusion = append(summary.Inclusion, cohort.MaskCount{Mode: k.mode, Mask: k.mask, Persons: n})
	}
	sort.Slice(summary.Inclusion, func(i, j int) bool {
		a, b := summary.Inclusion[i], summary.Inclusion[j]
		if a.Mode != b.Mode {
			return a.Mode < b.Mode
		}
		return a.Mask < b.Mask
	})
	return summary, nil
}
