package cohort

import (
	"slices"
	"strings"

	"galien"
)

// CheckDimensions refuses an unknown dimension, or one named twice.
func CheckDimensions(by []Dimension) error {
	for i, d := range by {
		if d != Sex && d != AgeGroup && d != Year {
			return galien.Errorf(galien.Invalid, "unknown dimension %q; use sex, age_group, year", string(d))
		}
		if slices.Contains(by[:i], d) {
			return galien.Errorf(galien.Invalid, "dimension %s is named twice", string(d))
		}
	}
	return nil
}

// Tabulation gathers cells by their keys.
type Tabulation struct {
	dimensions int
	cells      map[string]*Cell
}

// NewTabulation returns an empty tabulation of a number of dimensions.
func NewTabulation(dimensions int) *Tabulation {
	return &Tabulation{dimensions: dimensions, cells: map[string]*Cell{}}
}

// Cell returns the cell of keys, which is made when it is new.
func (t *Tabulation) Cell(keys []string) *Cell {
	k := strings.Join(keys, "\x00")
	c, ok := t.cells[k]
	if !ok {
		c = &Cell{Keys: slices.Clone(keys)}
		t.cells[k] = c
	}
	return c
}

// Sorted returns the cells that hold anyone, by their keys.
func (t *Tabulation) Sorted() []Cell {
	var all []Cell
	for _, c := range t.cells {
		if c.Population > 0 || c.Persons > 0 {
			all = append(all, *c)
		}
	}
	slices.SortFunc(all, func(a, b Cell) int { return slices.Compare(a.Keys, b.Keys) })
	return all
}

// SortMasks turns counts by (mode, mask) into a list in that order.
func SortMasks(counts map[[2]int64]int64) []MaskCount {
	var all []MaskCount
	for k, n := range counts {
		all = append(all, MaskCount{Mode: int(k[0]), Mask: k[1], Persons: n})
	}
	slices.SortFunc(all, func(a, b MaskCount) int {
		if a.Mode != b.Mode {
			return a.Mode - b.Mode
		}
		return int(a.Mask - b.Mask)
	})
	return all
}
