package enginetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"galien/cohort"
)

// Every field of the model, every attribute of every domain, every value of
// every enumeration and every kind of filter and exit comes up in random
// definitions: what the model gains, the generator must learn.
func TestGeneratorCoversTheModel(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(6000) {
		note(seen, reflect.ValueOf(*RandomDefinition(seed)))
	}
	var missing []string
	need := func(what string) {
		if !seen[what] {
			missing = append(missing, what)
		}
	}
	for _, model := range []any{cohort.Definition{}, cohort.Rule{}, cohort.ConceptSet{}, cohort.ConceptItem{}, cohort.Criterion{}, cohort.DateAdjustment{},
		cohort.Group{}, cohort.Correlated{}, cohort.Window{}, cohort.Bound{}, cohort.Demographic{}, cohort.DateOffset{}, cohort.DrugEra{},
		cohort.DateFilter{}, cohort.NumberFilter{}, cohort.ConceptFilter{}, cohort.CodesetFilter{}, cohort.TextFilter{}, cohort.Operand{}} {
		m := reflect.TypeOf(model)
		for i := range m.NumField() {
			if name := m.Name() + "." + m.Field(i).Name; name != "Rule.Description" {
				need(name)
			}
		}
	}
	need("AbnormalFilter")
	for _, l := range []cohort.Limit{cohort.All, cohort.First, cohort.Last} {
		need(fmt.Sprintf("Limit=%d", l))
	}
	for v := cohort.AllOf; v <= cohort.AtMost; v++ {
		need(fmt.Sprintf("GroupType=%d", v))
	}
	for v := cohort.Exactly; v <= cohort.NoLessThan; v++ {
		need(fmt.Sprintf("Occurrence=%d", v))
	}
	for v := cohort.Less; v <= cohort.NotBetween; v++ {
		need(fmt.Sprintf("Comparison=%d", v))
	}
	for v := cohort.OwnColumn; v <= cohort.PlaceOfCare; v++ {
		need(fmt.Sprintf("OperandKind=%d", v))
	}
	for _, d := range cohort.Domains() {
		need("Domain=" + d.Name)
		for _, a := range d.Attributes {
			if a.Kind != cohort.Ignored && a.Kind != cohort.AbnormalFlag {
				need(fmt.Sprintf("%s tests %v", d.Name, a.Operand))
			}
		}
		for column, o := range d.CountColumns {
			if o.Needs == "" {
				need(fmt.Sprintf("%s counts %s", d.Name, column))
			}
		}
	}
	for _, a := range cohort.DemographicAttributes {
		need(fmt.Sprintf("a demographic tests %v", a.Operand))
	}
	if len(missing) > 0 {
		t.Errorf("random definitions never have:\n%s", strings.Join(missing, "\n"))
	}
}

// note records what a definition holds.
func note(seen map[string]bool, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if d, ok := v.Interface().(*cohort.Domain); ok {
			seen["Domain="+d.Name] = true
			return
		}
		if !v.IsNil() {
			note(seen, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			note(seen, v.Index(i))
		}
	case reflect.Struct:
		seen[v.Type().Name()] = true
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				seen[v.Type().Name()+"."+v.Type().Field(i).Name] = true
			}
			note(seen, v.Field(i))
		}
		switch x := v.Interface().(type) {
		case cohort.Criterion:
			for _, f := range x.Filters {
				seen[fmt.Sprintf("%s tests %v", x.Domain.Name, cohort.OperandOf(f))] = true
			}
		case cohort.Correlated:
			if x.Distinct != nil {
				seen[fmt.Sprintf("%s counts %s", x.Criterion.Domain.Name, *x.Distinct)] = true
			}
		case cohort.Demographic:
			for _, f := range x.Filters {
				seen[fmt.Sprintf("a demographic tests %v", cohort.OperandOf(f))] = true
			}
		}
	case reflect.Uint8:
		seen[fmt.Sprintf("%s=%d", v.Type().Name(), v.Uint())] = true
	}
}

// A difference is found, and made small.
func TestDifferentialFinds(t *testing.T) {
	tables := Hostile(1)
	all := &cohort.Definition{Entry: []cohort.Criterion{{Domain: domain(t, "Observation")}, {Domain: domain(t, "Measurement")}}, PriorDays: 1, EraPad: 3}
	// The engine at fault loses entries on measurements.
	open := Oracle(t)
	fails := func(def *cohort.Definition, tables Tables, _ bool) bool {
		honest, err := open(tables)
		if err != nil {
			t.Fatal(err)
		}
		wrong := *def
		wrong.Entry = nil
		for _, c := range def.Entry {
			if c.Domain.Name != "Measurement" {
				wrong.Entry = append(wrong.Entry, c)
			}
		}
		want, wantSummary, err := honest(t.Context(), def)
		if err != nil {
			t.Fatal(err)
		}
		if len(wrong.Entry) == 0 {
			return len(want) > 0
		}
		got, gotSummary, err := honest(t.Context(), &wrong)
		if err != nil {
			t.Fatal(err)
		}
		return differences(want, got, wantSummary, gotSummary) != ""
	}
	if !fails(all, tables, true) {
		t.Fatal("the fault does not show on these tables")
	}
	small, few := shrink(all, tables, fails)
	if len(small.Entry) != 1 || small.Entry[0].Domain.Name != "Measurement" || small.PriorDays != 0 || small.EraPad != 0 {
		t.Errorf("the definition stays\n%s", Describe(small))
	}
	if n := len(few["person"]) + len(few["measurement"]) + len(few["observation_period"]); n != 3 {
		t.Errorf("the tables stay with %d rows that matter, not 3:\n%s", n, describeTables(few))
	}
}

func domain(t *testing.T, name string) *cohort.Domain {
	t.Helper()
	d, ok := cohort.DomainByName(name)
	if !ok {
		t.Fatalf("no domain %s", name)
	}
	return d
}
