package enginetest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"galien"
	"galien/cdm"
)

// dice are a source of chance that a seed fixes.
type dice struct{ *rand.Rand }

func newDice(seed, stream uint64) dice { return dice{rand.New(rand.NewPCG(seed, stream))} }

// chance is true n times in a hundred.
func (d dice) chance(n int) bool { return d.IntN(100) < n }

// between returns a number from low to high, both included.
func (d dice) between(low, high int) int { return low + d.IntN(high-low+1) }

// pick returns one of the values.
func pick[T any](d dice, values ...T) T { return values[d.IntN(len(values))] }

// firstDay starts the few weeks, across a new year, in which everything of the
// hostile data happens: ties and edges are the rule.
var firstDay = galien.MustDate("2019-12-20")

const days = 30

// The concepts of the hostile vocabulary. 1 has the children 2 and 3 and the
// grandchild 4; 5 is an invalid child of 1; 6 and 7 map to 1 and 2, 8 to 1 in a
// relationship that is no longer valid; 9 stands alone; 10 is used and not in
// CONCEPT.
var concepts = []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}

func vocabularyTables() Tables {
	t := Tables{}
	for c := int64(0); c <= 9; c++ {
		r := map[string]any{"concept_id": c, "concept_name": "concept", "domain_id": "none", "vocabulary_id": "none", "concept_class_id": "none",
			"concept_code": "none", "valid_start_date": galien.MustDate("1970-01-01"), "valid_end_date": galien.MustDate("2099-12-31")}
		if c == 5 {
			r["invalid_reason"] = "D"
		}
		t["concept"] = append(t["concept"], r)
	}
	for _, a := range [][2]int64{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, {2, 2}, {2, 4}, {3, 3}, {4, 4}, {9, 9}} {
		t["concept_ancestor"] = append(t["concept_ancestor"], map[string]any{"ancestor_concept_id": a[0], "descendant_concept_id": a[1],
			"min_levels_of_separation": int64(0), "max_levels_of_separation": int64(0)})
	}
	for _, m := range []struct {
		from, to     int64
		kind, reason string
	}{{6, 1, "Maps to", ""}, {7, 2, "Maps to", ""}, {8, 1, "Maps to", "D"}, {9, 1, "Is a", ""}} {
		r := map[string]any{"concept_id_1": m.from, "concept_id_2": m.to, "relationship_id": m.kind,
			"valid_start_date": galien.MustDate("1970-01-01"), "valid_end_date": galien.MustDate("2099-12-31")}
		if m.reason != "" {
			r["invalid_reason"] = m.reason
		}
		t["concept_relationship"] = append(t["concept_relationship"], r)
	}
	return t
}

// eventTables are the tables that hostile data fills, beside persons.
var eventTables = []string{
	"visit_occurrence", "visit_detail", "condition_occurrence", "drug_exposure", "procedure_occurrence", "device_exposure", "measurement",
	"observation", "specimen", "condition_era", "drug_era", "dose_era", "payer_plan_period", "location_history",
}

// Hostile returns tables full of ties, nulls, edges, repeated, overlapping and
// adjacent periods, and dangling links, the same for the same seed. Keys are
// unique over the rows of one person, and used again for every other.
func Hostile(seed uint64) Tables {
	d := newDice(seed, 1)
	t := vocabularyTables()
	h := hostile{dice: d, tables: t, lastID: map[int64]int64{}}
	for id := int64(1); id <= 3; id++ {
		h.add("provider", map[string]any{"provider_id": id})
		h.add("care_site", map[string]any{"care_site_id": id})
		h.add("location", map[string]any{"location_id": id, "state": []any{"35", "22", nil}[id-1]})
	}
	h.persons = int64(d.between(4, 8))
	for p := int64(1); p <= h.persons; p++ {
		h.add("person", map[string]any{"person_id": p})
		h.periods(p)
		if d.chance(50) {
			h.add("death", map[string]any{"person_id": p})
		}
	}
	for _, table := range eventTables {
		owner := "person_id"
		if table == "location_history" {
			owner = "entity_id"
		}
		for range d.between(int(h.persons), 4*int(h.persons)) {
			h.add(table, map[string]any{owner: int64(d.between(1, int(h.persons)))})
		}
	}
	return t
}

type hostile struct {
	dice
	tables  Tables
	lastID  map[int64]int64 // by person
	persons int64
}

