package check

import (
	"fmt"
	"slices"
	"strings"
)

// Earlier is what left before: a line of the public register, what its manifest
// says and its tables. A column without a name is what the hub itself counted, and
// is compared with every column of its role.
type Earlier struct {
	Number int
	Permit string
	Manifest
	Tables []Table
}

// SameStudy reports whether a group under a permit is of the same study as what left
// before, and whether both name the same definition.
func (e Earlier) SameStudy(m Manifest, permit string) (study, cohort bool) {
	cohort = slices.ContainsFunc(m.Cohort, func(h string) bool {
		return slices.ContainsFunc(e.Cohort, func(other string) bool { return Definition(h) == Definition(other) })
	})
	return cohort || e.Permit == permit || samePopulation(m.Population, e.Population), cohort
}

// Against compares the tables of a group under a permit, cell by cell, with
// everything that left before of the same study: the same cohort definition, permit
// or population. Cells are the same by the names of their dimensions, categories and
// column.
func Against(m Manifest, permit string, tables []Table, left []Earlier, r Rule) []Finding {
	c := newRun(m, nil, r, 1)
	for _, e := range left {
		study, cohort := e.SameStudy(m, permit)
		if !study {
			continue
		}
		for _, was := range e.Tables {
			for _, t := range tables {
				c.against(t, was, e.Number, cohort)
			}
		}
	}
	return c.sorted()
}

// Definition is the hash of a definition as a manifest names it, without its
// prefix.
func Definition(name string) string { return strings.TrimPrefix(name, "sha256:") }

func samePopulation(a, b string) bool {
	a, b = strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " ")
	return a != "" && strings.EqualFold(a, b)
}

// against compares two tables that are cut in the same way.
func (c *run) against(t, was Table, number int, cohort bool) {
	if t.Column != was.Column && (was.Column != "" || t.Role != was.Role) {
		return
	}
	if !slices.Equal(slices.Sorted(slices.Values(t.Dimensions)), slices.Sorted(slices.Values(was.Dimensions))) {
		return
	}
	earlier := map[string]TableRow{}
	for _, r := range was.Rows {
		earlier[was.key(r)] = r
	}
	found := func(id string, r TableRow) {
		c.found(id, t.File, fmt.Sprintf("%s: number %d of the register", r.Where, number))
	}
	for _, r := range t.Rows {
		old, ok := earlier[t.key(r)]
		switch {
		case !ok || r.Hidden && old.Hidden:
		case r.Hidden != old.Hidden:
			if cohort {
				found("released-withheld", r)
			}
		case t.near(r.Number, was, old.Number, c.threshold):
			if cohort {
				found("released-difference", r)
			} else {
				found("released-similar", r)
			}
		}
	}
}

// near reports whether a reader knows that two numbers differ, and by fewer than
// the threshold. Two rounded numbers hide it.
func (t Table) near(n int64, was Table, old, threshold int64) bool {
	if t.Rounding > 0 && was.Rounding > 0 {
		return false
	}
	if t.Stands(n, old, threshold) || was.Stands(old, n, threshold) {
		return false
	}
	return max(n-old, old-n)+t.Slack()+was.Slack() < threshold
}
