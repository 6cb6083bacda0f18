package circe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"galien"
	"galien/cohort"
)

// encode puts a definition in Circe's words. It refuses what has none; what a
// reader refuses is left to the reader.
func encode(def *cohort.Definition) (*value, error) {
	var v *value
	err := catch(func() { v = writeDefinition(def) })
	return v, err
}

func integer[N ~int | ~int64](n N) *value {
	return &value{kind: number, raw: strconv.FormatInt(int64(n), 10)}
}

func words(s string) *value { return &value{kind: text, raw: quote(s)} }

func flag(b bool) *value {
	if b {
		return &value{kind: truth, raw: "true"}
	}
	return &value{kind: denial, raw: "false"}
}

// record is an object under construction, with its path.
type record struct {
	*value
	path string
}

func newRecord(path string) record { return record{&value{kind: object}, path} }

// at returns a part of the record, for its path.
func (r record) at(key string) string { return join(r.path, key) }

// cannot refuses a part of the model that JSON has no words for.
func cannot(path, format string, args ...any) { node{path, nil}.refuse(format, args...) }

// listOf writes a list of parts.
func listOf[T any](path string, parts []T, write func(path string, part T) *value) *value {
	v := &value{kind: list}
	for i, p := range parts {
		v.items = append(v.items, write(fmt.Sprintf("%s[%d]", path, i), p))
	}
	return v
}

func writeDefinition(def *cohort.Definition) *value {
	r := newRecord("")
	r.set("cdmVersionRange", words(">=5.0.0"))
	p := newRecord("PrimaryCriteria")
	p.set("CriteriaList", listOf(p.at("CriteriaList"), def.Entry, writeCriterion))
	w := newRecord("")
	w.set("PriorDays", integer(def.PriorDays))
	w.set("PostDays", integer(def.PostDays))
	p.set("ObservationWindow", w.value)
	p.set("PrimaryCriteriaLimit", writeLimit(def.EntryLimit))
	r.set("PrimaryCriteria", p.value)
	if def.Additional != nil {
		r.set("AdditionalCriteria", writeGroup("AdditionalCriteria", *def.Additional))
	}
	sets := listOf("ConceptSets", def.ConceptSets, writeConceptSet)
	sets.match = byID
	r.set("ConceptSets", sets)
	r.set("QualifiedLimit", writeLimit(def.QualifiedLimit))
	r.set("ExpressionLimit", writeLimit(def.ResultLimit))
	r.set("InclusionRules", listOf("InclusionRules", def.Rules, func(path string, rule cohort.Rule) *value {
		r := newRecord(path)
		r.set("name", words(rule.Name))
		if rule.Description != "" {
			r.set("description", words(rule.Description))
		}
		r.set("expression", writeGroup(r.at("expression"), rule.Group))
		return r.value
	}))
	if def.Exit != nil {
		r.set("EndStrategy", writeExit(def.Exit))
	}
	r.set("CensoringCriteria", listOf("CensoringCriteria", def.Censoring, writeCriterion))
	c := newRecord("")
	c.set("CollapseType", words("ERA"))
	c.set("EraPad", integer(def.EraPad))
	r.set("CollapseSettings", c.value)
	r.set("CensorWindow", writePeriod(def.CensorStart, def.CensorEnd))
	return r.value
}

// writePeriod writes the days that are given of a period.
func writePeriod(start, end *galien.Date) *value {
	r := newRecord("")
	if start != nil {
		r.set("StartDate", words(start.String()))
	}
	if end != nil {
		r.set("EndDate", words(end.String()))
	}
	return r.value
}

func writeLimit(l cohort.Limit) *value {
	r := newRecord("")
	r.set("Type", words(l.String()))
	return r.value
}

