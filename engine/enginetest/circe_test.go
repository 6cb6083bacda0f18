package enginetest

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"galien"
	"galien/cohort"
	"galien/cohort/circe"
)

// Random definitions come back from Circe's JSON as they were. Those that JSON
// has no words for are first made to have them, and refused as they are.
func TestCirceWritesRandomDefinitions(t *testing.T) {
	refused := 0
	for seed := range uint64(2000) {
		def := RandomDefinition(seed)
		var b bytes.Buffer
		if err := circe.Write(&b, def); err != nil {
			if galien.KindOf(err) != galien.Invalid {
				t.Fatalf("seed %d: %v", seed, err)
			}
			refused++
			if !speakable(def) {
				t.Fatalf("seed %d: refused, and nothing in it is beyond JSON: %v", seed, err)
			}
			if err := circe.Write(&b, def); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		text := b.String()
		again, err := circe.Read(&b)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		inOrder(def)
		inOrder(again)
		if again.Hash() != def.Hash() || !reflect.DeepEqual(again, def) {
			t.Fatalf("seed %d: written\n%s\nread\n%s\nwas\n%s", seed, text, Describe(again), Describe(def))
		}
	}
	if refused == 0 || refused > 1000 {
		t.Errorf("%d of 2000 definitions are refused", refused)
	}
	t.Logf("%d of 2000 definitions had parts that JSON has no words for", refused)
}

// eachFilters calls visit with every list of filters of a definition.
func eachFilters(def *cohort.Definition, visit func(attrs []cohort.Attribute, filters *[]cohort.Filter)) {
	var criterion func(c *cohort.Criterion)
	var group func(g *cohort.Group)
	group = func(g *cohort.Group) {
		for i := range g.Correlated {
			criterion(&g.Correlated[i].Criterion)
		}
		for i := range g.Demographics {
			visit(cohort.DemographicAttributes, &g.Demographics[i].Filters)
		}
		for i := range g.Groups {
			group(&g.Groups[i])
		}
	}
	criterion = func(c *cohort.Criterion) {
		visit(c.Domain.Attributes, &c.Filters)
		if c.Nested != nil {
			group(c.Nested)
		}
	}
	for i := range def.Entry {
		criterion(&def.Entry[i])
	}
	if def.Additional != nil {
		group(def.Additional)
	}
	for i := range def.Rules {
		group(&def.Rules[i].Group)
	}
	for i := range def.Censoring {
		criterion(&def.Censoring[i])
	}
}

// speakable takes out what Circe's JSON cannot say: more tests of one thing
// than attributes test it, and those that Circe evaluates only beside another.
// It reports whether there was anything to take out.
func speakable(def *cohort.Definition) (changed bool) {
	eachFilters(def, func(attrs []cohort.Attribute, filters *[]cohort.Filter) {
		room := map[[2]any]int{}
		alone := map[[2]any]bool{}
		kind := func(f cohort.Filter) [2]any { return [2]any{reflect.TypeOf(f), cohort.OperandOf(f)} }
		for _, a := range attrs {
			for _, f := range []cohort.Filter{cohort.DateFilter{Operand: a.Operand}, cohort.NumberFilter{Operand: a.Operand}, cohort.ConceptFilter{Operand: a.Operand},
				cohort.CodesetFilter{Operand: a.Operand}, cohort.TextFilter{Operand: a.Operand}, cohort.AbnormalFilter{}} {
				if a.Tests(f) {
					room[kind(f)]++
					alone[kind(f)] = a.Needs == ""
				}
			}
		}
		*filters = slices.DeleteFunc(*filters, func(f cohort.Filter) bool {
			room[kind(f)]--
			gone := room[kind(f)] < 0 || !alone[kind(f)]
			changed = changed || gone
			return gone
		})
	})
	return changed
}

// inOrder puts filters in the order of the attributes, and empty lists to nil.
func inOrder(def *cohort.Definition) {
	eachFilters(def, func(attrs []cohort.Attribute, filters *[]cohort.Filter) {
		var sorted []cohort.Filter
		for _, a := range attrs {
			for i, f := range *filters {
				if a.Tests(f) {
					sorted = append(sorted, f)
					*filters = slices.Delete(slices.Clone(*filters), i, i+1)
					break
				}
			}
		}
		*filters = sorted
	})
}
