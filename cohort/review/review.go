// Package review reads a cohort definition as a careful colleague does, and says
// what is wrong with it, where, and what to do.
//
// It judges what a definition says, never data: each finding follows from the
// definition alone. What it finds is one of three levels: an error selects
// nobody or cannot mean what was intended, a warning does probably not, and a
// hint is worth a look.
//
//	for _, f := range review.Check(def, doc.Domains()) {
//		fmt.Println(f.Path, f.Problem(review.French), f.Remedy(review.French))
//	}
//
// Paths are those of Circe's JSON. Rules lists every rule; docs/check.md is
// written from it.
package review

import (
	"fmt"
	"slices"
	"strings"

	"galien"
	"galien/cohort"
)

// Level says how grave a finding is.
type Level uint8

// The levels, the gravest last.
const (
	Hint Level = iota
	Warning
	Error
)

// String returns the level's name in English.
func (l Level) String() string { return levels[l].In(English) }

// In returns the level's name in a language.
func (l Level) In(lang Language) string { return levels[l].In(lang) }

var levels = [...]Text{{"hint", "conseil"}, {"warning", "avertissement"}, {"error", "erreur"}}

// Language is a language that findings are written in.
type Language uint8

// The languages.
const (
	English Language = iota
	French
)

// Text is a sentence in both languages.
type Text [2]string

// In returns the text in a language.
func (t Text) In(lang Language) string { return t[lang] }

// Rule is one thing that a review looks for.
type Rule struct {
	ID    string
	Level Level
	// Looks says in English what the rule looks for, for the page of rules.
	Looks string
	// problem and remedy are formats; their arguments are those of a finding.
	problem, remedy Text
}

// Finding is something that a rule found.
type Finding struct {
	Rule Rule
	Path string
	args []any
}

// Problem says what is wrong, in a full sentence.
func (f Finding) Problem(lang Language) string { return f.say(f.Rule.problem, lang) }

// Remedy says what to do about it.
func (f Finding) Remedy(lang Language) string { return f.say(f.Rule.remedy, lang) }

func (f Finding) say(t Text, lang Language) string {
	format := t.In(lang)
	if !strings.Contains(format, "%") {
		return format
	}
	args := make([]any, len(f.args))
	for i, a := range f.args {
		args[i] = a
		if t, ok := a.(Text); ok {
			args[i] = t.In(lang)
		}
	}
	return fmt.Sprintf(format, args...)
}

// Check reviews a definition. Domains gives the OMOP domains of concepts, as far
// as they are known; the rule on domains finds nothing without them. The gravest
// findings come first, and then the order of the definition.
func Check(def *cohort.Definition, domains map[galien.ConceptID]string) []Finding {
	r := reviewer{def: def, sets: def.Codesets(), domains: domains, used: map[int]bool{}}
	r.entries()
	if def.Additional != nil {
		r.top("AdditionalCriteria", *def.Additional)
	}
	for i, rule := range def.Rules {
		r.top(fmt.Sprintf("InclusionRules[%d].expression", i), rule.Group)
	}
	r.rules()
	r.together()
	r.exit()
	r.conceptSets()
	slices.SortStableFunc(r.found, func(a, b Finding) int { return int(b.Rule.Level) - int(a.Rule.Level) })
	return r.found
}

// reviewer gathers findings while it walks through a definition.
type reviewer struct {
	def     *cohort.Definition
	sets    map[int]cohort.ConceptSet
	domains map[galien.ConceptID]string
	used    map[int]bool // concept sets that something refers to
	found   []Finding
}

// find adds a finding. Args are those of the rule's two formats, which number
// them.
func (r *reviewer) find(rule, path string, args ...any) {
	r.found = append(r.found, Finding{Rule: ruleByID[rule], Path: path, args: args})
}

// entries reviews the entry events and the limits.
func (r *reviewer) entries() {
	d := r.def
	for i, c := range d.Entry {
		path := fmt.Sprintf("PrimaryCriteria.CriteriaList[%d]", i)
		r.criterion(path, c)
		for j := range i {
			if same(c, d.Entry[j]) {
				r.find("repeated-entry", path, j)
				break
			}
		}
	}
	if d.PriorDays < 0 {
		r.find("negative-days", "PrimaryCriteria.ObservationWindow.PriorDays", d.PriorDays)
	}
	if d.PostDays < 0 {
		r.find("negative-days", "PrimaryCriteria.ObservationWindow.PostDays", d.PostDays)
	}
	// What is kept first is all that a later limit can choose from.
	kept := d.EntryLimit
	if d.Additional != nil {
		if kept != cohort.All && d.QualifiedLimit != cohort.All && d.QualifiedLimit != kept {
			r.find("contradicting-limits", "QualifiedLimit", kept, d.QualifiedLimit)
		}
		if kept == cohort.All {
			kept = d.QualifiedLimit
		}
	}
	if kept != cohort.All && d.ResultLimit != cohort.All && d.ResultLimit != kept {
		r.find("contradicting-limits", "ExpressionLimit", kept, d.ResultLimit)
	}
}

