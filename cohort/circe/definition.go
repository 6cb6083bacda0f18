package circe

import (
	"strings"

	"galien"
	"galien/cohort"
)

// harmless are the keys beside the expression that name or date it.
var harmless = []string{"cdmVersionRange", "Title", "title", "name", "description", "id", "createdBy", "createdDate",
	"modifiedBy", "modifiedDate", "expressionType", "tags", "hasWriteAccess", "hasReadAccess"}

// place is where a file holds its expression: the root, or inside the envelopes
// {"expression": ...} that WebAPI puts around one.
type place struct {
	node node
	// holder is the text that spells the expression, as in WebAPI's own answers.
	holder *value
}

func findExpression(n node) place {
	p := place{node: n}
	for {
		n = p.node
		if !n.is(object) {
			n.refuse("expected an object, the cohort expression")
		}
		e := n.child("expression")
		if e.null() || !n.child("PrimaryCriteria").null() {
			return p
		}
		n.only(append([]string{"expression"}, harmless...)...)
		if e.is(text) && p.holder == nil {
			p.holder = e.value
			inner, _, err := parse([]byte(e.text()))
			if err != nil {
				e.refuse("%v", err)
			}
			e.value = inner
		}
		p.node = e
	}
}

// readExpression reads a cohort expression.
func readExpression(n node) *cohort.Definition {
	n.only(append([]string{"ConceptSets", "PrimaryCriteria", "AdditionalCriteria", "QualifiedLimit", "ExpressionLimit",
		"InclusionRules", "EndStrategy", "CensoringCriteria", "CollapseSettings", "CensorWindow"}, harmless...)...)

	def := &cohort.Definition{}
	for _, s := range n.child("ConceptSets").items() {
		def.ConceptSets = append(def.ConceptSets, readConceptSet(s))
	}
	p := n.child("PrimaryCriteria")
	if p.null() {
		p.refuse("a definition needs entry events")
	}
	p.only("CriteriaList", "ObservationWindow", "PrimaryCriteriaLimit")
	for _, c := range p.child("CriteriaList").items() {
		def.Entry = append(def.Entry, readCriterion(c))
	}
	w := p.child("ObservationWindow")
	if w.null() {
		w.refuse("an observation window is needed; give PriorDays and PostDays, 0 for none")
	}
	w.only("PriorDays", "PostDays")
	def.PriorDays, def.PostDays = w.child("PriorDays").days(), w.child("PostDays").days()
	def.EntryLimit = readLimit(p.child("PrimaryCriteriaLimit"))

	if a := n.child("AdditionalCriteria"); !a.null() {
		g := readGroup(a)
		def.Additional = &g
	}
	def.QualifiedLimit = readLimit(n.child("QualifiedLimit"))
	for _, r := range n.child("InclusionRules").items() {
		r.only("name", "description", "expression")
		rule := cohort.Rule{Name: r.child("name").textOr(""), Description: r.child("description").textOr("")}
		if e := r.child("expression"); !e.null() {
			rule.Group = readGroup(e)
		}
		def.Rules = append(def.Rules, rule)
	}
	def.ResultLimit = readLimit(n.child("ExpressionLimit"))
	def.Exit = readExit(n.child("EndStrategy"))
	for _, c := range n.child("CensoringCriteria").items() {
		def.Censoring = append(def.Censoring, readCriterion(c))
	}
	if c := n.child("CollapseSettings"); !c.null() {
		c.only("CollapseType", "EraPad")
		if t := c.child("CollapseType"); t.textOr("ERA") != "ERA" {
			t.refuse("unknown collapse type; ERA is the only one Circe runs")
		}
		def.EraPad = c.child("EraPad").days()
	}
	if c := n.child("CensorWindow"); !c.null() {
		c.only("StartDate", "EndDate")
		def.CensorStart, def.CensorEnd = c.child("StartDate").optionalDate(), c.child("EndDate").optionalDate()
	}
	return def
}

func readLimit(n node) cohort.Limit {
	if n.null() || n.child("Type").null() {
		return cohort.All
	}
	n.only("Type")
	switch t := n.child("Type"); strings.ToUpper(t.text()) {
	case "ALL":
		return cohort.All
	case "FIRST":
		return cohort.First
	case "LAST":
		return cohort.Last
	default:
		t.refuse("unknown limit; write All, First or Last")
		return 0
	}
}

func readConceptSet(n node) cohort.ConceptSet {
	n.only(append([]string{"expression"}, harmless...)...)
	s := cohort.ConceptSet{ID: n.child("id").integer(), Name: n.child("name").textOr("")}
	e := n.child("expression")
	if e.null() {
		return s
	}
	e.only("items")
	for _, i := range e.child("items").items() {
		i.only("concept", "isExcluded", "includeDescendants", "includeMapped")
		s.Items = append(s.Items, cohort.ConceptItem{
			Concept:     galien.ConceptID(i.child("concept").child("CONCEPT_ID").long()),
			Excluded:    i.child("isExcluded").flag(),
			Descendants: i.child("includeDescendants").flag(),
			Mapped:      i.child("includeMapped").flag(),
		})
	}
	return s
}

