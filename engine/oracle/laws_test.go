package oracle_test

import (
	"reflect"
	"testing"

	"galien/cohort"
	"galien/engine/enginetest"
	"galien/engine/oracle"
)

// lawCases is how many random definitions each law is tried on.
const lawCases = 600

func open(t *testing.T, tables enginetest.Tables) *oracle.Data {
	t.Helper()
	data, err := oracle.NewData(tables)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func ask(t *testing.T, data *oracle.Data, def *cohort.Definition) ([]cohort.Row, cohort.Summary) {
	t.Helper()
	rows, summary, err := oracle.Ask(t.Context(), data, def)
	if err != nil {
		t.Fatal(err)
	}
	return rows, summary
}

func step(t *testing.T, s cohort.Summary, name string) cohort.Step {
	t.Helper()
	for _, step := range s.Attrition {
		if step.Name == name {
			return step
		}
	}
	t.Fatalf("no step %q", name)
	return cohort.Step{}
}

// The order of the rows changes nothing.
func TestOrderOfRows(t *testing.T) {
	for block := range uint64(lawCases / 50) {
		tables := enginetest.Hostile(block)
		one, other := open(t, tables), open(t, enginetest.Shuffled(tables, block))
		for i := range uint64(50) {
			def := enginetest.RandomDefinition(block*1000 + i)
			rows, summary := ask(t, one, def)
			again, summaryAgain := ask(t, other, def)
			if !reflect.DeepEqual(rows, again) || !reflect.DeepEqual(summary, summaryAgain) {
				t.Fatalf("block %d, definition %d: other rows in another order\n%s", block, i, enginetest.Describe(def))
			}
		}
	}
}

// Persons do not touch each other: the answers of two halves of the persons
// make up the answer of all.
func TestPersonsApart(t *testing.T) {
	for block := range uint64(lawCases / 50) {
		tables := enginetest.Hostile(block)
		half := func(which int64) enginetest.Tables {
			part := enginetest.Tables{}
			for name, rows := range tables {
				for _, r := range rows {
					id, hasPerson := r["person_id"].(int64)
					if name == "location_history" {
						id, hasPerson = r["entity_id"].(int64)
					}
					if !hasPerson || id%2 == which {
						part[name] = append(part[name], r)
					}
				}
			}
			return part
		}
		whole, even, odd := open(t, tables), open(t, half(0)), open(t, half(1))
		for i := range uint64(50) {
			def := enginetest.RandomDefinition(block*1000 + i)
			_, all := ask(t, whole, def)
			_, a := ask(t, even, def)
			_, b := ask(t, odd, def)
			if all.Rows != a.Rows+b.Rows || all.Persons != a.Persons+b.Persons {
				t.Fatalf("block %d, definition %d: %d rows, in halves %d and %d", block, i, all.Rows, a.Rows, b.Rows)
			}
			for n, s := range all.Attrition {
				if s.Events != a.Attrition[n].Events+b.Attrition[n].Events || s.Persons != a.Attrition[n].Persons+b.Attrition[n].Persons {
					t.Fatalf("block %d, definition %d, step %s: the halves do not add up", block, i, s.Name)
				}
			}
		}
	}
}

// One more inclusion rule, or one more member of a group that must hold in full,
// never lets more in; one more entry criterion never lets less in.
func TestMoreCriteria(t *testing.T) {
	narrowed := 0
	for block := range uint64(lawCases / 50) {
		data := open(t, enginetest.Hostile(block))
		for i := range uint64(50) {
			def := *enginetest.RandomDefinition(block*1000 + i)
			other := enginetest.RandomDefinition(block*1000 + i + 500_000)
			def.ResultLimit = cohort.All
			_, before := ask(t, data, &def)
			was := step(t, before, "result limit")

			for _, r := range other.Rules {
				more := def
				more.Rules = append(append([]cohort.Rule{}, def.Rules...), r)
				_, after := ask(t, data, &more)
				is := step(t, after, "result limit")
				if is.Events > was.Events || is.Persons > was.Persons {
					t.Fatalf("block %d, definition %d: one more rule lets more in", block, i)
				}
				if is.Events < was.Events {
					narrowed++
				}
			}
			if other.Additional != nil {
				more := def
				both := cohort.Group{Type: cohort.AllOf, Groups: []cohort.Group{*other.Additional}}
				if def.Additional != nil {
					both.Groups = append(both.Groups, *def.Additional)
				}
				more.Additional, more.QualifiedLimit = &both, cohort.All
				_, after := ask(t, data, &more)
				entered := "entry limit"
				if def.Additional != nil {
					entered = "additional criteria"
				}
				if step(t, after, "additional criteria").Events > step(t, before, entered).Events {
					t.Fatalf("block %d, definition %d: one more member lets more in", block, i)
				}
			}
			more := def
			more.Entry = append(append([]cohort.Criterion{}, def.Entry...), other.Entry...)
			_, after := ask(t, data, &more)
			if step(t, after, "entry events").Events < step(t, before, "entry events").Events {
				t.Fatalf("block %d, definition %d: one more entry criterion lets less in", block, i)
			}
		}
	}
	if narrowed < 50 {
		t.Errorf("only %d rules let less in: the law was hardly tried", narrowed)
	}
}