func writeConceptSet(path string, s cohort.ConceptSet) *value {
	r := newRecord(path)
	r.set("id", integer(s.ID))
	r.set("name", words(s.Name))
	items := listOf("", s.Items, func(_ string, i cohort.ConceptItem) *value {
		r := newRecord("")
		r.set("concept", writeConcept("", i.Concept))
		r.set("isExcluded", flag(i.Excluded))
		r.set("includeDescendants", flag(i.Descendants))
		r.set("includeMapped", flag(i.Mapped))
		return r.value
	})
	items.match = byConcept
	e := newRecord("")
	e.set("items", items)
	r.set("expression", e.value)
	return r.value
}

func writeConcept(_ string, id galien.ConceptID) *value {
	r := newRecord("")
	r.set("CONCEPT_ID", integer(id))
	return r.value
}

func writeExit(e cohort.Exit) *value {
	r, s := newRecord("EndStrategy"), newRecord("")
	switch e := e.(type) {
	case cohort.DateOffset:
		s.set("DateField", words("StartDate"))
		if e.FromEnd {
			s.members[0].value = words("EndDate")
		}
		s.set("Offset", integer(e.Days))
		r.set("DateOffset", s.value)
	case cohort.DrugEra:
		s.set("DrugCodesetId", integer(e.Codeset))
		s.set("GapDays", integer(e.GapDays))
		s.set("Offset", integer(e.Offset))
		if e.DaysForce != nil {
			s.set("DaysSupplyOverride", integer(*e.DaysForce))
		}
		r.set("CustomEra", s.value)
	default:
		cannot(r.path, "%T is no exit that Circe has", e)
	}
	return r.value
}

func writeGroup(path string, g cohort.Group) *value {
	r := newRecord(path)
	switch g.Type {
	case cohort.AllOf, cohort.AnyOf:
		r.set("Type", words([]string{"ALL", "ANY"}[g.Type]))
		if g.Count != 0 {
			cannot(r.at("Count"), "only AT_LEAST and AT_MOST have a count")
		}
	case cohort.AtLeast, cohort.AtMost:
		r.set("Type", words(map[cohort.GroupType]string{cohort.AtLeast: "AT_LEAST", cohort.AtMost: "AT_MOST"}[g.Type]))
		r.set("Count", integer(g.Count))
	default:
		cannot(r.at("Type"), "no group type that Circe has")
	}
	r.set("CriteriaList", listOf(r.at("CriteriaList"), g.Correlated, writeCorrelated))
	r.set("DemographicCriteriaList", listOf(r.at("DemographicCriteriaList"), g.Demographics, func(path string, d cohort.Demographic) *value {
		r := newRecord(path)
		r.writeFilters(d.Filters, cohort.DemographicAttributes)
		return r.value
	}))
	r.set("Groups", listOf(r.at("Groups"), g.Groups, writeGroup))
	return r.value
}

func writeCorrelated(path string, c cohort.Correlated) *value {
	r := newRecord(path)
	r.set("Criteria", writeCriterion(r.at("Criteria"), c.Criterion))
	r.set("StartWindow", writeWindow(r.at("StartWindow"), c.StartWindow))
	if c.EndWindow != nil {
		r.set("EndWindow", writeWindow(r.at("EndWindow"), *c.EndWindow))
	}
	o := newRecord("")
	o.set("Type", integer(int(c.Occurrence)))
	o.set("Count", integer(c.Count))
	if c.Distinct != nil {
		o.set("IsDistinct", flag(true))
		o.set("CountColumn", words(string(*c.Distinct)))
	}
	r.set("Occurrence", o.value)
	if c.RestrictVisit {
		r.set("RestrictVisit", flag(true))
	}
	if c.IgnoreObservationPeriod {
		r.set("IgnoreObservationPeriod", flag(true))
	}
	return r.value
}

