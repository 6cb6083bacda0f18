package columnar

import (
	"cmp"
	"math"
	"slices"

	"galien"
	"galien/lake"
)

// people is what PERSON and OBSERVATION_PERIOD say of a stripe's persons.
type people struct {
	columns map[string][]int64 // by place; lake.NoInt64 for none
	// born is year_of_birth, which tests of age look at.
	born []int64
}

func (p *people) column(name string) []int64 { return p.columns[name] }

// age is the year of a date less the year of birth, NaN when either is missing.
func (p *people) age(place uint16, d galien.Date) float64 {
	born := p.born[place]
	if born == lake.NoInt64 || d == lake.NoDate {
		return math.NaN()
	}
	return float64(int64(d.Year()) - born)
}

// people returns columns of a stripe's persons.
func (e *Engine) people(s stripe, names []string) (*people, error) {
	p := &people{columns: map[string][]int64{}}
	for _, name := range names {
		column, err := e.personColumn(s, name)
		if err != nil {
			return nil, err
		}
		p.columns[name] = column
		if name == "year_of_birth" {
			p.born = column
		}
	}
	return p, nil
}

func (e *Engine) personColumn(s stripe, name string) ([]int64, error) {
	type key struct {
		stripe stripe
		column string
	}
	return cacheGet(e.columns, key{s, name}, func() ([]int64, int64, error) {
		column := make([]int64, stripePersons)
		for i := range column {
			column[i] = lake.NoInt64
		}
		list, err := e.ofStripe("person", s)
		if err != nil {
			return nil, 0, err
		}
		for _, r := range list {
			persons, err := e.ints(r.segment, "person_id")
			if err != nil {
				return nil, 0, err
			}
			values, err := e.ints(r.segment, name)
			if err != nil {
				return nil, 0, err
			}
			for i := r.from; i < r.to; i++ {
				column[s.place(persons[i])] = values[i]
			}
		}
		return column, 8 * stripePersons, nil
	})
}

// observed is the observation periods of a stripe: those of the person at
// place i are from first[i] to before first[i+1], by start and end.
type observed struct {
	first      []int32
	start, end []galien.Date
}

// of returns the periods of a person as a range of places in start and end.
func (o *observed) of(person uint16) (from, to int32) {
	return o.first[person], o.first[int(person)+1]
}

func (e *Engine) observed(s stripe, sc *scope) (*observed, error) {
	type key struct {
		stripe stripe
		window galien.Period
		cut    bool
		// With persons to leave out, the periods are those of the one scope.
		scope string
	}
	k := key{stripe: s}
	if sc.window != nil {
		k.window, k.cut = *sc.window, true
	}
	if len(sc.opposed) > 0 {
		k.scope = string(sc.sum)
	}
	return cacheGet(e.columns, k, func() (*observed, int64, error) {
		type period struct {
			place      uint16
			start, end galien.Date
		}
		var found []period
		list, err := e.ofStripe("observation_period", s)
		if err != nil {
			return nil, 0, err
		}
		for _, r := range list {
			persons, err := e.ints(r.segment, "person_id")
			if err != nil {
				return nil, 0, err
			}
			starts, err := e.dates(r.segment, "observation_period_start_date")
			if err != nil {
				return nil, 0, err
			}
			ends, err := e.dates(r.segment, "observation_period_end_date")
			if err != nil {
				return nil, 0, err
			}
			for i := r.from; i < r.to; i++ {
				start, end := starts[i], ends[i]
				if start == lake.NoDate || end == lake.NoDate || sc.opposes(persons[i]) {
					continue
				}
				if sc.window != nil {
					if start > sc.window.End || end < sc.window.Start {
						continue
					}
					start, end = max(start, sc.window.Start), min(end, sc.window.End)
				}
				found = append(found, period{s.place(persons[i]), start, end})
			}
		}
		slices.SortFunc(found, func(a, b period) int {
			return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
		})
		o := &observed{first: make([]int32, stripePersons+1), start: make([]galien.Date, len(found)), end: make([]galien.Date, len(found))}
		for i, p := range found {
			o.first[int(p.place)+1]++
			o.start[i], o.end[i] = p.start, p.end
		}
		for i := range stripePersons {
			o.first[i+1] += o.first[i]
		}
		return o, 4*stripePersons + 8*int64(len(found)), nil
	})
}

