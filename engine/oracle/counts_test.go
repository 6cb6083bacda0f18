package oracle_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"galien"
	"galien/cohort"
	"galien/engine/enginetest"
	"galien/engine/oracle"
)

// edits are what a person does to a definition between two questions.
func edits(def *cohort.Definition) []*cohort.Definition {
	var all []*cohort.Definition
	edit := func(change func(d *cohort.Definition)) {
		d := *def
		d.Rules = slices.Clone(def.Rules)
		d.ConceptSets = slices.Clone(def.ConceptSets)
		change(&d)
		all = append(all, &d)
	}
	edit(func(*cohort.Definition) {})
	edit(func(d *cohort.Definition) { slices.Reverse(d.Rules) })
	edit(func(d *cohort.Definition) { d.Rules = d.Rules[:len(d.Rules)/2] })
	edit(func(d *cohort.Definition) { d.Rules = append(d.Rules, cohort.Rule{Name: "of everyone"}) })
	edit(func(d *cohort.Definition) { d.Rules = append(d.Rules, d.Rules...) })
	edit(func(d *cohort.Definition) { d.EntryLimit = (d.EntryLimit + 1) % 3 })
	edit(func(d *cohort.Definition) { d.QualifiedLimit = (d.QualifiedLimit + 1) % 3 })
	edit(func(d *cohort.Definition) { d.ResultLimit = (d.ResultLimit + 1) % 3 })
	edit(func(d *cohort.Definition) { d.Exit = nil })
	edit(func(d *cohort.Definition) { d.Exit = cohort.DateOffset{Days: 3} })
	edit(func(d *cohort.Definition) { d.Exit = cohort.DateOffset{Days: -3} })
	edit(func(d *cohort.Definition) { d.Exit = cohort.DateOffset{FromEnd: true} })
	edit(func(d *cohort.Definition) { d.Censoring = nil })
	edit(func(d *cohort.Definition) { d.EraPad += 30 })
	edit(func(d *cohort.Definition) { d.CensorStart, d.CensorEnd = nil, nil })
	edit(func(d *cohort.Definition) { d.Additional = nil })
	edit(func(d *cohort.Definition) { d.Additional = &cohort.Group{} })
	edit(func(d *cohort.Definition) { d.PriorDays++ })
	edit(func(d *cohort.Definition) {
		for i := range d.ConceptSets {
			d.ConceptSets[i].Name = "another name"
			d.ConceptSets[i].Items = slices.Clone(d.ConceptSets[i].Items)
			slices.Reverse(d.ConceptSets[i].Items)
		}
	})
	edit(func(d *cohort.Definition) {
		if len(d.ConceptSets) > 0 {
			d.ConceptSets[0].Items = nil
		}
	})
	return all
}

// TestEqualKeysCountTheSame edits generated definitions, and looks at who is
// behind each number: equal keys stand for the same persons with the same
// events, of whatever definition, and what a key says of one event each is true.
func TestEqualKeysCountTheSame(t *testing.T) {
	by := []cohort.Dimension{cohort.Sex, cohort.AgeGroup, cohort.Year}
	numbers, shared, differ := 0, 0, 0
	for block := range uint64(12) {
		data := open(t, enginetest.Hostile(block))
		behind := map[cohort.Key]string{} // the persons, by key
		first := map[cohort.Key]int{}     // the definition that had the key first
		content := map[string]bool{}
		for i := range uint64(12) {
			for n, def := range edits(enginetest.RandomDefinition(block*1000 + i)) {
				if def.Validate() != nil {
					continue
				}
				counts := def.Counts()
				see := func(what string, k cohort.Key, of map[galien.PersonID]int64) {
					text := ""
					for _, p := range slices.Sorted(maps.Keys(of)) {
						text += fmt.Sprintf("%d:%d ", p, of[p])
					}
					numbers++
					at := int(i)*100 + n
					if other, ok := behind[k]; !ok {
						behind[k], first[k] = text, at
					} else if other != text {
						t.Fatalf("block %d, definition %d, edit %d, %s: one key for %q and %q\n%s", block, i, n, what, other, text, enginetest.Describe(def))
					} else if first[k] != at {
						shared++
					}
					content[text] = true
				}
				persons := make([]map[galien.PersonID]int64, len(counts.Steps))
				events := make([]map[galien.PersonID]int64, len(counts.Steps))
				for s := range persons {
					persons[s], events[s] = map[galien.PersonID]int64{}, map[galien.PersonID]int64{}
				}
				m := &cohort.Members{
					Observed: func([]galien.PersonID) {},
					Left: func(step int, who []galien.PersonID, n []int64) {
						for k, p := range who {
							persons[step][p], events[step][p] = 1, n[k]
						}
					},
					Cell: func(keys []string, entered, observed []galien.PersonID) {
						c := [2]map[galien.PersonID]int64{{}, {}}
						for k, list := range [][]galien.PersonID{entered, observed} {
							for _, p := range list {
								c[k][p] = 1
							}
						}
						see(fmt.Sprint("persons of ", keys), counts.Cell(by, keys, false), c[0])
						see(fmt.Sprint("population of ", keys), counts.Cell(by, keys, true), c[1])
					},
				}
				if err := oracle.AskMembers(t.Context(), data, def, m); err != nil {
					t.Fatal(err)
				}
				if len(counts.Steps) != len(def.Steps()) {
					t.Fatalf("%d steps, keys of %d", len(def.Steps()), len(counts.Steps))
				}
				for s, k := range counts.Steps {
					see(fmt.Sprint("persons after step ", s), k.Persons, persons[s])
					see(fmt.Sprint("events after step ", s), k.Events, events[s])
				}
				if err := oracle.TabulateMembers(t.Context(), data, def, by, m); err != nil {
					t.Fatal(err)
				}
				last := events[len(events)-1]
				for p, n := range last {
					if counts.Single && n != 1 {
						t.Fatalf("block %d, definition %d, edit %d: person %d has %d periods, and none can have two\n%s", block, i, n, p, n, enginetest.Describe(def))
					}
				}
			}
		}
		differ += len(content)
	}
	t.Logf("%d numbers, %d of them known from another definition; %d different", numbers, shared, differ)
	if shared < numbers/4 || differ < 200 {
		t.Error("too few: this proves little")
	}
}