// id returns the next key of a person's rows.
func (h *hostile) id(person int64) int64 {
	h.lastID[person]++
	return 1000 + h.lastID[person]
}

func (h *hostile) day() galien.Date { return firstDay.AddDays(h.IntN(days)) }

// periods gives a person observation periods: one over most of the time, or
// several with gaps, adjacent, overlapping, or of one day.
func (h *hostile) periods(p int64) {
	add := func(from, to int) {
		h.tables["observation_period"] = append(h.tables["observation_period"], map[string]any{
			"observation_period_id": h.id(p), "person_id": p, "period_type_concept_id": pick(h.dice, concepts...),
			"observation_period_start_date": firstDay.AddDays(from), "observation_period_end_date": firstDay.AddDays(to)})
	}
	switch h.IntN(6) {
	case 0:
		add(0, days-1)
	case 1:
		add(h.between(0, 8), h.between(18, days))
	case 2: // a gap
		add(0, 10)
		add(h.between(12, 14), days)
	case 3: // adjacent, and then a single day
		add(1, 9)
		add(10, 20)
		add(25, 25)
	case 4: // overlapping
		add(0, 15)
		add(h.between(8, 15), 25)
	case 5: // never observed
		if h.chance(60) {
			add(5, 20)
		}
	}
}

// add appends a row, what it does not state made up by the kind of column.
func (h *hostile) add(name string, row map[string]any) {
	table, _ := cdm.Lookup(name)
	for _, c := range table.Columns {
		if _, stated := row[c.Name]; stated || c.Identity {
			continue
		}
		if v := h.value(table, c, row); v != nil {
			row[c.Name] = v
		}
	}
	h.tables[name] = append(h.tables[name], row)
}

func (h *hostile) value(t cdm.Table, c cdm.Column, row map[string]any) any {
	maybe := func(v any) any {
		if c.Name != t.ConceptColumn() && h.chance(25) {
			return nil
		}
		return v
	}
	switch {
	case c.Name == t.PrimaryKey():
		return h.id(personOf(row))
	case c.Name == "domain_id":
		return pick(h.dice, "PERSON", "PERSON", "PERSON", "CARE_SITE")
	case c.Name == "gender_concept_id":
		return pick(h.dice, int64(8507), 8532, 1, 2, 0)
	case c.Name == "year_of_birth":
		return int64(pick(h.dice, 1950, 1999, 2010, 2019, 2020))
	case c.Name == t.DateColumn():
		return h.day()
	case c.Name == t.EndDateColumn():
		return maybe(h.end(t, row))
	case c.Name == "visit_occurrence_id":
		return maybe(h.visit())
	case c.Name == "provider_id" || c.Name == "care_site_id" || c.Name == "location_id":
		return maybe(int64(h.between(1, 4))) // there is no fourth
	case c.Type == cdm.Text && strings.HasSuffix(c.Name, "source_value"):
		return nil
	case c.Type == cdm.Text:
		return maybe(pick(h.dice, "", "a", "ab", "A_b", "50% b"))
	case strings.HasSuffix(c.Name, "concept_id"):
		return maybe(pick(h.dice, concepts...))
	case c.Type == cdm.Integer:
		return maybe(int64(pick(h.dice, 0, 1, 2, 3, 7)))
	case c.Type == cdm.Float:
		return maybe(pick(h.dice, 0.0, 0.5, 1, 1.23456, 2, 3))
	}
	return nil
}

// end returns a day near the row's start, now and then before it.
func (h *hostile) end(t cdm.Table, row map[string]any) galien.Date {
	start := row[t.DateColumn()].(galien.Date)
	if h.chance(8) {
		return start.AddDays(-h.between(1, 3))
	}
	return start.AddDays(pick(h.dice, 0, 0, 1, 2, 5, 10, 40))
}

// visit returns the key of some visit, of whichever person, or of none.
func (h *hostile) visit() int64 {
	visits := h.tables["visit_occurrence"]
	if len(visits) == 0 || h.chance(10) {
		return 1
	}
	return visits[h.IntN(len(visits))]["visit_occurrence_id"].(int64)
}

// Shuffled returns the tables with the rows of each in another order.
func Shuffled(t Tables, seed uint64) Tables {
	d := newDice(seed, 3)
	shuffled := Tables{}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		rows := slices.Clone(t[name])
		d.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		shuffled[name] = rows
	}
	return shuffled
}
