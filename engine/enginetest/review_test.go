package enginetest

import (
	"slices"
	"strings"
	"testing"

	"galien/cohort"
	"galien/cohort/review"
)

// never are the rules that say of a criterion, or of what must hold together,
// that nothing meets it. Values that no sound data have (an age below 0) are in
// hostile data, so "impossible-value" is not among them.
var never = []string{"backward-window", "windows-apart", "no-shared-visit", "empty-range", "backward-dates", "impossible-count",
	"impossible-group", "contradiction"}

// always are the rules that say of a criterion or a group that everything does.
var always = []string{"idle-count", "idle-group", "empty-group", "empty-demographic"}

// What a review says of a definition is so, on hostile data: an inclusion
// rule of which it says "never" leaves nobody, and one of which it says
// "always" leaves everybody.
func TestReviewIsRight(t *testing.T) {
	seen := map[string]int{}
	var run Run
	for seed := range uint64(2000) {
		if seed%300 == 0 {
			run = opened(t, Oracle(t), Hostile(1000+seed))
		}
		def := RandomDefinition(seed)
		if len(def.Rules) == 0 {
			continue
		}
		// Entry events as they come, and one rule.
		alone := *def
		alone.Additional, alone.Censoring, alone.CensorStart, alone.CensorEnd, alone.Exit = nil, nil, nil, nil, nil
		alone.EntryLimit, alone.ResultLimit = cohort.All, cohort.All
		free := alone
		free.Rules = nil
		for _, rule := range def.Rules {
			groups := []cohort.Group{rule.Group}
			for _, c := range rule.Group.Correlated {
				groups = append(groups, cohort.Group{Correlated: []cohort.Correlated{c}})
				if c.Occurrence != cohort.NoLessThan {
					c.Occurrence, c.Count = cohort.NoLessThan, max(c.Count, 1)
					groups = append(groups, cohort.Group{Correlated: []cohort.Correlated{c}})
				}
				// The same thing asked for and ruled out.
				not := c
				not.Occurrence, not.Count = cohort.Exactly, 0
				groups = append(groups, cohort.Group{Correlated: []cohort.Correlated{c}, Groups: []cohort.Group{{Correlated: []cohort.Correlated{not}}}})
			}
			for _, d := range rule.Group.Demographics {
				groups = append(groups, cohort.Group{Demographics: []cohort.Demographic{d}})
			}
			for _, g := range groups {
				alone.Rules = []cohort.Rule{{Group: g}}
				for _, f := range review.Check(&alone, nil) {
					says(t, seed, f, alone, free, run, seen)
				}
			}
		}
	}
	for _, id := range append(slices.Clone(never), always...) {
		if seen[id] == 0 {
			t.Errorf("%s never came up", id)
		}
	}
	t.Logf("cases: %v", seen)
}

// says holds one finding on the only rule of a definition against the answer.
func says(t *testing.T, seed uint64, f review.Finding, def, free cohort.Definition, run Run, seen map[string]int) {
	t.Helper()
	g := def.Rules[0].Group
	const at = "InclusionRules[0].expression"
	inside, ok := strings.CutPrefix(f.Path, at)
	members := len(g.Correlated) + len(g.Demographics) + len(g.Groups)
	// Only what decides the whole rule: the group itself, or its only member,
	// but for what is nested in that.
	own := inside == "" || inside == ".Count" || members == 1 && !strings.Contains(inside, "CorrelatedCriteria") && !strings.HasPrefix(inside, ".Groups") ||
		f.Rule.ID == "contradiction" && !strings.Contains(inside, "CorrelatedCriteria")
	if !ok || !own || members > 0 && inside != "" && inside != ".Count" && g.Type != cohort.AllOf || seen[f.Rule.ID] >= 20 {
		return
	}
	if len(g.Correlated) == 1 {
		c := g.Correlated[0]
		// A criterion that nothing meets is met by absence.
		if c.CountsAbsence() && f.Rule.ID != "impossible-count" && f.Rule.ID != "contradiction" && slices.Contains(never, f.Rule.ID) {
			return
		}
	}
	outside := f.Rule.ID == "empty-range" && swappedOutside(g)
	rows, _, err := run(t.Context(), &def)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	switch {
	case slices.Contains(never, f.Rule.ID) && !outside:
		seen[f.Rule.ID]++
		if len(rows) > 0 {
			t.Errorf("seed %d: %s at %s, and yet there are %d rows\n%s", seed, f.Rule.ID, f.Path, len(rows), Describe(&def))
		}
	case slices.Contains(always, f.Rule.ID):
		all, _, err := run(t.Context(), &free)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		seen[f.Rule.ID]++
		sortRows(rows)
		sortRows(all)
		if !slices.Equal(rows, all) {
			t.Errorf("seed %d: %s at %s, and yet %d of %d rows are left\n%s", seed, f.Rule.ID, f.Path, len(rows), len(all), Describe(&def))
		}
	}
}

// swappedOutside reports whether a group has a range of what lies outside of two
// bounds, which everything does where they are swapped.
func swappedOutside(g cohort.Group) bool {
	outside := func(filters []cohort.Filter) bool {
		return slices.ContainsFunc(filters, func(f cohort.Filter) bool {
			switch f := f.(type) {
			case cohort.DateFilter:
				return f.Op == cohort.NotBetween
			case cohort.NumberFilter:
				return f.Op == cohort.NotBetween
			}
			return false
		})
	}
	return slices.ContainsFunc(g.Correlated, func(c cohort.Correlated) bool { return outside(c.Criterion.Filters) }) ||
		slices.ContainsFunc(g.Demographics, func(d cohort.Demographic) bool { return outside(d.Filters) })
}
