package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"galien"
	"galien/cohort"
	"galien/disclosure"
	"galien/engine/columnar"
	"galien/engine/duckdb"
	"galien/ledger"
	"galien/permit"
)

// ledgerBound reports whether what is answered leaves the house or may: then the
// ledger of everything released decides too. Answers under a permit that lets
// rows out are work inside the house, until a table is released.
func ledgerBound(p permit.Permitted) bool {
	return p.Level() != permit.LevelRows || p.Action() == permit.Release
}

// behind gathers who is behind the numbers of one answer.
type behind struct {
	observed        ledger.Builder
	persons, events []ledger.Builder // by step
	cells           map[string]*behindCell
}

type behindCell struct{ entered, observed ledger.Builder }

func newBehind(def *cohort.Definition) *behind {
	steps := len(def.Steps())
	return &behind{persons: make([]ledger.Builder, steps), events: make([]ledger.Builder, steps), cells: map[string]*behindCell{}}
}

// members is how an engine tells.
func (b *behind) members() *cohort.Members {
	return &cohort.Members{
		Observed: func(persons []galien.PersonID) { b.observed.Add(persons, nil) },
		Left: func(step int, persons []galien.PersonID, events []int64) {
			b.persons[step].Add(persons, nil)
			b.events[step].Add(persons, events)
		},
		Cell: func(keys []string, entered, observed []galien.PersonID) {
			c := b.cell(keys)
			c.entered.Add(entered, nil)
			c.observed.Add(observed, nil)
		},
	}
}

func (b *behind) cell(keys []string) *behindCell {
	name := strings.Join(keys, "\x00")
	c := b.cells[name]
	if c == nil {
		c = &behindCell{}
		b.cells[name] = c
	}
	return c
}

// vectors makes the vectors of numbers, until one fails.
type vectors struct{ err error }

func (v *vectors) of(b *ledger.Builder) ledger.Vector {
	x, err := b.Vector()
	if v.err == nil {
		v.err = err
	}
	return x
}

// decide puts the numbers of an answer to the ledger.
func (q *question) decide(ctx context.Context, p permit.Permitted, ask ledger.Ask) (ledger.Verdict, error) {
	l, err := q.rehearsal, error(nil)
	if l == nil {
		l, err = q.hub.released()
	}
	if err != nil {
		return ledger.Verdict{}, err
	}
	scope, err := scopeHash(p.Scope())
	if err != nil {
		return ledger.Verdict{}, err
	}
	ask.Time, ask.Actor, ask.Action, ask.Permit, ask.Definition = q.hub.now(), q.actor, string(p.Action()), p.PermitID(), p.Subject()
	ask.Ground = ledger.Ground{Snapshot: p.Snapshot(), Scope: scope, Oppositions: personsHash(p.Scope().Opposed)}
	ask.Threshold, ask.Rounding = int64(p.Terms().Threshold), int64(p.Terms().Rounding)
	return l.Decide(ctx, ask)
}

