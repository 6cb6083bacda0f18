package sqlplan_test

import (
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/engine/sqlplan"
)

func table(name string) string { return name }

// text joins every statement of a plan.
func text(p sqlplan.Plan) string {
	return strings.Join(append(append([]string{}, p.Setup...), append(p.Statements, p.Rows, p.Steps, p.Inclusion)...), ";\n")
}

func one(c cohort.Criterion) *cohort.Definition {
	return &cohort.Definition{Entry: []cohort.Criterion{c}}
}

// Every attribute of every domain, and every column that a distinct count may
// use, has its SQL: a new one cannot be forgotten here.
func TestEveryAttributeAndCountHasSQL(t *testing.T) {
	set := 0
	sets := sqlplan.Sets{0: {1, 2}}
	for _, d := range cohort.Domains() {
		var filters []cohort.Filter
		for _, a := range d.Attributes {
			switch a.Kind {
			case cohort.DateRange:
				filters = append(filters, cohort.DateFilter{Operand: a.Operand, Op: cohort.NotBetween})
			case cohort.IntegerRange, cohort.DecimalRange:
				filters = append(filters, cohort.NumberFilter{Operand: a.Operand, Op: cohort.Between, Value: 15001, Extent: -2})
			case cohort.ConceptList:
				filters = append(filters, cohort.ConceptFilter{Operand: a.Operand, Concepts: []galien.ConceptID{3}, Exclude: true})
			case cohort.CodesetSelection, cohort.CodesetNumber:
				filters = append(filters, cohort.CodesetFilter{Operand: a.Operand, Codeset: &set}, cohort.CodesetFilter{Operand: a.Operand, Exclude: true})
			case cohort.Text:
				filters = append(filters, cohort.TextFilter{Operand: a.Operand, Pattern: "a%"})
			case cohort.AbnormalFlag:
				filters = append(filters, cohort.AbnormalFilter{})
			case cohort.Ignored:
			default:
				t.Fatalf("%s.%s: this test knows no kind %d", d.Name, a.Name, a.Kind)
			}
		}
		for _, f := range filters {
			sql := text(sqlplan.Compile(one(cohort.Criterion{Domain: d, Filters: []cohort.Filter{f}}), sets, table))
			if o := cohort.OperandOf(f); o.Of == cohort.OwnColumn && o.Column != "" && !strings.Contains(sql, o.Column) {
				t.Errorf("%s: no test of %s in\n%s", d.Name, o.Column, sql)
			}
		}
		for column := range d.CountColumns {
			c := cohort.Criterion{Domain: d, Filters: filters}
			if _, err := c.CountOperandOf(column); err != nil {
				t.Errorf("%s: %s: %v", d.Name, column, err)
				continue
			}
			def := one(c)
			def.Rules = []cohort.Rule{{Group: cohort.Group{Correlated: []cohort.Correlated{{Criterion: c, Distinct: &column, Count: 2, Occurrence: cohort.NoLessThan}}}}}
			if sql := text(sqlplan.Compile(def, sets, table)); !strings.Contains(sql, "count(DISTINCT A.counted) >= 2") {
				t.Errorf("%s: %s is not counted", d.Name, column)
			}
		}
	}
}

// A text of a definition is a literal and nothing else.
func TestTextIsQuoted(t *testing.T) {
	d, _ := cohort.DomainByName("ConditionOccurrence")
	a, _ := d.Attribute("StopReason")
	sql := text(sqlplan.Compile(one(cohort.Criterion{Domain: d, Filters: []cohort.Filter{
		cohort.TextFilter{Operand: a.Operand, Pattern: "x'; DROP TABLE person; --%s%d"}}}), nil, table))
	if !strings.Contains(sql, "LIKE 'x''; DROP TABLE person; --%s%d'") {
		t.Errorf("the pattern is not one literal:\n%s", sql)
	}
}

// Small sets are literals, which lets files be skipped; large ones are joined;
// an empty one matches nothing.
func TestSets(t *testing.T) {
	d, _ := cohort.DomainByName("ConditionOccurrence")
	set := 7
	def := one(cohort.Criterion{Domain: d, Codeset: &set})
	def.ConceptSets = []cohort.ConceptSet{{ID: 7}}
	large := make([]galien.ConceptID, 1001)
	for i := range large {
		large[i] = galien.ConceptID(i)
	}
	for name, c := range map[string]struct {
		ids  []galien.ConceptID
		want string
	}{
		"small": {[]galien.ConceptID{5, -6}, "t.condition_concept_id IN (5,-6)"},
		"large": {large, "t.condition_concept_id IN (SELECT concept_id FROM galien_codesets WHERE codeset_id = 7)"},
		"empty": {nil, "(t.condition_concept_id IS NOT NULL AND false)"},
	} {
		if sql := text(sqlplan.Compile(def, sqlplan.Sets{7: c.ids}, table)); !strings.Contains(sql, c.want) {
			t.Errorf("%s: no %s in\n%s", name, c.want, sql)
		}
	}
}
