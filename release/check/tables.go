package check

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"galien/disclosure"
)

// Total is the category of a dimension that stands for all others, in a Table.
const Total = "*"

// Table is one column of numbers of persons or events, by the categories of its
// dimensions, in an output that leaves.
type Table struct {
	File string
	// Column is its header, and Where names it for people.
	Column, Where string
	Role          Role
	Dimensions    []string
	// Additive says of each dimension that its total may be the sum of the rest.
	Additive []bool
	// Rounding is the base that numbers are rounded to, or 0.
	Rounding int64
	Rows     []TableRow
}

// TableRow is one number of a table, or what stands for it.
type TableRow struct {
	Keys   []string // a category, or Total, of each dimension
	Hidden bool
	Number int64
	Where  string
}

// Slack is by how much a number may differ from the true one.
func (t Table) Slack() int64 { return t.Rounding / 2 }

// Stands reports whether a number may be what is shown of an exact one: itself,
// what it is rounded to, or what disclosure control rounds it to, which is never
// under the threshold.
func (t Table) Stands(n, exact, threshold int64) bool {
	if t.Rounding > 0 && n%t.Rounding != 0 {
		return n == exact
	}
	return max(n-exact, exact-n) <= t.Slack() || n == disclosure.Rule{Threshold: int(threshold), RoundTo: int(t.Rounding)}.Round(exact)
}

// key names a row by its categories, whatever the order of the dimensions.
func (t Table) key(r TableRow) string {
	parts := make([]string, len(r.Keys))
	for d, k := range r.Keys {
		parts[d] = t.Dimensions[d] + "=" + k
	}
	slices.Sort(parts)
	return strings.Join(parts, "\x00")
}

// Tables returns the tables of whole numbers of persons or events that leave with
// a group, as its checks read them, and the files of numbers that leave and hold
// none.
func Tables(m Manifest, files []File, r Rule) (tables []Table, others []string) {
	c := newRun(m, files, r, 1)
	for _, f := range files {
		c.file(f)
	}
	tables = c.declared
	for _, g := range c.grids {
		if g.out != nil && !g.out.Stays {
			tables = append(tables, c.tablesOf(g)...)
		}
	}
	for _, o := range m.Outputs {
		_, there := c.files[o.File]
		numbers := o.Kind != KindCode && o.Kind != KindText
		if numbers && there && !o.Stays && !slices.ContainsFunc(tables, func(t Table) bool { return t.File == o.File }) {
			others = append(others, o.File)
		}
	}
	return tables, others
}

// tablesOf returns the tables of a grid, one for each of its columns of counts.
func (c *run) tablesOf(g *grid) (out []Table) {
	dims := g.dims()
	if len(dims) == 0 {
		return nil
	}
	totals := make([]string, len(dims))
	for k, d := range dims {
		totals[k] = g.total(d)
	}
	for j := range g.header {
		if !isCount(g.role(j)) {
			continue
		}
		t := Table{File: g.file, Column: g.header[j], Where: g.column(j), Role: g.role(j), Rounding: c.base()}
		cells, ok := g.cells(j, dims, float64(t.Slack()))
		if !ok {
			continue
		}
		for k, d := range dims {
			t.Dimensions = append(t.Dimensions, g.header[d])
			own := g.lines(d, dims, totals[k], cells)
			t.Additive = append(t.Additive, len(own) > 0 && additive(own))
		}
		whole := true
		for i := range g.rows {
			n, shown := g.num(i, j)
			whole = whole && n.v == math.Trunc(n.v)
			row := TableRow{Hidden: !shown, Number: int64(n.v), Where: g.at(i, j)}
			for k, d := range dims {
				key := strings.TrimSpace(g.rows[i][d])
				if key == totals[k] && key != "" {
					key = Total
				}
				row.Keys = append(row.Keys, key)
			}
			t.Rows = append(t.Rows, row)
		}
		if whole {
			out = append(out, t)
		}
	}
	return out
}

// clearedTables returns the tables of what may leave of a declared output.
func (c *run) clearedTables(file string, b []byte) (out []Table) {
	var d struct {
		Kind       string
		Dimensions []struct {
			Name     string
			Additive bool
			Parents  map[string]string
		}
		Cells []struct {
			Keys                []string
			Persons, Population *int64
		}
	}
	if json.Unmarshal(b, &d) != nil || d.Kind != "table" && d.Kind != "sums" || len(d.Dimensions) == 0 {
		return nil
	}
	persons := Table{File: file, Column: "persons", Where: "persons", Role: RoleCount, Rounding: c.base()}
	for _, x := range d.Dimensions {
		persons.Dimensions = append(persons.Dimensions, x.Name)
		persons.Additive = append(persons.Additive, x.Additive && len(x.Parents) == 0)
	}
	population := persons
	population.Column, population.Where, population.Role = "population", "population", RolePopulation
	any := false
	for i, x := range d.Cells {
		row := func(n *int64) TableRow {
			r := TableRow{Keys: x.Keys, Hidden: n == nil, Where: fmt.Sprintf("cell %d", i+1)}
			if n != nil {
				r.Number = *n
			}
			return r
		}
		if len(x.Keys) != len(d.Dimensions) {
			return nil
		}
		any = any || x.Population != nil
		persons.Rows, population.Rows = append(persons.Rows, row(x.Persons)), append(population.Rows, row(x.Population))
	}
	if out = append(out, persons); any {
		out = append(out, population)
	}
	return out
}

// ScorecardFolder is the folder of a group in which the airlock puts the scorecard
// of the attacks on it: nothing of the author's lies there.
const ScorecardFolder = "scorecard"