// rules reviews the inclusion rules beside one another.
func (r *reviewer) rules() {
	for i, rule := range r.def.Rules {
		path := fmt.Sprintf("InclusionRules[%d]", i)
		if rule.Group.Empty() {
			continue
		}
		if r.def.Additional != nil && same(rule.Group, *r.def.Additional) {
			r.find("repeated-rule", path, "AdditionalCriteria")
			continue
		}
		for j, other := range r.def.Rules[:i] {
			if same(rule.Group, other.Group) {
				r.find("repeated-rule", path, fmt.Sprintf("InclusionRules[%d]", j))
				break
			}
		}
	}
}

// exit reviews how cohort periods end.
func (r *reviewer) exit() {
	d := r.def
	switch e := d.Exit.(type) {
	case cohort.DateOffset:
		switch {
		case e.Days < 0 && !e.FromEnd:
			r.find("exit-before-start", "EndStrategy.DateOffset.Offset", e.Days)
		case e.Days == 0 && !e.FromEnd:
			r.find("one-day-periods", "EndStrategy.DateOffset.Offset")
		case e.Days < 0:
			r.find("negative-days", "EndStrategy.DateOffset.Offset", e.Days)
		}
	case cohort.DrugEra:
		r.use("EndStrategy.CustomEra.DrugCodesetId", e.Codeset)
		if !r.entersByDrug(e.Codeset) {
			r.find("exit-without-drug", "EndStrategy.CustomEra.DrugCodesetId", r.setName(e.Codeset))
		}
		if e.DaysForce != nil && *e.DaysForce < 0 {
			r.find("negative-days", "EndStrategy.CustomEra.DaysSupplyOverride", *e.DaysForce)
		}
	case nil:
		if d.EntryLimit == cohort.All && d.ResultLimit == cohort.All && (d.Additional == nil || d.QualifiedLimit == cohort.All) && !r.endsAlone() {
			r.find("no-exit", "EndStrategy")
		}
	}
	for i, c := range d.Censoring {
		path := fmt.Sprintf("CensoringCriteria[%d]", i)
		r.criterion(path, c)
		for j, e := range d.Entry {
			if r.covers(c, e) {
				r.find("immediate-censoring", path, j)
				break
			}
		}
	}
	if d.CensorStart != nil && d.CensorEnd != nil && *d.CensorEnd < *d.CensorStart {
		r.find("backward-censor-window", "CensorWindow", *d.CensorStart, *d.CensorEnd)
	}
}

// endsAlone reports whether every entry event is the last of its kind or its
// person, so that an exit has nothing to say.
func (r *reviewer) endsAlone() bool {
	return !slices.ContainsFunc(r.def.Entry, func(c cohort.Criterion) bool {
		return !c.First && c.Domain.Name != "Death" && c.Domain.Name != "ObservationPeriod"
	})
}

// drugs are the domains whose events an exit by drug era can continue.
var drugs = []string{"DrugExposure", "DrugEra", "DoseEra"}

// entersByDrug reports whether some entry event is an exposure to a drug of the
// set: the same set, or one that shares a concept with it.
func (r *reviewer) entersByDrug(set int) bool {
	included := map[galien.ConceptID]bool{}
	for _, i := range r.sets[set].Items {
		included[i.Concept] = included[i.Concept] || !i.Excluded
	}
	return slices.ContainsFunc(r.def.Entry, func(c cohort.Criterion) bool {
		if !slices.Contains(drugs, c.Domain.Name) {
			return false
		}
		if c.Codeset == nil || *c.Codeset == set {
			return true
		}
		return slices.ContainsFunc(r.sets[*c.Codeset].Items, func(i cohort.ConceptItem) bool { return !i.Excluded && included[i.Concept] })
	})
}

// covers reports whether every event of e is one of c, on the same day.
func (r *reviewer) covers(c, e cohort.Criterion) bool {
	c, e = r.bySet(c), r.bySet(e)
	if same(c, e) {
		return true
	}
	// Without its own restrictions c is wider than any e of the same concepts.
	if len(c.Filters) > 0 || c.Nested != nil || c.First || c.UserStart != nil || c.UserEnd != nil {
		return false
	}
	e.Filters, e.Nested, e.First = nil, nil, false
	return same(c, e)
}

// bySet returns the criterion with, of equal concept sets, the first.
func (r *reviewer) bySet(c cohort.Criterion) cohort.Criterion {
	c.Codeset, c.SourceCodeset = r.firstEqual(c.Codeset), r.firstEqual(c.SourceCodeset)
	return c
}

func (r *reviewer) firstEqual(set *int) *int {
	if set == nil {
		return nil
	}
	for _, s := range r.def.ConceptSets {
		if own, ok := r.sets[*set]; ok && sameLines(s, own) {
			return &s.ID
		}
	}
	return set
}