func writeWindow(path string, w cohort.Window) *value {
	r := newRecord(path)
	bound := func(key string, b cohort.Bound) {
		v := newRecord(r.at(key))
		coeff := 1
		if b.Before {
			coeff = -1
		}
		switch {
		case !b.Open:
			v.set("Days", integer(coeff*b.Days))
		case b.Days != 0:
			cannot(v.at("Days"), "an open bound has no days")
		}
		v.set("Coeff", integer(coeff))
		r.set(key, v.value)
	}
	bound("Start", w.Start)
	bound("End", w.End)
	r.set("UseIndexEnd", flag(w.IndexEnd))
	r.set("UseEventEnd", flag(w.EventEnd))
	return r.value
}

func writeCriterion(path string, c cohort.Criterion) *value {
	if c.Domain == nil {
		cannot(path, "a criterion needs a domain")
	}
	d := c.Domain
	r := newRecord(join(path, d.Name))
	if c.Codeset != nil {
		r.set("CodesetId", integer(*c.Codeset))
	}
	switch {
	case c.SourceCodeset != nil && d.SourceAttribute == "":
		cannot(r.path, "%s has no source concept", d.Name)
	case c.SourceCodeset != nil:
		r.set(d.SourceAttribute, integer(*c.SourceCodeset))
	}
	if c.First {
		if d.NoFirst {
			cannot(r.at("First"), "%s has no first occurrence", d.Name)
		}
		r.set("First", flag(true))
	}
	if c.Adjust != nil {
		r.set("DateAdjustment", writeAdjustment(r.at("DateAdjustment"), d, *c.Adjust))
	}
	if c.UserStart != nil || c.UserEnd != nil {
		if !d.UserPeriod {
			cannot(r.at("UserDefinedPeriod"), "%s has no period of the user's", d.Name)
		}
		r.set("UserDefinedPeriod", writePeriod(c.UserStart, c.UserEnd))
	}
	r.writeFilters(c.Filters, d.Attributes)
	if c.Nested != nil {
		r.set("CorrelatedCriteria", writeGroup(r.at("CorrelatedCriteria"), *c.Nested))
	}
	v := newRecord(path)
	v.set(d.Name, r.value)
	return v.value
}

func writeAdjustment(path string, d *cohort.Domain, a cohort.DateAdjustment) *value {
	if d.NoAdjust {
		cannot(path, "the dates of %s are never adjusted", d.Name)
	}
	if d.FixedAdjust && (a.StartWithEnd || !a.EndWithEnd) {
		cannot(path, "%s adjusts the start from the start and the end from the end", d.Name)
	}
	field := func(end bool) *value {
		if end {
			return words("END_DATE")
		}
		return words("START_DATE")
	}
	r := newRecord(path)
	r.set("StartWith", field(a.StartWithEnd))
	r.set("StartOffset", integer(a.StartOffset))
	r.set("EndWith", field(a.EndWithEnd))
	r.set("EndOffset", integer(a.EndOffset))
	return r.value
}

// writeFilters writes filters as the attributes they test. Where several
// attributes test the same, the first filter takes the first of them.
func (r record) writeFilters(filters []cohort.Filter, attrs []cohort.Attribute) {
	left := slices.Clone(filters)
	for i, a := range attrs {
		f := slices.IndexFunc(left, a.Tests)
		if f >= 0 {
			r.writeFilter(a, left[f])
			left = slices.Delete(left, f, f+1)
			if other := r.get(a.RangeOf); other != nil && !equal(other, r.get(a.Name)) {
				cannot(r.at(a.Name), "Circe compares this with the range of %s, which is another", a.RangeOf)
			}
		}
		same := []string{a.Name}
		for _, b := range attrs[i+1:] {
			if b.Kind == a.Kind && b.Operand == a.Operand && a.Kind != cohort.Ignored {
				same = append(same, b.Name)
			}
		}
		if len(same) > 1 {
			r.same = append(r.same, same)
		}
	}
	for _, f := range left {
		if i := slices.IndexFunc(attrs, func(a cohort.Attribute) bool { return a.Tests(f) }); i >= 0 {
			cannot(r.at(attrs[i].Name), "two tests of one attribute; write one of them in a criterion of its own")
		}
		cannot(r.path, "%T on something that no attribute holds", f)
	}
}

