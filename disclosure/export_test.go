package disclosure

// Relabel returns c with only the rows chosen by withhold withheld and the
// numbers of the others taken from truth: what a careless rule would publish.
func Relabel(c Cleared, withhold func(keys []string) bool, truth map[string]Cell) Cleared {
	for i, x := range c.Cells() {
		x.Withheld = withhold(x.Keys)
		if !x.Withheld {
			for _, v := range truth {
				if equalKeys(v.Keys, x.Keys) {
					x.Persons, x.Population = v.Persons, v.Population
				}
			}
		}
		c.cells[i] = x
	}
	return c
}

func equalKeys(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}
