package outputs

import (
	"strings"

	"galien"
	"galien/disclosure"
)

// Table declares a table of persons, with the population they are counted in
// and its time of observation where there are rates.
type Table struct {
	Kind       Kind        `json:"kind"`
	Title      string      `json:"title"`
	Dimensions []Dimension `json:"dimensions"`
	Cells      []TableCell `json:"cells"`
}

// Dimension is one way a table is cut; its fields are those of
// disclosure.Dimension.
type Dimension struct {
	Name       string   `json:"name"`
	Categories []string `json:"categories"`
	Additive   bool     `json:"additive"`
	// Parents makes a hierarchy: the category that each is a part of.
	Parents map[string]string `json:"parents,omitempty"`
}

// TableCell is one row. When it is withheld its numbers are null.
type TableCell struct {
	Keys       []string `json:"keys"`
	Withheld   bool     `json:"withheld,omitempty"`
	Persons    *int64   `json:"persons"`
	Population *int64   `json:"population,omitempty"`
	PersonDays *int64   `json:"person_days,omitempty"`
}

// ClearTable clears a table as disclosure.Clear does.
func ClearTable(t Table, r disclosure.Rule) (Document, Decision, error) {
	fail := func(err error) (Document, Decision, error) { return Document{}, Decision{}, err }
	if err := checkTexts("title", t.Title); err != nil {
		return fail(err)
	}
	if len(t.Cells) == 0 {
		return fail(galien.Errorf(galien.Invalid, "output: table has no cells"))
	}
	in := disclosure.Table{
		Dimensions:    dimensions(t.Dimensions),
		HasPopulation: t.Cells[0].Population != nil,
		HasPersonDays: t.Cells[0].PersonDays != nil,
	}
	for i, c := range t.Cells {
		if c.Withheld || c.Persons == nil || (c.Population != nil) != in.HasPopulation || (c.PersonDays != nil) != in.HasPersonDays {
			return fail(galien.Errorf(galien.Invalid, "output: cell %d: give persons in every cell, and population and person_days in all cells or in none", i+1))
		}
		in.Cells = append(in.Cells, disclosure.Cell{Keys: c.Keys, Persons: *c.Persons, Population: value(c.Population), PersonDays: value(c.PersonDays)})
	}
	cleared, decided, err := disclosure.Clear(in, r)
	if err != nil {
		return fail(err)
	}
	d := Decision{Kind: KindTable, Title: t.Title, Rule: decided.Rule, Published: decided.Published, Withheld: decided.Primary + decided.Secondary}
	out := Table{Kind: KindTable, Title: t.Title, Dimensions: t.Dimensions}
	for i, c := range cleared.Cells() {
		cell := TableCell{Keys: c.Keys, Withheld: c.Withheld}
		if c.Withheld {
			d.note(place(c.Keys), decided.Cells[i].Reason)
		} else {
			cell.Persons = &c.Persons
			if in.HasPopulation {
				cell.Population = &c.Population
			}
			if in.HasPersonDays {
				cell.PersonDays = &c.PersonDays
			}
		}
		out.Cells = append(out.Cells, cell)
	}
	return finish(out, d)
}

func dimensions(ds []Dimension) []disclosure.Dimension {
	var out []disclosure.Dimension
	for _, d := range ds {
		out = append(out, disclosure.Dimension{Name: d.Name, Categories: d.Categories, Additive: d.Additive, Parents: d.Parents})
	}
	return out
}

func value(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// place names a row in a finding.
func place(keys []string) string {
	if len(keys) == 0 {
		return "(all)"
	}
	return strings.Join(keys, ", ")
}
