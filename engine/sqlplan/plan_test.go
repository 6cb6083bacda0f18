package sqlplan_test

import (
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/engine/enginetest"
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

// Every part of the model has its SQL: a change of it changes the statements.
func TestEveryPartHasSQL(t *testing.T) {
	sets := sqlplan.Sets{0: {1, 2}, 1: {3}, 2: {4, 5}}
	enginetest.EffectsOnText(t, func(def *cohort.Definition) string {
		return text(sqlplan.Compile(def, sets, table)) + sqlplan.ResolveSets(def.ConceptSets, table)
	}, enginetest.Parts())
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