// scopeHash is a hash of what decides which rows a permit shows. Which tables it
// grants is not part of it: a question reads none that are not.
func scopeHash(s permit.Scope) (string, error) {
	b, err := json.Marshal([]any{s.Window, s.Deny, s.Allow, s.Areas})
	if err != nil {
		return "", galien.Errorf(galien.Internal, "hash a scope: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}

func personsHash(persons []galien.PersonID) string {
	if len(persons) == 0 {
		return ""
	}
	h := sha256.New()
	for _, p := range persons {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(p)))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// boundSteps shows the attrition as the ledger lets it be seen: what disclosure
// control clears and no arithmetic with earlier answers gives away. It returns
// what to call the ledger's record in the audit log.
func (q *question) boundSteps(ctx context.Context, p permit.Permitted, def *cohort.Definition, s cohort.Summary, who *behind) ([]shownStep, string, error) {
	all, raw := stepsOf(s)
	rule := ruleOf(p.Terms())
	cleared := disclosure.ClearSteps(raw, rule)
	// The cohort's own count comes first, then what could be counted, then the
	// steps between. Events are told of the last step alone, and of others where
	// each person has one: every number uses something up.
	order := []int{len(all) - 1}
	for i := range len(all) - 1 {
		order = append(order, i)
	}
	var v vectors
	ask := ledger.Ask{Everyone: v.of(&who.observed), Leads: true}
	keys := def.Counts().Steps
	visible := func(c disclosure.Count) bool { _, ok := c.Value(); return ok }
	for _, i := range order {
		ask.Numbers = append(ask.Numbers, ledger.Number{Key: ledger.Key(keys[i].Persons), What: fmt.Sprintf("persons after step %d of %d", i+1, len(all)),
			Of: v.of(&who.persons[i]), Withheld: !visible(cleared[i].Persons)})
	}
	last := len(all) - 1
	ask.Numbers = append(ask.Numbers, ledger.Number{Key: ledger.Key(keys[last].Events), What: "periods",
		Of: v.of(&who.events[last]), Withheld: !visible(cleared[last].Events)})
	if v.err != nil {
		return nil, "", v.err
	}
	verdict, err := q.decide(ctx, p, ask)
	if err != nil {
		return nil, "", err
	}
	for k, i := range order {
		persons := verdict.Numbers[k]
		all[i].Persons, all[i].Events = shownCount(persons, cleared[i].Persons, rule), disclosure.Count{}
		switch {
		case !persons.Open():
		case keys[i].Events == keys[i].Persons:
			all[i].Events = rule.Round(persons.Value)
		case keys[i].Events == keys[last].Events:
			all[i].Events = shownCount(verdict.Numbers[len(order)], cleared[last].Events, rule)
		}
		all[i].Note = noteOf(persons)
	}
	return all, verdict.Reference, nil
}

// shownCount is a number as the rule rounds it, or what stands for it.
func shownCount(d ledger.Decision, c disclosure.Count, rule disclosure.Rule) any {
	if d.Open() {
		return rule.Round(d.Value)
	}
	if _, ok := c.Value(); ok {
		return disclosure.Count{}
	}
	return c
}

// noteOf says why a number is withheld, or where it comes from.
func noteOf(d ledger.Decision) string {
	switch {
	case d.Outcome == ledger.Standing:
		return "as of snapshot " + d.Snapshot + ": it has changed by fewer persons than the threshold"
	case d.Outcome == ledger.Withheld && d.Reason != ledger.Small && d.Reason != ledger.Disclosure && d.Reason != ledger.Unasked:
		return d.String()
	}
	return ""
}

// boundTable is a cleared table as the ledger lets it be seen.
type boundTable struct {
	disclosure.Cleared
	reference string
	withheld  int            // rows that the ledger withholds
	standing  int            // rows with a number of an earlier snapshot
	reasons   map[string]int // why, by how many rows
}

// notes says of how many rows the ledger decided what, and why.
func (b boundTable) notes() []string {
	var list []string
	for _, why := range slices.Sorted(maps.Keys(b.reasons)) {
		list = append(list, fmt.Sprintf("%d rows withheld beside what was released before: %s", b.reasons[why], why))
	}
	if b.standing > 0 {
		list = append(list, fmt.Sprintf("%d rows have a number of an earlier snapshot: it has changed by fewer persons than the threshold", b.standing))
	}
	return list
}

// bind puts the rows of a cleared table to the ledger, margins before what they
// total. A row is shown when both its persons and its population are.
func (q *question) bind(ctx context.Context, t *tabulated, cleared disclosure.Cleared) (boundTable, error) {
	var v vectors
	counts, rows := t.definition.def.Counts(), cleared.Cells()
	ask := ledger.Ask{Everyone: v.of(&t.behind.observed), Table: true,
		EveryoneKey: ledger.Key(counts.Cell(t.by, slices.Repeat([]string{cohort.Total}, len(t.by)), true))}
	days := map[string]int64{}
	for _, c := range t.cells {
		days[strings.Join(c.Keys, "\x00")] = c.PersonDays
	}
	type numbers struct{ persons, population int } // indexes, -1 for none
	at := map[string]numbers{}
	margins := func(row int) (n int) {
		for _, k := range rows[row].Keys {
			if k == cohort.Total {
				n++
			}
		}
		return n
	}
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return margins(b) - margins(a) })
	for _, i := range order {
		keys := rows[i].Keys
		name, what, who := strings.Join(keys, "\x00"), strings.Join(keys, ", "), t.behind.cell(keys)
		n := numbers{-1, -1}
		if !rows[i].Withheld {
			n.population = len(ask.Numbers)
			ask.Numbers = append(ask.Numbers, ledger.Number{Key: ledger.Key(counts.Cell(t.by, keys, true)), What: "population of " + what, Of: v.of(&who.observed), Also: days[name]})
		}
		n.persons = len(ask.Numbers)
		ask.Numbers = append(ask.Numbers, ledger.Number{Key: ledger.Key(counts.Cell(t.by, keys, false)), What: "persons of " + what, Of: v.of(&who.entered), Withheld: rows[i].Withheld})
		at[name] = n
	}
	if v.err != nil {
		return boundTable{}, v.err
	}
	for d, dimension := range cleared.Dimensions() {
		for _, r := range rows {
			if r.Keys[d] != cohort.Total {
				continue
			}
			persons, population := t.additive(d, r.Keys, counts.Single)
			total := at[strings.Join(r.Keys, "\x00")]
			sumOf := func(of func(numbers) int) {
				sum := ledger.Sum{Total: of(total)}
				for _, c := range dimension.Categories {
					keys := slices.Clone(r.Keys)
					keys[d] = c
					sum.Parts = append(sum.Parts, of(at[strings.Join(keys, "\x00")]))
				}
				if sum.Total >= 0 && !slices.Contains(sum.Parts, -1) {
					ask.Sums = append(ask.Sums, sum)
				}
			}
			if persons {
				sumOf(func(n numbers) int { return n.persons })
			}
			if population {
				sumOf(func(n numbers) int { return n.population })
			}
		}
	}
	verdict, err := q.decide(ctx, t.permitted, ask)
	if err != nil {
		return boundTable{}, err
	}
	rule := cleared.Rule()
	b := boundTable{reference: verdict.Reference, reasons: map[string]int{}}
	b.Cleared = cleared.Bound(func(row int, c disclosure.ClearedCell) disclosure.ClearedCell {
		n := at[strings.Join(c.Keys, "\x00")]
		persons, population := verdict.Numbers[n.persons], verdict.Numbers[n.population]
		to := c
		if persons.Outcome == ledger.Standing {
			to.Persons = rule.Round(persons.Value)
		}
		if population.Outcome == ledger.Standing {
			to.Population, to.PersonDays = rule.Round(population.Value), rule.RoundDays(population.Also)
		}
		if !persons.Open() || !population.Open() || to.Persons > to.Population {
			b.withheld++
			why := persons
			if persons.Open() {
				why = population
			}
			b.reasons[why.String()]++
			return disclosure.ClearedCell{Withheld: true}
		}
		if persons.Outcome == ledger.Standing || population.Outcome == ledger.Standing {
			b.standing++
		}
		return to
	})
	return b, nil
}

// additive says whether a person can be in one category of a dimension at most,
// among those counted and among those observed, where the other keys are fixed:
// one sex; one age in a year; and one of anything where a cohort has one period
// of each person.
func (t *tabulated) additive(d int, keys []string, single bool) (persons, population bool) {
	switch t.by[d] {
	case cohort.Sex:
		return true, true
	case cohort.AgeGroup:
		year := slices.Index(t.by, cohort.Year)
		inYear := year >= 0 && keys[year] != cohort.Total
		return single || inYear, inYear
	}
	return single, false
}

// twice is an engine that does not tell who is behind its numbers, and one that
// does, which must give the same.
type twice struct {
	*duckdb.Engine
	naming func() (*columnar.Engine, error)
}

// CohortMembers asks both engines when members are to be told.
func (t twice) CohortMembers(ctx context.Context, p permit.Permitted, def *cohort.Definition, m *cohort.Members, yield func(cohort.Row) error) (cohort.Summary, error) {
	s, err := t.Cohort(ctx, p, def, yield)
	if err != nil || m == nil {
		return s, err
	}
	naming, err := t.naming()
	if err != nil {
		return s, err
	}
	defer naming.Close()
	other, err := naming.CohortMembers(ctx, p, def, m, func(cohort.Row) error { return nil })
	if err == nil && !slices.Equal(s.Attrition, other.Attrition) {
		err = galien.Errorf(galien.Internal, "count a cohort: two engines do not agree, so that nothing is answered under a permit that lets no rows out")
	}
	return s, err
}

// TableMembers asks both engines when members are to be told.
func (t twice) TableMembers(ctx context.Context, p permit.Permitted, def *cohort.Definition, by []cohort.Dimension, m *cohort.Members) ([]cohort.Cell, error) {
	cells, err := t.Table(ctx, p, def, by)
	if err != nil || m == nil {
		return cells, err
	}
	naming, err := t.naming()
	if err != nil {
		return cells, err
	}
	defer naming.Close()
	other, err := naming.TableMembers(ctx, p, def, by, m)
	if err == nil && !slices.EqualFunc(cells, other, func(a, b cohort.Cell) bool {
		return slices.Equal(a.Keys, b.Keys) && a.Persons == b.Persons && a.Events == b.Events && a.Population == b.Population && a.PersonDays == b.PersonDays
	}) {
		err = galien.Errorf(galien.Internal, "tabulate a cohort: two engines do not agree, so that nothing is answered that leaves the house")
	}
	return cells, err
}
