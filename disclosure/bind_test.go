package disclosure_test

import (
	"testing"

	"galien/disclosure"
)

// A bound table has what it is told for rows that are not withheld, and no number
// of one that is.
func TestBound(t *testing.T) {
	table := disclosure.Table{
		Dimensions: []disclosure.Dimension{{Name: "sex", Categories: []string{"f", "m", "u"}, Additive: true}},
		Cells: []disclosure.Cell{{Keys: []string{"f"}, Persons: 40}, {Keys: []string{"m"}, Persons: 30}, {Keys: []string{"u"}, Persons: 3},
			{Keys: []string{disclosure.Total}, Persons: 73}},
	}
	cleared, _, err := disclosure.Clear(table, disclosure.Rule{Threshold: 11})
	if err != nil {
		t.Fatal(err)
	}
	first := -1
	bound := cleared.Bound(func(row int, c disclosure.ClearedCell) disclosure.ClearedCell {
		if cleared.Cells()[row].Persons != c.Persons || c.Withheld {
			t.Errorf("row %d is given as %+v", row, c)
		}
		if first < 0 {
			first = row
			return disclosure.ClearedCell{Withheld: true, Persons: c.Persons}
		}
		return disclosure.ClearedCell{Keys: []string{"other"}, Persons: c.Persons + 1}
	})
	if err := bound.Check(); err != nil {
		t.Fatal(err)
	}
	for i, c := range bound.Cells() {
		was := cleared.Cells()[i]
		switch {
		case c.Keys[0] != was.Keys[0]:
			t.Errorf("row %d: %v became %v", i, was.Keys, c.Keys)
		case was.Withheld || i == first:
			if !c.Withheld || c.Persons != 0 {
				t.Errorf("row %d: %+v", i, c)
			}
		case c.Withheld || c.Persons != was.Persons+1:
			t.Errorf("row %d: %+v", i, c)
		}
	}
	if cleared.Cells()[first].Withheld {
		t.Error("the table that was bound has changed")
	}
	if err := (disclosure.Cleared{}).Bound(nil).Check(); err == nil {
		t.Error("a table that was not cleared may leave once it is bound")
	}
}
