package review

import (
	"fmt"

	"galien/cohort"
)

// top reviews a group whose index events are the entry events.
func (r *reviewer) top(path string, g cohort.Group) {
	if g.Empty() {
		r.find("empty-group", path)
		return
	}
	r.group(path, g, r.def.Entry, true)
}

// group reviews a group over index events, those of the entry or of a criterion
// that it is nested in.
func (r *reviewer) group(path string, g cohort.Group, index []cohort.Criterion, entry bool) {
	members := len(g.Correlated) + len(g.Demographics) + len(g.Groups)
	switch {
	case g.Type == cohort.AtLeast && g.Count > members:
		r.find("impossible-group", path+".Count", Text{"at least", "au moins"}, g.Count, members)
	case g.Type == cohort.AtMost && g.Count < 0:
		r.find("impossible-group", path+".Count", Text{"at most", "au plus"}, g.Count, members)
	case g.Type == cohort.AtLeast && g.Count <= 0:
		r.find("idle-group", path+".Count", Text{"at least", "au moins"}, g.Count, members)
	case g.Type == cohort.AtMost && g.Count >= members:
		r.find("idle-group", path+".Count", Text{"at most", "au plus"}, g.Count, members)
	}
	for i, c := range g.Correlated {
		path := fmt.Sprintf("%s.CriteriaList[%d]", path, i)
		r.correlated(path, c, index, entry)
		for j := range i {
			if same(c, g.Correlated[j]) {
				r.find("repeated-criterion", path, fmt.Sprintf("CriteriaList[%d]", j))
				break
			}
		}
	}
	for i, d := range g.Demographics {
		path := fmt.Sprintf("%s.DemographicCriteriaList[%d]", path, i)
		if len(d.Filters) == 0 {
			r.find("empty-demographic", path)
		}
		r.filters(path, d.Filters, cohort.DemographicAttributes)
		for j := range i {
			if same(d, g.Demographics[j]) {
				r.find("repeated-criterion", path, fmt.Sprintf("DemographicCriteriaList[%d]", j))
				break
			}
		}
	}
	for i, s := range g.Groups {
		path := fmt.Sprintf("%s.Groups[%d]", path, i)
		if s.Empty() {
			r.find("empty-group", path)
			continue
		}
		r.group(path, s, index, entry)
		for j := range i {
			if same(s, g.Groups[j]) {
				r.find("repeated-criterion", path, fmt.Sprintf("Groups[%d]", j))
				break
			}
		}
	}
	if !entry {
		r.contradictions(required(path, g))
	}
}

// correlated reviews a criterion that is counted around index events.
func (r *reviewer) correlated(path string, c cohort.Correlated, index []cohort.Criterion, entry bool) {
	r.criterion(path+".Criteria", c.Criterion)
	r.window(path+".StartWindow", c.StartWindow, c.IgnoreObservationPeriod)
	if c.EndWindow != nil {
		r.window(path+".EndWindow", *c.EndWindow, c.IgnoreObservationPeriod)
		if apart(c.StartWindow, *c.EndWindow) {
			r.find("windows-apart", path+".EndWindow")
		}
	}
	r.count(path+".Occurrence", c)
	if c.RestrictVisit {
		if c.Criterion.Domain.Visit == "" {
			r.find("no-shared-visit", path+".RestrictVisit", c.Criterion.Domain.Name)
		} else if without := withoutVisit(index); without != "" {
			r.find("no-shared-visit", path+".RestrictVisit", without)
		}
	}
	low, _ := bounds(c)
	if low > 0 && c.Criterion.Domain.Name == "Death" && !c.StartWindow.End.Open && !c.StartWindow.IndexEnd && c.StartWindow.End.Days < 0 {
		r.find("death-before", path+".StartWindow")
	}
	if low > 0 && entry && onlyDeaths(index) && c.Criterion.Domain.Name != "Death" && !c.StartWindow.Start.Open && !c.StartWindow.EventEnd && c.StartWindow.Start.Days > 0 {
		r.find("after-death", path+".StartWindow")
	}
	if entry && low == 0 && !c.IgnoreObservationPeriod {
		r.reach(path+".StartWindow", c.StartWindow)
	}
}

// reach compares a window in which nothing may happen with the days in which
// something would have been seen.
func (r *reviewer) reach(path string, w cohort.Window) {
	if w.IndexEnd || w.EventEnd {
		return
	}
	if !w.Start.Open && w.Start.Days < -max(r.def.PriorDays, 0) {
		r.find("unobserved-days", path+".Start.Days", -w.Start.Days, Text{"before", "avant"}, r.def.PriorDays, "PriorDays")
	}
	if !w.End.Open && w.End.Days > max(r.def.PostDays, 0) {
		r.find("unobserved-days", path+".End.Days", w.End.Days, Text{"after", "après"}, r.def.PostDays, "PostDays")
	}
}

func withoutVisit(index []cohort.Criterion) string {
	for _, c := range index {
		if c.Domain.Visit != "" {
			return ""
		}
	}
	if len(index) == 0 {
		return ""
	}
	return index[0].Domain.Name
}

func onlyDeaths(index []cohort.Criterion) bool {
	for _, c := range index {
		if c.Domain.Name != "Death" {
			return false
		}
	}
	return len(index) > 0
}

// window reviews one window.
func (r *reviewer) window(path string, w cohort.Window, unobserved bool) {
	switch {
	case !w.Start.Open && !w.End.Open && w.Start.Days > w.End.Days:
		r.find("backward-window", path, days(w.Start.Days), days(w.End.Days))
	case !unobserved && (w.Start.Open && !w.Start.Before || w.End.Open && w.End.Before):
		r.find("edge-window", path, bound(w.Start), bound(w.End))
	}
}

