package enginetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/cohort"
	"galien/permit"
)

// effectRounds bounds the search for a change that matters, in hostile tables,
// and changesOfPart how often a part is changed in one definition.
const (
	effectRounds  = 40
	changesOfPart = 2
)

// alike are the parts that no answer over hostile data tells of: a person dies
// once, no two rows have one key, and no two of a person's observation periods
// start or end on one day.
var alike = []string{
	"Death counts DOMAIN_CONCEPT", "Death counts DURATION", "Death counts END_DATE", "Death counts START_DATE",
	"ObservationPeriod counts END_DATE", "ObservationPeriod counts START_DATE", "VisitOccurrence counts VISIT_ID",
}

// Effects fails for each of the given parts of the model (see Parts) that an
// engine does not heed: no change of it, in no definition that was tried over
// hostile data, changed the engine's answer. An engine that ignores a field, or
// takes one value of an enumeration for another, is found here even where no
// other engine disagrees.
//
// The oracle, which is fast on so little data, says which changes are worth
// asking about; the engine is asked about those alone.
func Effects(t *testing.T, open Open, parts []string) {
	t.Helper()
	desk := NewDesk(t, Everything)
	judge := oracleAt(desk)
	var oracle, engine Run
	parts = slices.DeleteFunc(slices.Clone(parts), func(p string) bool { return slices.Contains(alike, p) })
	heeded(t, parts, func(round uint64) {
		tables := Hostile(round)
		oracle = opened(t, judge, tables)
		engine = func(ctx context.Context, def *cohort.Definition) ([]cohort.Row, cohort.Summary, error) {
			engine = opened(t, open, tables) // when it is first asked
			return engine(ctx, def)
		}
	}, func(each func(yield func(def *cohort.Definition))) {
		var questions []permit.Request
		each(func(def *cohort.Definition) {
			questions = append(questions, permit.Request{Action: permit.RunCohort, Snapshot: oracleSnapshot, Subject: def.Hash(), Reads: def.Reads()})
		})
		desk.allowAhead(t, questions)
	}, func(def *cohort.Definition) string { return answerText(t, oracle, def) },
		func(def *cohort.Definition) string { return answerText(t, engine, def) })
}

// answerText is an answer in full; "" for a definition that is refused, or that
// no event enters, where little can change.
func answerText(t *testing.T, run Run, def *cohort.Definition) string {
	t.Helper()
	rows, summary, err := run(t.Context(), def)
	if err != nil && galien.KindOf(err) != galien.Invalid {
		t.Fatalf("%v\n%s", err, Describe(def))
	}
	if err != nil || summary.Attrition[0].Events == 0 {
		return ""
	}
	sortRows(rows)
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintln(&b, r.Person, r.Start, r.End)
	}
	return fmt.Sprint(b.String(), stepsText(summary.Attrition), summary.Inclusion)
}

// EffectsOnText is Effects for what turns a definition into a text, such as SQL:
// a change of each part must change the text. write returns "" for a definition
// that it refuses.
func EffectsOnText(t *testing.T, write func(def *cohort.Definition) string, parts []string) {
	t.Helper()
	heeded(t, parts, func(uint64) {}, func(func(func(*cohort.Definition))) {}, write, write)
}

// heeded looks for a change of each part that changes the answer of worth, and
// then that of engine. Of each definition whose changes are tried, ahead is told
// which of them worth may be asked about.
func heeded(t *testing.T, parts []string, begin func(round uint64), ahead func(each func(yield func(def *cohort.Definition))), worth, engine func(*cohort.Definition) string) {
	t.Helper()
	began := time.Now()
	missing := map[string]bool{}
	for _, p := range parts {
		missing[p] = true
	}
	asked, rounds := 0, uint64(0)
	for ; rounds < effectRounds && len(missing) > 0; rounds++ {
		begin(rounds)
		for _, def := range candidates(rounds, missing) {
			concerned := false
			eachChange(def, func(part string) { concerned = concerned || missing[part] })
			if !concerned || !possible(def) {
				continue
			}
			before := worth(def)
			if before == "" {
				continue
			}
			ahead(func(yield func(def *cohort.Definition)) {
				times := map[string]int{}
				eachChange(def, func(part string) {
					if missing[part] && times[part] < changesOfPart && possible(def) {
						times[part]++
						yield(def)
					}
				})
			})
			found := map[string]string{} // the engine's answers to changes that are worth it
			tried := map[string]int{}
			eachChange(def, func(part string) {
				if !missing[part] || found[part] != "" || tried[part] == changesOfPart || !possible(def) {
					return
				}
				tried[part]++
				if after := worth(def); after == "" || after == before {
					return
				}
				found[part] = engine(def)
				asked++
			})
			if len(found) == 0 {
				continue
			}
			unchanged := engine(def)
			for part, changed := range found {
				if changed != "" && changed != unchanged {
					delete(missing, part)
				}
			}
		}
	}
	t.Logf("%d of %d parts of the model are heeded; the engine was asked about %d changes over %d sets of tables, %s",
		len(parts)-len(missing), len(parts), asked, rounds, time.Since(began).Round(time.Millisecond))
	if len(missing) > 0 {
		t.Errorf("no change of these parts of the model changes any answer:\n%s", strings.Join(slices.Sorted(maps.Keys(missing)), "\n"))
	}
}

