package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/engine/oracle"
	"galien/lake"
	"galien/permit"
)

// Engine is what both engines do.
type Engine interface {
	Cohort(ctx context.Context, p permit.Permitted, def *cohort.Definition, yield func(cohort.Row) error) (cohort.Summary, error)
	Table(ctx context.Context, p permit.Permitted, def *cohort.Definition, by []cohort.Dimension) ([]cohort.Cell, error)
}

// Scopes asks n random definitions, under random permits that hide part of
// hostile data, of an engine and of the oracle over the same snapshot, and
// fails where cohorts or tables differ. GALIEN_SEED, GALIEN_CASES and GALIEN_SHARD
// are heeded as by Differential.
func Scopes(t *testing.T, seed uint64, n int, open func(Tables) (*lake.Snapshot, Engine, error)) {
	t.Helper()
	seed = number(t, "GALIEN_SEED", seed)
	n = int(number(t, "GALIEN_CASES", uint64(n)))
	part, parts := shard(t)
	ask := func(e Engine, desk *Desk, snapshot string, def *cohort.Definition, by []cohort.Dimension) ([]cohort.Row, cohort.Summary, []cohort.Cell) {
		allowed := func(action permit.Action) permit.Permitted {
			p, err := desk.Allow(t.Context(), action, snapshot, def)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		var rows []cohort.Row
		summary, err := e.Cohort(t.Context(), allowed(permit.RunCohort), def, func(r cohort.Row) error {
			rows = append(rows, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		cells, err := e.Table(t.Context(), allowed(permit.Tabulate), def, by)
		if err != nil {
			t.Fatal(err)
		}
		return rows, summary, cells
	}
	nonEmpty := 0
	const each = 10
	for first := 0; first < n; first += each {
		if first/each%parts != part-1 {
			continue
		}
		block := seed + uint64(first/each)
		snapshot, engine, err := open(Hostile(block))
		if err != nil {
			t.Fatal(err)
		}
		judge := oracle.New(snapshot)
		for i := first; i < min(n, first+each); i++ {
			d := newDice(block*1000+uint64(i-first), 4)
			def := RandomDefinition(block*1000 + uint64(i-first))
			def.Additional, def.Rules = nil, nil // so that most cohorts hold someone
			terms, by := randomTerms(d), randomDimensions(d)
			desk := NewDesk(t, terms)
			rows, summary, cells := ask(judge, desk, snapshot.ID, def, by)
			gotRows, gotSummary, gotCells := ask(engine, desk, snapshot.ID, def, by)
			difference := differences(rows, gotRows, summary, gotSummary)
			if w, g := cellsText(cells), cellsText(gotCells); w != g {
				difference += fmt.Sprintf("\ncells by %v: want\n%s\ngot\n%s", by, w, g)
			}
			if difference != "" {
				t.Fatalf("seed %d, case %d (run again with GALIEN_SEED=%d GALIEN_CASES=%d):\n%s\n%s\nwant is the oracle's:\n%s", seed, i, block, each, terms, Describe(def), difference)
			}
			if len(rows) > 0 {
				nonEmpty++
			}
		}
	}
	t.Logf("seed %d: %d definitions under random permits agree with the oracle, %d of them with a non-empty cohort", seed, n, nonEmpty)
}

// Oppositions asks n random definitions of an engine while a quarter of the
// persons of hostile data oppose, and after they withdrew. Opposed, the answer
// is that of the oracle over data that never held them; withdrawn, that over all
// data. The engine stays open, so what it kept of one must not serve the other.
func Oppositions(t *testing.T, seed uint64, n int, open func(Tables) (*lake.Snapshot, Engine, error)) {
	t.Helper()
	left, differ := 0, 0
	const each = 5
	for first := 0; first < n; first += each {
		block := seed + uint64(first/each)
		whole := Hostile(block)
		d := newDice(block, 5)
		var opposed []galien.PersonID
		for _, id := range personsOf(whole) {
			if d.chance(25) && !slices.Contains(opposed, galien.PersonID(id)) {
				opposed = append(opposed, galien.PersonID(id))
			}
		}
		snapshot, engine, err := open(whole)
		if err != nil {
			t.Fatal(err)
		}
		answer := func(e Engine, desk *Desk, snapshot string, def *cohort.Definition, by []cohort.Dimension) string {
			return fullAnswer(t, e, desk, snapshot, def, by)
		}
		never, err := oracle.NewData(without(whole, func(table string, r map[string]any) bool {
			place := table == "location_history" && r["domain_id"] != "PERSON"
			return !place && slices.Contains(opposed, galien.PersonID(personOf(r)))
		}))
		if err != nil {
			t.Fatal(err)
		}
		all, err := oracle.NewData(whole)
		if err != nil {
			t.Fatal(err)
		}
		free := NewDesk(t, Everything)
		desk := NewDesk(t, Everything)
		for i := first; i < min(n, first+each); i++ {
			def := RandomDefinition(block*1000 + uint64(i-first))
			def.Additional, def.Rules = nil, nil // so that most cohorts hold someone
			by := randomDimensions(d)
			wantAll := answer(oracle.Over("all", all), free, "all", def, by)
			wantNever := answer(oracle.Over("never", never), free, "never", def, by)
			if wantAll != wantNever {
				differ++
			}
			for round, want := range []string{wantAll, wantNever, wantAll} {
				desk.Oppose(t, opposed, round != 1)
				for name, e := range map[string]Engine{"engine": engine, "oracle": oracle.New(snapshot)} {
					if got := answer(e, desk, snapshot.ID, def, by); got != want {
						t.Fatalf("block %d, definition %d, round %d: the %s answers\n%s\nwant\n%s\n%s", block, i, round, name, got, want, Describe(def))
					}
				}
			}
		}
		left += len(opposed)
	}
	if left == 0 || differ < n/4 {
		t.Errorf("%d persons opposed and %d of %d answers depend on it: the test proves nothing", left, differ, n)
	}
}

// fullAnswer is an engine's answer, cohort and table, as a text.
func fullAnswer(t *testing.T, e Engine, desk *Desk, snapshot string, def *cohort.Definition, by []cohort.Dimension) string {
	t.Helper()
	var lines []string
	for _, action := range []permit.Action{permit.RunCohort, permit.Tabulate} {
		p, err := desk.Allow(t.Context(), action, snapshot, def)
		if err != nil {
			t.Fatal(err)
		}
		if action == permit.Tabulate {
			cells, err := e.Table(t.Context(), p, def, by)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, cellsText(cells))
			continue
		}
		summary, err := e.Cohort(t.Context(), p, def, func(r cohort.Row) error {
			lines = append(lines, fmt.Sprintf("%v", r))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(lines)
		lines = append(lines, fmt.Sprintf("%+v", summary.Attrition))
	}
	return strings.Join(lines, "\n")
}

// Areas asks n random definitions of an engine under permits for the residents of
// some departments, one after the other on the same engine. The answer is that of
// the oracle over data that never held anybody else; whose home is not known is
// nobody's resident.
func Areas(t *testing.T, seed uint64, n int, open func(Tables) (*lake.Snapshot, Engine, error)) {
	t.Helper()
	differ := 0
	const each = 5
	for first := 0; first < n; first += each {
		block := seed + uint64(first/each)
		whole := Hostile(block)
		d := newDice(block, 6)
		snapshot, engine, err := open(whole)
		if err != nil {
			t.Fatal(err)
		}
		all, err := oracle.NewData(whole)
		if err != nil {
			t.Fatal(err)
		}
		free := NewDesk(t, Everything)
		for _, areas := range [][]string{{"35"}, {"35", "22"}, {"75"}} {
			home := map[int64]bool{}
			for _, p := range whole["person"] {
				for _, l := range whole["location"] {
					state, _ := l["state"].(string)
					if p["location_id"] == l["location_id"] && slices.Contains(areas, state) {
						home[p["person_id"].(int64)] = true
					}
				}
			}
			residents, err := oracle.NewData(without(whole, func(table string, r map[string]any) bool {
				column := "person_id"
				if table == "location_history" {
					if r["domain_id"] != "PERSON" {
						return false
					}
					column = "entity_id"
				}
				id, of := r[column].(int64)
				return of && !home[id]
			}))
			if err != nil {
				t.Fatal(err)
			}
			desk := NewDesk(t, Everything+`areas: {departments: ["`+strings.Join(areas, `", "`)+`"]}`+"\n")
			for i := first; i < min(n, first+each); i++ {
				def := RandomDefinition(block*1000 + uint64(i-first))
				def.Additional, def.Rules = nil, nil // so that most cohorts hold someone
				by := randomDimensions(d)
				want := fullAnswer(t, oracle.Over("residents", residents), free, "residents", def, by)
				asked := map[string]Engine{"engine": engine, "oracle": oracle.Over(snapshot.ID, all)}
				if i == first { // it reads every file anew
					asked["oracle over the snapshot"] = oracle.New(snapshot)
				}
				for name, e := range asked {
					if got := fullAnswer(t, e, desk, snapshot.ID, def, by); got != want {
						t.Fatalf("block %d, definition %d, residents of %v: the %s answers\n%s\nwant\n%s\n%s", block, i, areas, name, got, want, Describe(def))
					}
				}
				if want != fullAnswer(t, oracle.Over(snapshot.ID, all), free, snapshot.ID, def, by) {
					differ++
				}
			}
		}
	}
	if differ < n {
		t.Errorf("%d of %d answers depend on who lives where: the test proves nothing", differ, 3*n)
	}
}

// WithoutVocabulary holds engines to refuse what they cannot resolve: concept
// sets without CONCEPT, descendants in a permit without CONCEPT_ANCESTOR.
func WithoutVocabulary(t *testing.T, open func(Tables) (*lake.Snapshot, Engine, error)) {
	t.Helper()
	withSets := &cohort.Definition{Entry: []cohort.Criterion{{Domain: cohort.Domains()[0]}}, ConceptSets: []cohort.ConceptSet{{ID: 0}}}
	without := &cohort.Definition{Entry: []cohort.Criterion{{Domain: cohort.Domains()[0]}}}
	const deny = Everything + "concepts: {deny: [{concept: 1, descendants: %t}]}\n"
	for _, c := range []struct {
		name    string
		terms   string
		lacking string
		def     *cohort.Definition
		refused bool
	}{
		{"concept sets", Everything, "concept", withSets, true},
		{"no concept sets", Everything, "concept", without, false},
		{"denied descendants", fmt.Sprintf(deny, true), "concept_ancestor", without, true},
		{"a denied concept", fmt.Sprintf(deny, false), "concept_ancestor", without, false},
	} {
		tables := Hostile(1)
		delete(tables, c.lacking)
		snapshot, engine, err := open(tables)
		if err != nil {
			t.Fatal(err)
		}
		for name, e := range map[string]Engine{"engine": engine, "oracle": oracle.New(snapshot)} {
			p, err := NewDesk(t, c.terms).Allow(t.Context(), permit.RunCohort, snapshot.ID, c.def)
			if err != nil {
				t.Fatal(err)
			}
			_, err = e.Cohort(t.Context(), p, c.def, func(cohort.Row) error { return nil })
			if refused := err != nil && galien.KindOf(err) == galien.NotFound; refused != c.refused || err != nil && !refused {
				t.Errorf("%s without %s, %s: %v", c.name, c.lacking, name, err)
			}
		}
	}
}

// randomTerms are the terms of a permit that hides something.
func randomTerms(d dice) string {
	terms := Everything
	if d.chance(60) {
		from := firstDay.AddDays(d.between(0, 15))
		terms += fmt.Sprintf("window:\n  start: %s\n  end: %s\n", from, from.AddDays(d.between(0, 20)))
	}
	if d.chance(30) {
		terms += "areas:\n  departments: " + []string{`["35"]`, `["22", "35"]`, `["75"]`}[d.between(0, 2)] + "\n"
	}
	list := func() string {
		named := []int{1, 2, 3, 5, 9, 10}
		d.Shuffle(len(named), func(i, j int) { named[i], named[j] = named[j], named[i] })
		var items []string
		for _, c := range named[:d.between(1, 2)] {
			items = append(items, fmt.Sprintf("{concept: %d, descendants: %t}", c, d.chance(50)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	deny, allow := d.chance(50), d.chance(30)
	if deny || allow {
		terms += "concepts:\n"
	}
	if deny {
		terms += "  deny: " + list() + "\n"
	}
	if allow {
		terms += "  allow: " + list() + "\n"
	}
	return terms
}

func randomDimensions(d dice) []cohort.Dimension {
	all := []cohort.Dimension{cohort.Sex, cohort.AgeGroup, cohort.Year}
	d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return slices.Clone(all[:d.between(1, 3)])
}

func cellsText(cells []cohort.Cell) string {
	var list []string
	for _, c := range cells {
		list = append(list, fmt.Sprintf("%s: %d persons, %d events of %d persons, %d days", strings.Join(c.Keys, " "), c.Persons, c.Events, c.Population, c.PersonDays))
	}
	return strings.Join(list, "\n")
}