func bound(b cohort.Bound) Text {
	switch {
	case b.Open && b.Before:
		return Text{"the start of observation", "le début de l'observation"}
	case b.Open:
		return Text{"the end of observation", "la fin de l'observation"}
	}
	return days(b.Days)
}

func days(n int) Text {
	switch {
	case n < 0:
		return Text{fmt.Sprintf("%d days before", -n), fmt.Sprintf("%d jours avant", -n)}
	case n > 0:
		return Text{fmt.Sprintf("%d days after", n), fmt.Sprintf("%d jours après", n)}
	}
	return Text{"the index day", "le jour index"}
}

// apart reports whether no event can lie in both windows: its start would be
// after its end, or one of its dates in two places.
func apart(start, end cohort.Window) bool {
	// gap is whether a date after a bound of a and a date before a bound of b
	// exclude one another, b's date being the later one or the same.
	gap := func(a, b cohort.Window) bool {
		if a.Start.Open || b.End.Open || a.Start.Days <= b.End.Days {
			return false
		}
		// An index event's end is not before its start.
		return a.IndexEnd == b.IndexEnd || a.IndexEnd
	}
	switch {
	case start.EventEnd == end.EventEnd:
		return gap(start, end) || gap(end, start)
	case end.EventEnd:
		return gap(start, end)
	}
	return gap(end, start)
}

// most is how many events a criterion can count at all; -1 for any number.
func most(c cohort.Correlated) int {
	switch {
	case c.Criterion.First, c.Criterion.Domain.Name == "Death":
		return 1
	case c.Distinct != nil:
		if o, err := c.Criterion.CountOperandOf(*c.Distinct); err == nil && o.Constant {
			return 1
		}
	}
	return -1
}

// bounds are the smallest and the largest count that meet a criterion; -1 for
// no largest.
func bounds(c cohort.Correlated) (low, high int) {
	switch c.Occurrence {
	case cohort.Exactly:
		return c.Count, c.Count
	case cohort.NoMoreThan:
		return 0, c.Count
	}
	return max(c.Count, 0), -1
}

// count reviews a criterion's count.
func (r *reviewer) count(path string, c cohort.Correlated) {
	low, high := bounds(c)
	limit := most(c)
	switch {
	case c.Count < 0 && c.Occurrence != cohort.NoLessThan:
		r.find("impossible-count", path, c.Count, Text{"a count is never negative", "un nombre n'est jamais négatif"})
	case limit >= 0 && low > limit:
		r.find("impossible-count", path, low, Text{"this criterion never counts more than one", "ce critère ne compte jamais plus d'un"})
	case low == 0 && (high < 0 || limit >= 0 && high >= limit):
		r.find("idle-count", path)
	}
}

// member is a part of a group with its path.
type member[T any] struct {
	path string
	part T
}

// required returns the criteria that must all hold for a group to hold.
func required(path string, g cohort.Group) []member[cohort.Correlated] {
	if !all(g) {
		return nil
	}
	var found []member[cohort.Correlated]
	for i, c := range g.Correlated {
		found = append(found, member[cohort.Correlated]{fmt.Sprintf("%s.CriteriaList[%d]", path, i), c})
	}
	for i, s := range g.Groups {
		found = append(found, required(fmt.Sprintf("%s.Groups[%d]", path, i), s)...)
	}
	return found
}

// all reports whether a group holds only where each of its members does.
func all(g cohort.Group) bool {
	members := len(g.Correlated) + len(g.Demographics) + len(g.Groups)
	switch g.Type {
	case cohort.AllOf:
		return true
	case cohort.AnyOf:
		return members == 1
	}
	return g.Type == cohort.AtLeast && g.Count == members
}

// contradictions finds criteria that differ in nothing but counts that no number
// meets.
func (r *reviewer) contradictions(found []member[cohort.Correlated]) {
	for i, a := range found {
		lowA, highA := bounds(a.part)
		a.part.Occurrence, a.part.Count = 0, 0
		for _, b := range found[:i] {
			lowB, highB := bounds(b.part)
			b.part.Occurrence, b.part.Count = 0, 0
			if (highA >= 0 && highA < lowB || highB >= 0 && highB < lowA) && same(a.part, b.part) {
				r.find("contradiction", a.path, b.path)
			}
		}
	}
}

// together reviews what every entry event must meet at once.
func (r *reviewer) together() {
	var found []member[cohort.Correlated]
	var tests []member[cohort.Demographic]
	add := func(path string, g cohort.Group) {
		found = append(found, required(path, g)...)
		tests = append(tests, demographics(path, g)...)
	}
	if r.def.Additional != nil {
		add("AdditionalCriteria", *r.def.Additional)
	}
	for i, rule := range r.def.Rules {
		add(fmt.Sprintf("InclusionRules[%d].expression", i), rule.Group)
	}
	r.contradictions(found)
	r.agree(tests)
}

// demographics returns the demographic criteria that must all hold.
func demographics(path string, g cohort.Group) []member[cohort.Demographic] {
	if !all(g) {
		return nil
	}
	var found []member[cohort.Demographic]
	for i, d := range g.Demographics {
		found = append(found, member[cohort.Demographic]{fmt.Sprintf("%s.DemographicCriteriaList[%d]", path, i), d})
	}
	for i, s := range g.Groups {
		found = append(found, demographics(fmt.Sprintf("%s.Groups[%d]", path, i), s)...)
	}
	return found
}
