package review

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"galien"
	"galien/cohort"
)

// same reports whether two parts of a definition are the same in every way.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// sameLines reports whether two sets have the same lines, in any order.
func sameLines(a, b cohort.ConceptSet) bool { return slices.Equal(sorted(a.Items), sorted(b.Items)) }

func sorted(items []cohort.ConceptItem) []cohort.ConceptItem {
	items = slices.Clone(items)
	slices.SortFunc(items, func(a, b cohort.ConceptItem) int {
		flags := func(i cohort.ConceptItem) string { return fmt.Sprint(i.Excluded, i.Descendants, i.Mapped) }
		return cmp.Or(cmp.Compare(a.Concept, b.Concept), strings.Compare(flags(a), flags(b)))
	})
	return items
}

// use notes a reference to a concept set.
func (r *reviewer) use(path string, id int) {
	r.used[id] = true
	if _, ok := r.sets[id]; !ok {
		r.find("undefined-set", path, id)
	}
}

// setName names a set for people.
func (r *reviewer) setName(id int) string {
	if s := r.sets[id]; s.Name != "" {
		return fmt.Sprintf("%d (%s)", id, s.Name)
	}
	return fmt.Sprint(id)
}

// conceptSets reviews the sets, once it is known which are used.
func (r *reviewer) conceptSets() {
	for i, s := range r.def.ConceptSets {
		path := fmt.Sprintf("ConceptSets[%d]", i)
		if !r.used[s.ID] {
			r.find("unused-set", path, r.setName(s.ID))
			continue
		}
		if !slices.ContainsFunc(s.Items, func(i cohort.ConceptItem) bool { return !i.Excluded }) {
			r.find("empty-set", path+".expression.items", r.setName(s.ID))
			continue
		}
		for j, t := range r.def.ConceptSets[:i] {
			if sameLines(s, t) {
				r.find("repeated-set", path, r.setName(s.ID), r.setName(t.ID), fmt.Sprintf("ConceptSets[%d]", j))
				break
			}
		}
		r.lines(path+".expression.items", s)
	}
}

// lines reviews the lines of one set.
func (r *reviewer) lines(path string, s cohort.ConceptSet) {
	first := map[galien.ConceptID][]int{}
	for i, item := range s.Items {
		path := fmt.Sprintf("%s[%d]", path, i)
		for _, j := range first[item.Concept] {
			other := s.Items[j]
			if item == other {
				r.find("repeated-line", path, item.Concept, j)
				continue
			}
			in, out := item, other
			if in.Excluded {
				in, out = out, in
			}
			// An exclusion of less than the line adds is how "only the
			// descendants" is said.
			if !in.Excluded && out.Excluded && (out.Descendants || !in.Descendants) && (out.Mapped || !in.Mapped) {
				r.find("excluded-line", path, item.Concept, j)
			}
		}
		first[item.Concept] = append(first[item.Concept], i)
	}
}

// expected are the OMOP domains of the standard concepts that a criterion's
// table holds. Other tables hold concepts of many domains.
var expected = map[string]string{
	"ConditionOccurrence": "Condition", "ConditionEra": "Condition",
	"DrugExposure": "Drug", "DrugEra": "Drug", "DoseEra": "Drug",
	"ProcedureOccurrence": "Procedure", "Measurement": "Meas", "DeviceExposure": "Device",
	"VisitOccurrence": "Visit", "VisitDetail": "Visit", "Specimen": "Specimen",
}

// domain compares the domains of a criterion's concept set with its table.
func (r *reviewer) domain(path string, c cohort.Criterion) {
	want := expected[c.Domain.Name]
	if want == "" || c.Codeset == nil {
		return
	}
	var seen []string
	for _, i := range r.sets[*c.Codeset].Items {
		if i.Excluded {
			continue
		}
		d := r.domains[i.Concept]
		// Mapped concepts are of any domain.
		if d == "" || i.Mapped || strings.Contains(d, want) {
			return
		}
		if !slices.Contains(seen, d) {
			seen = append(seen, d)
		}
	}
	if len(seen) > 0 {
		slices.Sort(seen)
		r.find("other-domain", path+".CodesetId", r.setName(*c.Codeset), strings.Join(seen, ", "), c.Domain.Name)
	}
}