// visits is the visits of a stripe: those of the person at place i are from
// first[i] to before first[i+1].
type visits struct {
	first    []int32
	id, kind []int64
}

// concept returns visit_concept_id of a person's visit, and whether the person
// has that visit.
func (v *visits) concept(person uint16, visit int64) (int64, bool) {
	if visit == lake.NoInt64 {
		return lake.NoInt64, false
	}
	for i := v.first[person]; i < v.first[int(person)+1]; i++ {
		if v.id[i] == visit {
			return v.kind[i], true
		}
	}
	return lake.NoInt64, false
}

// visits returns the visits of a stripe that a scope shows.
func (e *Engine) visits(s stripe, sc *scope) (*visits, error) {
	type key struct {
		stripe stripe
		scope  string
	}
	return cacheGet(e.columns, key{s, string(sc.sum)}, func() (*visits, int64, error) {
		v := &visits{first: make([]int32, stripePersons+1)}
		var cols columns
		person, id, kind := cols.int("person_id"), cols.int("visit_occurrence_id"), cols.int("visit_concept_id")
		visible := sc.visible(table("visit_occurrence"), &cols)
		list, err := e.ofStripe("visit_occurrence", s)
		if err != nil {
			return nil, 0, err
		}
		var cur cursor
		var persons []uint16 // of each visit
		sorted := true
		for _, r := range list {
			if err := cols.load(e, r.segment, &cur); err != nil {
				return nil, 0, err
			}
			for cur.row = r.from; cur.row < r.to; cur.row++ {
				if all(visible, &cur) {
					p := s.place(cur.ints[person][cur.row])
					sorted = sorted && (len(persons) == 0 || persons[len(persons)-1] <= p)
					persons = append(persons, p)
					v.first[int(p)+1]++
					v.id = append(v.id, cur.ints[id][cur.row])
					v.kind = append(v.kind, cur.ints[kind][cur.row])
				}
			}
		}
		for i := range stripePersons {
			v.first[i+1] += v.first[i]
		}
		if !sorted {
			// Each file is sorted by person, and there are several.
			next, ids, kinds := slices.Clone(v.first), v.id, v.kind
			v.id, v.kind = make([]int64, len(ids)), make([]int64, len(kinds))
			for i, p := range persons {
				v.id[next[p]], v.kind[next[p]] = ids[i], kinds[i]
				next[p]++
			}
		}
		return v, 4*stripePersons + 16*int64(len(v.id)), nil
	})
}

// links is what events name beside their person: specialties of providers and
// places of care sites, by their ids.
type links struct {
	specialty, place map[int64]int64
}

// link returns a column of a table without persons, by its key.
func (e *Engine) link(table, key, column string) (map[int64]int64, error) {
	type linkKey struct{ table, column string }
	return cacheGet(e.columns, linkKey{table, column}, func() (map[int64]int64, int64, error) {
		m := map[int64]int64{}
		if _, ok := e.snapshot.Table(table); !ok {
			return m, 0, nil
		}
		segments, err := e.segments(table, lake.Plain, lake.NoBucket)
		if err != nil {
			return nil, 0, err
		}
		for _, g := range segments {
			keys, err := e.ints(g, key)
			if err != nil {
				return nil, 0, err
			}
			values, err := e.ints(g, column)
			if err != nil {
				return nil, 0, err
			}
			for i, k := range keys {
				if k != lake.NoInt64 {
					m[k] = values[i]
				}
			}
		}
		return m, 40 * int64(len(m)), nil
	})
}
