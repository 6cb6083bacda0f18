package disclosure

// Bound returns the table as earlier releases bind it: bind is given each row
// that is not withheld, in the order of Cells, and returns it withheld, or with
// the numbers that stand for it already. A withheld row stays withheld.
func (c Cleared) Bound(bind func(row int, cell ClearedCell) ClearedCell) Cleared {
	cells := c.Cells()
	for i, x := range cells {
		if x.Withheld {
			continue
		}
		to := bind(i, x)
		cells[i] = ClearedCell{Keys: x.Keys, Withheld: true}
		if !to.Withheld {
			cells[i] = ClearedCell{Keys: x.Keys, Persons: to.Persons}
			if c.hasPopulation {
				cells[i].Population = to.Population
			}
			if c.hasPersonD {
				cells[i].PersonDays = to.PersonDays
			}
		}
	}
	c.cells = cells
	return c
}