// possible reports whether a definition, as it was changed, is one at all.
func possible(def *cohort.Definition) bool {
	if def.Validate() != nil {
		return false
	}
	ok := true
	var criteria func(cohort.Criterion)
	var group func(cohort.Group)
	group = func(g cohort.Group) {
		for _, c := range g.Correlated {
			if c.Distinct != nil {
				_, err := c.Criterion.CountOperandOf(*c.Distinct)
				ok = ok && err == nil
			}
			criteria(c.Criterion)
		}
		for _, sub := range g.Groups {
			group(sub)
		}
	}
	criteria = func(c cohort.Criterion) {
		if c.Nested != nil {
			group(*c.Nested)
		}
	}
	for _, c := range slices.Concat(def.Entry, def.Censoring) {
		criteria(c)
	}
	if def.Additional != nil {
		group(*def.Additional)
	}
	for _, r := range def.Rules {
		group(r.Group)
	}
	return ok
}

// candidates returns the definitions of a round: for each domain of a missing
// part one that has just that, and some at random.
func candidates(round uint64, missing map[string]bool) []*cohort.Definition {
	g := definitions{newDice(round, 4)}
	var all []*cohort.Definition
	add := func(def *cohort.Definition) {
		for id := range 3 {
			def.ConceptSets = append(def.ConceptSets, g.conceptSet(id))
		}
		all = append(all, def)
	}
	everyDay := cohort.Criterion{Domain: mustDomain("ObservationPeriod")}
	for _, d := range cohort.Domains() {
		for _, a := range d.Attributes {
			if a.Kind != cohort.Ignored && missing[fmt.Sprintf("%s %s %s", d.Name, kindOfFilter[a.Kind], operandName(a.Operand))] {
				add(&cohort.Definition{Entry: []cohort.Criterion{{Domain: d, Filters: []cohort.Filter{g.filter(a)}}}})
			}
		}
		for _, column := range countColumns(d) {
			if missing[fmt.Sprintf("%s counts %s", d.Name, column)] {
				c := cohort.Criterion{Domain: d}
				g.need(&c, column)
				add(&cohort.Definition{Entry: []cohort.Criterion{everyDay}, Rules: []cohort.Rule{{Group: cohort.Group{Correlated: []cohort.Correlated{{
					Criterion: c, StartWindow: cohort.Window{Start: cohort.Bound{Open: true, Before: true}, End: cohort.Bound{Open: true}},
					Occurrence: cohort.Exactly, Count: g.between(1, 4), Distinct: &column, IgnoreObservationPeriod: true}}}}}})
			}
		}
		for _, name := range []string{"Codeset", "SourceCodeset", "First", "Adjust", "UserStart", "UserEnd", "Nested"} {
			if missing[d.Name+"."+name] || missing["an entry on "+d.Name] {
				add(&cohort.Definition{Entry: []cohort.Criterion{g.criterionWith(d, name), everyDay}[:g.between(1, 2)]})
			}
		}
	}
	for _, a := range cohort.DemographicAttributes {
		if missing[fmt.Sprintf("Demographic %s %s", kindOfFilter[a.Kind], operandName(a.Operand))] {
			add(&cohort.Definition{Entry: []cohort.Criterion{everyDay}, Additional: &cohort.Group{
				Demographics: []cohort.Demographic{{Filters: []cohort.Filter{g.filter(a)}}}}})
		}
	}
	for i := range uint64(60) {
		all = append(all, RandomDefinition(round*1000+i))
	}
	return all
}

// criterionWith returns a criterion of a domain that carries one thing.
func (g definitions) criterionWith(d *cohort.Domain, name string) cohort.Criterion {
	c := cohort.Criterion{Domain: d}
	switch {
	case name == "Codeset" && d.Concept != "":
		c.Codeset = g.set()
	case name == "SourceCodeset" && d.SourceConcept != "":
		c.SourceCodeset = g.set()
	case name == "First" && !d.NoFirst:
		c.First = true
	case name == "Adjust" && !d.NoAdjust:
		c.Adjust = &cohort.DateAdjustment{EndWithEnd: true, StartWithEnd: !d.FixedAdjust && g.chance(50), StartOffset: g.between(-3, 3)}
	case name == "UserStart" && d.UserPeriod:
		c.UserStart = g.optionalDate(100)
	case name == "UserEnd" && d.UserPeriod:
		c.UserEnd = g.optionalDate(100)
	case name == "Nested":
		group := g.group(1)
		c.Nested = &group
	}
	return c
}

func mustDomain(name string) *cohort.Domain {
	d, ok := cohort.DomainByName(name)
	if !ok {
		panic("enginetest: no domain " + name)
	}
	return d
}
