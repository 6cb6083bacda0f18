package circe

import (
	"math/big"
	"slices"
	"sort"
	"strings"

	"galien"
	"galien/cohort"
)

// readCriterion reads {"ConditionOccurrence": {...}}.
func readCriterion(n node) cohort.Criterion {
	if n.null() {
		n.refuse("a criterion is needed")
	}
	keys := n.keys()
	if len(keys) != 1 {
		n.refuse("expected one criterion type, found %d", len(keys))
	}
	body := n.child(keys[0])
	domain, ok := cohort.DomainByName(keys[0])
	if !ok {
		body.refuse("unknown criterion type")
	}
	c := cohort.Criterion{Domain: domain, Codeset: body.child("CodesetId").optional()}
	structural := []string{"CodesetId", "CorrelatedCriteria"}
	if domain.Concept == "" && c.Codeset != nil {
		body.child("CodesetId").refuse("%s has no concept set of its own", domain.Name)
	}
	if domain.SourceAttribute != "" {
		c.SourceCodeset = body.child(domain.SourceAttribute).optional()
		structural = append(structural, domain.SourceAttribute)
	}
	if !domain.NoFirst {
		c.First = body.child("First").flag()
		structural = append(structural, "First")
	}
	if !domain.NoAdjust {
		c.Adjust = readAdjustment(body.child("DateAdjustment"))
		if c.Adjust != nil && domain.FixedAdjust {
			c.Adjust.StartWithEnd, c.Adjust.EndWithEnd = false, true
		}
		structural = append(structural, "DateAdjustment")
	}
	if domain.UserPeriod {
		structural = append(structural, "UserDefinedPeriod")
		if u := body.child("UserDefinedPeriod"); !u.null() {
			u.only("StartDate", "EndDate")
			c.UserStart, c.UserEnd = u.child("StartDate").optionalDate(), u.child("EndDate").optionalDate()
		}
	}
	if g := body.child("CorrelatedCriteria"); !g.null() {
		group := readGroup(g)
		c.Nested = &group
	}
	c.Filters = readFilters(body, domain.Attributes, structural)
	return c
}

func readAdjustment(n node) *cohort.DateAdjustment {
	if n.null() {
		return nil
	}
	n.only("StartWith", "StartOffset", "EndWith", "EndOffset")
	return &cohort.DateAdjustment{
		StartWithEnd: readDateField(n.child("StartWith"), "START_DATE") == "END_DATE",
		StartOffset:  n.child("StartOffset").days(),
		EndWithEnd:   readDateField(n.child("EndWith"), "END_DATE") == "END_DATE",
		EndOffset:    n.child("EndOffset").days(),
	}
}

func readDateField(n node, absent string) string {
	s := n.textOr(absent)
	if s != "START_DATE" && s != "END_DATE" {
		n.refuse("unknown date field; write START_DATE or END_DATE")
	}
	return s
}

// readFilters reads every attribute of the object that is in attrs; a key that
// is neither one nor structural is refused.
func readFilters(n node, attrs []cohort.Attribute, structural []string) []cohort.Filter {
	known := slices.Clone(structural)
	for _, a := range attrs {
		known = append(known, a.Name)
		if a.Exclude != "" {
			known = append(known, a.Exclude)
		}
	}
	n.only(known...)
	var filters []cohort.Filter
	for _, a := range attrs {
		v := n.child(a.Name)
		if v.null() || a.Kind == cohort.Ignored {
			continue
		}
		if f := readFilter(n, v, a); f != nil {
			if a.Needs != "" && empty(n.child(a.Needs)) {
				v.refuse("Circe evaluates this only together with %s", a.Needs)
			}
			filters = append(filters, f)
		}
	}
	return filters
}

func empty(n node) bool {
	return n.null() || n.is(list) && len(n.value.items) == 0
}

