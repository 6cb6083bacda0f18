package link

import "math"

// Model is the Fellegi-Sunter model: how often each level of each field is seen
// among pairs of one person (M) and among pairs of two (U), and how many pairs
// are of one person.
//
// Fellegi and Sunter, "A theory for record linkage", JASA 64 (1969); the
// estimation is the EM of Winkler (1988), with chance agreement measured on
// pairs taken at random, as Splink does.
type Model struct {
	M, U [fields][maxLevels]float64
	// Matches is the estimated number of pairs of one person, Pairs that of all
	// pairs.
	Matches, Pairs float64
	Rounds         int
	// Said tells of which fields both sides say something.
	Said [fields]bool
}

// weightOfStart is how many matches the start values count for: where few
// matches show a field, they decide.
const weightOfStart = 10

// rounds ends an estimation that does not settle.
const rounds = 500

// tally is a number for each level of each field.
type tally [fields][maxLevels]float64

func (t *tally) add(p pattern, n float64) {
	for f := range fields {
		t[f][p.level(f)] += n
	}
}

// newModel returns the model from which the estimation starts.
func newModel(c chance, most float64) *Model {
	m := &Model{Matches: most / 2, Pairs: c.total}
	var seen tally
	for _, x := range c.patterns {
		seen.add(x.pattern, x.pairs)
	}
	for f := range fields {
		copy(m.M[f][:], start[f])
		m.U[f] = byChance(f, seen[f])
		for _, n := range seen[f][1:] {
			m.Said[f] = m.Said[f] || n > 0
		}
	}
	return m
}

// rareNumber bounds how often two persons are taken to share a number: each
// number is given to one person, and few pairs do not show how rare errors are.
const rareNumber = 1e-5

// byChance returns how often each level of a field is seen among pairs of two
// persons.
func byChance(f field, counts [maxLevels]float64) [maxLevels]float64 {
	u := shares(counts, 0.5, len(levelNames[f]))
	if f == numberField {
		u[numberHolder], u[numberOwn] = min(u[numberHolder], rareNumber), min(u[numberOwn], rareNumber)
		u[numberDiffers] = 1 - u[numberHolder] - u[numberOwn]
	}
	return u
}

// shares turns counts of levels into shares of the pairs that say something;
// each level counts at least least.
func shares(counts [maxLevels]float64, least float64, levels int) (s [maxLevels]float64) {
	sum := 0.0
	for l := 1; l < levels; l++ {
		s[l] = max(counts[l], least)
		sum += s[l]
	}
	for l := 1; l < levels; l++ {
		s[l] /= sum
	}
	return s
}

// estimate finds the model by EM over all pairs of the two sides: those that
// were compared, by their patterns, and the rest, which share no key and are
// taken to be of two persons. most is the greatest possible number of matches.
func estimate(compared []count, c chance, most float64) *Model {
	m := newModel(c, most)
	scale := c.total / c.sampled
	var random, blocked tally
	for _, x := range c.patterns {
		random.add(x.pattern, x.pairs*scale)
	}
	for _, x := range compared {
		blocked.add(x.pattern, x.pairs)
	}
	// Random pairs show a rare level seldom or never; the pairs compared are all
	// of those that share a key.
	for f := range fields {
		for l := range random[f] {
			random[f][l] = max(random[f][l], blocked[f][l])
		}
	}
	for m.Rounds = 1; m.Rounds <= rounds; m.Rounds++ {
		var matched tally
		matches := 0.0
		odds := m.odds()
		for _, x := range compared {
			r := odds * m.ratio(x.pattern)
			p := x.pairs * r / (1 + r)
			matches += p
			matched.add(x.pattern, p)
		}
		next := &Model{Matches: min(matches, most), Pairs: m.Pairs, Rounds: m.Rounds, Said: m.Said}
		for f := range fields {
			levels := len(levelNames[f])
			sum := float64(weightOfStart)
			for l := 1; l < levels; l++ {
				sum += matched[f][l]
			}
			for l := 1; l < levels; l++ {
				next.M[f][l] = (matched[f][l] + weightOfStart*start[f][l]) / sum
			}
			for l := range random[f] {
				matched[f][l] = random[f][l] - matched[f][l]
			}
			next.U[f] = byChance(f, matched[f])
		}
		change := math.Abs(next.Matches-m.Matches) / max(1, m.Matches)
		for f := range fields {
			for l := range m.M[f] {
				change = max(change, math.Abs(next.M[f][l]-m.M[f][l]))
			}
		}
		m = next
		if change < 1e-8 {
			break
		}
	}
	return m
}