func (r record) writeFilter(a cohort.Attribute, f cohort.Filter) {
	path := r.at(a.Name)
	switch f := f.(type) {
	case cohort.DateFilter:
		r.set(a.Name, writeRange(path, f.Op, words(f.Value.String()), words(f.Extent.String()), f.Extent != 0))
	case cohort.NumberFilter:
		r.set(a.Name, writeRange(path, f.Op, writeDecimal(path, f.Value, a.Kind), writeDecimal(path, f.Extent, a.Kind), f.Extent != 0))
	case cohort.ConceptFilter:
		concepts := slices.Clone(f.Concepts)
		slices.Sort(concepts)
		v := listOf(path, slices.Compact(concepts), writeConcept)
		v.match = anyOrder
		r.set(a.Name, v)
		switch {
		case len(concepts) == 0:
			cannot(path, "a list without concepts tests nothing")
		case a.Exclude != "":
			r.set(a.Exclude, flag(f.Exclude))
		case f.Exclude:
			cannot(path, "this list cannot be negated; use a concept set with IsExclusion")
		}
	case cohort.CodesetFilter:
		r.set(a.Name, writeSelection(path, a, f))
	case cohort.TextFilter:
		r.set(a.Name, writeText(f))
	case cohort.AbnormalFilter:
		r.set(a.Name, flag(true))
	}
}

func writeSelection(path string, a cohort.Attribute, f cohort.CodesetFilter) *value {
	if a.Kind == cohort.CodesetNumber {
		if f.Codeset == nil || f.Exclude {
			cannot(path, "a concept set is needed, and cannot be negated")
		}
		return integer(*f.Codeset)
	}
	r := newRecord(path)
	if f.Codeset != nil {
		r.set("CodesetId", integer(*f.Codeset))
	}
	r.set("IsExclusion", flag(f.Exclude))
	return r.value
}

// comparisons are Circe's names, in the order of the comparisons.
var comparisons = [...]string{"lt", "lte", "eq", "!eq", "gt", "gte", "bt", "!bt"}

func writeRange(path string, op cohort.Comparison, low, high *value, extent bool) *value {
	if int(op) >= len(comparisons) {
		cannot(join(path, "Op"), "no comparison that Circe has")
	}
	r := newRecord(path)
	r.set("Value", low)
	r.set("Op", words(comparisons[op]))
	switch {
	case op == cohort.Between || op == cohort.NotBetween:
		r.set("Extent", high)
	case extent:
		cannot(r.at("Extent"), "only bt and !bt have an extent")
	}
	return r.value
}

// writeDecimal writes a bound without needless digits.
func writeDecimal(path string, d cohort.Decimal, kind cohort.AttributeKind) *value {
	whole, part := int64(d)/10000, int64(d)%10000
	if part == 0 {
		return integer(whole)
	}
	if kind == cohort.IntegerRange {
		cannot(path, "a whole number is compared here")
	}
	sign := ""
	if d < 0 {
		sign, whole, part = "-", -whole, -part
	}
	return &value{kind: number, raw: strings.TrimRight(fmt.Sprintf("%s%d.%04d", sign, whole, part), "0")}
}

// writeText writes a pattern with the operator that says most of it.
func writeText(f cohort.TextFilter) *value {
	op, s := "eq", f.Pattern
	if inner, ok := strings.CutPrefix(s, "%"); ok && strings.HasSuffix(inner, "%") {
		op, s = "contains", strings.TrimSuffix(inner, "%")
	} else if strings.HasSuffix(s, "%") {
		op, s = "startsWith", strings.TrimSuffix(s, "%")
	} else if ok {
		op, s = "endsWith", inner
	}
	if f.Exclude {
		op = "!" + op
	}
	r := newRecord("")
	r.set("Text", words(s))
	r.set("Op", words(op))
	r.whole = true
	return r.value
}