// readFilter reads one attribute; nil where it tests nothing.
func readFilter(object, v node, a cohort.Attribute) cohort.Filter {
	switch a.Kind {
	case cohort.DateRange:
		op := readComparison(v)
		f := cohort.DateFilter{Operand: a.Operand, Op: op, Value: v.child("Value").date()}
		if op == cohort.Between || op == cohort.NotBetween {
			f.Extent = v.child("Extent").date()
		}
		return f
	case cohort.IntegerRange, cohort.DecimalRange:
		if a.RangeOf != "" {
			v = object.child(a.RangeOf)
			if v.null() {
				return cohort.NumberFilter{Operand: a.Operand} // refused by Needs
			}
		}
		op := readComparison(v)
		f := cohort.NumberFilter{Operand: a.Operand, Op: op, Value: readDecimal(v.child("Value"), a.Kind)}
		if op == cohort.Between || op == cohort.NotBetween {
			f.Extent = readDecimal(v.child("Extent"), a.Kind)
		}
		return f
	case cohort.ConceptList:
		items := v.items()
		if len(items) == 0 {
			return nil
		}
		f := cohort.ConceptFilter{Operand: a.Operand}
		for _, c := range items {
			f.Concepts = append(f.Concepts, galien.ConceptID(c.child("CONCEPT_ID").long()))
		}
		sort.Slice(f.Concepts, func(i, j int) bool { return f.Concepts[i] < f.Concepts[j] })
		f.Concepts = slices.Compact(f.Concepts)
		if a.Exclude != "" {
			f.Exclude = object.child(a.Exclude).flag()
		}
		return f
	case cohort.CodesetSelection:
		v.only("CodesetId", "IsExclusion")
		return cohort.CodesetFilter{Operand: a.Operand, Codeset: v.child("CodesetId").optional(), Exclude: v.child("IsExclusion").flag()}
	case cohort.CodesetNumber:
		set := v.integer()
		return cohort.CodesetFilter{Operand: a.Operand, Codeset: &set}
	case cohort.Text:
		return readText(v, a)
	case cohort.AbnormalFlag:
		if !v.flag() {
			return nil
		}
		return cohort.AbnormalFilter{}
	}
	return nil
}

func readText(v node, a cohort.Attribute) cohort.Filter {
	v.only("Text", "Op")
	op, exclude := strings.CutPrefix(v.child("Op").text(), "!")
	pattern := v.child("Text").textOr("")
	switch op {
	case "startsWith":
		pattern += "%"
	case "endsWith":
		pattern = "%" + pattern
	case "contains":
		pattern = "%" + pattern + "%"
	case "eq":
	default:
		v.child("Op").refuse("unknown text operator; write eq, startsWith, endsWith or contains, with ! to negate")
	}
	return cohort.TextFilter{Operand: a.Operand, Pattern: pattern, Exclude: exclude}
}

func readComparison(n node) cohort.Comparison {
	n.only("Value", "Op", "Extent")
	if n.child("Value").null() {
		n.child("Value").refuse("a range needs a value")
	}
	op := n.child("Op")
	c, ok := map[string]cohort.Comparison{
		"lt": cohort.Less, "lte": cohort.LessOrEqual, "eq": cohort.Equal, "!eq": cohort.NotEqual,
		"gt": cohort.Greater, "gte": cohort.GreaterOrEqual, "bt": cohort.Between, "!bt": cohort.NotBetween,
	}[op.textOr("")]
	if !ok {
		op.refuse("unknown operator; write lt, lte, eq, !eq, gt, gte, bt or !bt")
	}
	if (c == cohort.Between || c == cohort.NotBetween) && n.child("Extent").null() {
		n.child("Extent").refuse("%s needs an extent", op.text())
	}
	return c
}

// readDecimal reads a bound as Circe renders it: cut to an integer for integer
// attributes, rounded half up to four places for the others.
func readDecimal(n node, kind cohort.AttributeKind) cohort.Decimal {
	if !n.is(number) || len(n.value.raw) > 40 {
		n.refuse("expected a number")
	}
	r, ok := new(big.Rat).SetString(n.value.raw)
	if !ok {
		n.refuse("expected a number")
	}
	scaled := new(big.Rat).Mul(r, big.NewRat(10000, 1))
	var whole big.Int
	if kind == cohort.IntegerRange {
		whole.Quo(r.Num(), r.Denom())
		whole.Mul(&whole, big.NewInt(10000))
	} else {
		half := big.NewRat(1, 2)
		if scaled.Sign() < 0 {
			half.Neg(half)
		}
		scaled.Add(scaled, half)
		whole.Quo(scaled.Num(), scaled.Denom())
	}
	if !whole.IsInt64() {
		n.refuse("number out of range")
	}
	return cohort.Decimal(whole.Int64())
}