func readExit(n node) cohort.Exit {
	if n.null() {
		return nil
	}
	n.only("DateOffset", "CustomEra")
	offset, era := n.child("DateOffset"), n.child("CustomEra")
	switch {
	case !offset.null() && !era.null():
		n.refuse("give one end strategy, not both")
	case !offset.null():
		offset.only("DateField", "Offset")
		e := cohort.DateOffset{Days: offset.child("Offset").days()}
		switch f := offset.child("DateField"); f.textOr("StartDate") {
		case "StartDate":
		case "EndDate":
			e.FromEnd = true
		default:
			f.refuse("unknown date field; write StartDate or EndDate")
		}
		return e
	case !era.null():
		era.only("DrugCodesetId", "GapDays", "Offset", "DaysSupplyOverride")
		if era.child("DrugCodesetId").null() {
			era.child("DrugCodesetId").refuse("a drug era needs a drug concept set")
		}
		e := cohort.DrugEra{
			Codeset: era.child("DrugCodesetId").integer(), GapDays: era.child("GapDays").days(), Offset: era.child("Offset").days(),
		}
		if force := era.child("DaysSupplyOverride"); !force.null() {
			days := force.days()
			e.DaysForce = &days
		}
		return e
	}
	return nil
}

// maxDepth bounds the parts of a group's path: the engine's SQL nests as deep.
const maxDepth = 100

func readGroup(n node) cohort.Group {
	if strings.Count(n.path, ".") > maxDepth {
		n.refuse("nested over %d parts deep", maxDepth)
	}
	n.only("Type", "Count", "CriteriaList", "DemographicCriteriaList", "Groups")
	g := cohort.Group{}
	switch t := n.child("Type"); strings.ToUpper(t.textOr("")) {
	case "ALL":
		g.Type = cohort.AllOf
	case "ANY":
		g.Type = cohort.AnyOf
	case "AT_LEAST", "AT_MOST":
		g.Type = cohort.AtLeast
		if strings.EqualFold(t.text(), "AT_MOST") {
			g.Type = cohort.AtMost
		}
		if n.child("Count").null() {
			n.child("Count").refuse("%s needs a count", t.text())
		}
		g.Count = n.child("Count").integer()
	default:
		t.refuse("unknown group type; write ALL, ANY, AT_LEAST or AT_MOST")
	}
	for _, c := range n.child("CriteriaList").items() {
		g.Correlated = append(g.Correlated, readCorrelated(c))
	}
	for _, c := range n.child("DemographicCriteriaList").items() {
		g.Demographics = append(g.Demographics, cohort.Demographic{Filters: readFilters(c, cohort.DemographicAttributes, nil)})
	}
	for _, c := range n.child("Groups").items() {
		g.Groups = append(g.Groups, readGroup(c))
	}
	return g
}

func readCorrelated(n node) cohort.Correlated {
	n.only("Criteria", "StartWindow", "EndWindow", "RestrictVisit", "IgnoreObservationPeriod", "Occurrence")
	if n.child("StartWindow").null() {
		n.child("StartWindow").refuse("a correlated criterion needs a start window")
	}
	c := cohort.Correlated{
		Criterion:               readCriterion(n.child("Criteria")),
		StartWindow:             readWindow(n.child("StartWindow"), false),
		RestrictVisit:           n.child("RestrictVisit").flag(),
		IgnoreObservationPeriod: n.child("IgnoreObservationPeriod").flag(),
	}
	if e := n.child("EndWindow"); !e.null() {
		w := readWindow(e, true)
		c.EndWindow = &w
	}
	o := n.child("Occurrence")
	if o.null() {
		o.refuse("a correlated criterion needs an occurrence")
	}
	o.only("Type", "Count", "IsDistinct", "CountColumn")
	switch t := o.child("Type"); t.integer() {
	case 0:
		c.Occurrence = cohort.Exactly
	case 1:
		c.Occurrence = cohort.NoMoreThan
	case 2:
		c.Occurrence = cohort.NoLessThan
	default:
		t.refuse("unknown occurrence type; 0 is exactly, 1 at most, 2 at least")
	}
	c.Count = o.child("Count").integer()
	if o.child("IsDistinct").flag() {
		column := cohort.CountColumn(o.child("CountColumn").textOr(string(cohort.CountDomainConcept)))
		if _, err := c.Criterion.CountOperandOf(column); err != nil {
			o.child("CountColumn").refuse("%v", err)
		}
		c.Distinct = &column
	}
	return c
}

// readWindow reads a window; without UseEventEnd an end window tests the
// event's end, a start window its start.
func readWindow(n node, end bool) cohort.Window {
	n.only("Start", "End", "UseIndexEnd", "UseEventEnd")
	w := cohort.Window{Start: readBound(n.child("Start")), End: readBound(n.child("End")),
		IndexEnd: n.child("UseIndexEnd").flag(), EventEnd: end}
	if u := n.child("UseEventEnd"); !u.null() {
		w.EventEnd = u.flag()
	}
	return w
}

func readBound(n node) cohort.Bound {
	if n.null() {
		n.refuse("a window needs both bounds")
	}
	n.only("Days", "Coeff", "TimeUnitValue", "TimeUnit")
	if u := n.child("TimeUnit"); !u.null() && !strings.EqualFold(u.text(), "day") {
		u.refuse("only days are evaluated")
	}
	if u := n.child("TimeUnitValue"); !u.null() {
		u.refuse("give the length as Days")
	}
	coeff := n.child("Coeff").integer()
	if coeff != -1 && coeff != 1 {
		n.child("Coeff").refuse("write -1 for before, 1 for after")
	}
	if n.child("Days").null() {
		return cohort.Bound{Open: true, Before: coeff == -1}
	}
	return cohort.Bound{Before: coeff == -1, Days: coeff * n.child("Days").days()}
}
