package outputs

import (
	"math"

	"galien"
	"galien/disclosure"
)

// Sums declares a table of amounts, their means and standard deviations.
type Sums struct {
	Kind       Kind        `json:"kind"`
	Title      string      `json:"title"`
	Variable   string      `json:"variable"`
	Dimensions []Dimension `json:"dimensions"`
	Cells      []SumCell   `json:"cells"`
}

// SumCell is one row. Amounts are whole numbers of the smallest unit, such as
// cents or days. When it is withheld its numbers are null.
type SumCell struct {
	Keys     []string `json:"keys"`
	Withheld bool     `json:"withheld,omitempty"`
	Persons  *int64   `json:"persons"`
	Amount   *int64   `json:"amount"`
	// Mean is filled in when the row is cleared.
	Mean *float64 `json:"mean,omitempty"`
	// SD is the standard deviation over the persons.
	SD *float64 `json:"sd,omitempty"`
	// Largest holds the largest contributions; it never leaves.
	Largest []int64 `json:"largest,omitempty"`
}

// ClearSums clears a table of amounts as disclosure.ClearMagnitude does. A mean
// is an amount over its persons and a standard deviation says how contributions
// differ: both leave where the amount does, a standard deviation of nil being
// refused with the row, since the mean is then the amount of each.
//
// Sources: Eurostat, Handbook on Statistical Disclosure Control, magnitude
// tables; SDC Handbook (2019), section B, means and totals; SACRO guide (2023),
// part II, linear aggregations.
func ClearSums(s Sums, r disclosure.Rule) (Document, Decision, error) {
	fail := func(err error) (Document, Decision, error) { return Document{}, Decision{}, err }
	if err := checkTexts("title", s.Title, "variable", s.Variable); err != nil {
		return fail(err)
	}
	if len(s.Cells) == 0 {
		return fail(galien.Errorf(galien.Invalid, "output: sums have no cells"))
	}
	in := disclosure.Magnitude{Dimensions: dimensions(s.Dimensions)}
	sd := map[string]*float64{}
	for i, c := range s.Cells {
		if c.Withheld || c.Persons == nil || c.Amount == nil || c.Mean != nil || c.SD != nil && !(*c.SD >= 0) {
			return fail(galien.Errorf(galien.Invalid, "output: cell %d: give persons, amount and the largest contributions in every cell, sd where there is one, and no mean", i+1))
		}
		sd[place(c.Keys)] = c.SD
		in.Cells = append(in.Cells, disclosure.Sum{Keys: c.Keys, Persons: *c.Persons, Amount: *c.Amount, Largest: c.Largest, Same: c.SD != nil && *c.SD == 0})
	}
	cells, decided, err := disclosure.ClearMagnitude(in, r)
	if err != nil {
		return fail(err)
	}
	d := Decision{Kind: KindSums, Title: s.Title, Rule: decided.Rule, Published: decided.Published, Withheld: decided.Primary + decided.Secondary}
	out := Sums{Kind: KindSums, Title: s.Title, Variable: s.Variable, Dimensions: s.Dimensions}
	for i, c := range cells {
		cell := SumCell{Keys: c.Keys, Withheld: c.Withheld}
		if c.Withheld {
			d.note(place(c.Keys), decided.Cells[i].Reason)
		} else {
			mean := float64(c.Amount) / float64(c.Persons)
			cell.Persons, cell.Amount = &c.Persons, &c.Amount
			cell.Mean, cell.SD = significant(&mean, 6), significant(sd[place(c.Keys)], 4)
		}
		out.Cells = append(out.Cells, cell)
	}
	return finish(out, d)
}

// finite says whether every number given is one.
func finite(xs ...*float64) bool {
	for _, x := range xs {
		if x != nil && (math.IsNaN(*x) || math.IsInf(*x, 0)) {
			return false
		}
	}
	return true
}