// odds are the odds that a pair taken at random is of one person.
func (m *Model) odds() float64 {
	if m.Pairs <= m.Matches {
		return 1
	}
	return m.Matches / (m.Pairs - m.Matches)
}

// ratio is how many times more often the pattern is seen among pairs of one
// person than among pairs of two: the product of M / U over the fields that say
// something.
func (m *Model) ratio(p pattern) float64 {
	r := 1.0
	for f := range fields {
		if l := p.level(f); l != missing {
			r *= m.M[f][l] / m.U[f][l]
		}
	}
	return r
}

// bits is the weight of one level of one field: log2(M / U).
func (m *Model) bits(f field, level int) float64 {
	if level == missing {
		return 0
	}
	return math.Log2(m.M[f][level] / m.U[f][level])
}

// mayMatch reports whether a pair with the pattern could end as a link or a
// question. Its bound is generous: the estimation moves weights, and a rare
// value adds to them.
func (m *Model) mayMatch(p pattern) bool {
	return p.level(numberField) >= numberHolder || m.odds()*m.ratio(p) > 1e-6
}

// weigh gives each kept pair its weight: that of its pattern, corrected for how
// frequent the shared values are. A shared value that is rarer than shared
// values are on average says more, a frequent one less (Winkler; Splink's term
// frequency adjustment: log2(U / frequency)).
func (c *comparer) weigh(b *blocks, m *Model) []pair {
	weights := map[pattern]float64{}
	var pairs []pair
	for _, p := range b.kept {
		if len(c.l.apart) > 0 && c.l.apart[[2]string{c.a.ids[p.a].Reveal(), c.b.ids[p.b].Reveal()}] {
			continue
		}
		w, ok := weights[p.pattern]
		if !ok {
			w = math.Log2(m.ratio(p.pattern))
			weights[p.pattern] = w
		}
		for f := range fields {
			w += c.rarity(m, f, p)
		}
		if p.weight = w; p.pattern.level(numberField) >= numberHolder || m.odds()*math.Exp2(w) > 1e-4 {
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// rarity is what the frequency of the value that a pair shares adds to the
// weight of a field.
func (c *comparer) rarity(m *Model, f field, p pair) float64 {
	level := p.pattern.level(f)
	least, of := int32(math.MaxInt32), float64(len(c.a.ids)+len(c.b.ids))
	take := func(n int32) { least = min(least, max(n, 1)) }
	switch {
	case f == familyField && level == familySame:
		for _, x := range c.a.names.of(p.a) {
			for _, y := range c.b.names.of(p.b) {
				if x.whole == y.whole {
					take(c.familyCount[x.whole])
				}
			}
		}
	case f == firstField && level == firstSame:
		take(c.firstCount[c.a.firsts.of(p.a)[0]])
	case f == originField && level == originSame:
		for _, x := range c.a.origins.of(p.a) {
			for _, y := range c.b.origins.of(p.b) {
				if x == y {
					take(c.originCount[x])
				}
			}
		}
	case f == homeField && level == homeSame:
		for _, x := range c.a.homes.of(p.a) {
			for _, y := range c.b.homes.of(p.b) {
				if x.code == y.code {
					take(c.homeCount[x.code])
				}
			}
		}
	case f == stayField && level == stayOne:
		of = float64(len(c.b.ids))
		for _, x := range c.a.stays.of(p.a) {
			for _, y := range c.b.stays.of(p.b) {
				if x == y {
					take(c.stayCount[x])
				}
			}
		}
	}
	if least == math.MaxInt32 {
		return 0
	}
	return math.Log2(m.U[f][level] * of / float64(least))
}
