package link

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"galien"
	"galien/vault"
)

// level returns a pattern of the given levels, all other fields not known.
func level(of map[field]int) pattern {
	var l [fields]uint8
	for f, x := range of {
		l[f] = uint8(x)
	}
	return patternOf(l)
}

// TestWeightsByHand works out weights on a tiny table of M and U by hand:
// log2(0.9 / 0.1) = 3.1699, log2(0.95 / 0.5) = 0.9260, log2(0.05 / 0.5) =
// -3.3219, log2(0.8 / 0.01) = 6.3219.
func TestWeightsByHand(t *testing.T) {
	m := &Model{Matches: 10, Pairs: 1010}
	m.M[familyField][familySame], m.U[familyField][familySame] = 0.9, 0.1
	m.M[sexField][sexSame], m.U[sexField][sexSame] = 0.95, 0.5
	m.M[sexField][sexDiffers], m.U[sexField][sexDiffers] = 0.05, 0.5
	m.M[birthField][birthSame], m.U[birthField][birthSame] = 0.8, 0.01
	for _, c := range []struct {
		of   map[field]int
		bits float64
	}{
		{map[field]int{}, 0},
		{map[field]int{familyField: familySame}, 3.1699},
		{map[field]int{familyField: familySame, sexField: sexSame}, 3.1699 + 0.9260},
		{map[field]int{familyField: familySame, sexField: sexDiffers}, 3.1699 - 3.3219},
		{map[field]int{familyField: familySame, sexField: sexSame, birthField: birthSame}, 3.1699 + 0.9260 + 6.3219},
	} {
		p := level(c.of)
		sum := 0.0
		for f := range fields {
			sum += m.bits(f, p.level(f))
		}
		if got := math.Log2(m.ratio(p)); math.Abs(got-c.bits) > 0.0002 || math.Abs(sum-c.bits) > 0.0002 {
			t.Errorf("%v: weight %.4f, by fields %.4f, want %.4f", c.of, got, sum, c.bits)
		}
	}
	// One pair in 101 is of one person: odds of 0.01.
	if got := m.odds(); math.Abs(got-0.01) > 1e-12 {
		t.Errorf("odds %v, want 0.01", got)
	}
}

// TestProbabilitiesByHand gives two records of B that compete for one of A:
// odds 0.01, weights 10 bits (1024) and 8 bits (256), so 10.24 and 2.56 beside
// 1 for nobody: 10.24 / 13.8 = 0.7420 and 2.56 / 13.8 = 0.1855. A third pair,
// of other records, stands alone: 10.24 / 11.24 = 0.9110.
func TestProbabilitiesByHand(t *testing.T) {
	d := &decision{m: &Model{Matches: 10, Pairs: 1010}, pairs: []pair{{a: 0, b: 0, weight: 10}, {a: 0, b: 1, weight: 8}, {a: 1, b: 2, weight: 10}}, verdicts: make([]verdict, 3)}
	d.probabilities()
	for i, want := range []float64{0.7420, 0.1855, 0.9110} {
		if got := d.verdicts[i].probability; math.Abs(got-want) > 0.0001 {
			t.Errorf("pair %d: probability %.4f, want %.4f", i, got, want)
		}
	}
}

// TestRarity works the adjustment for frequency out by hand: a family name that
// 2 of 8 records have, where 1 pair in 16 shares a name by chance: log2((1/16)
// / (2/8)) = -2; the name of 1 record in 8: log2((1/16) / (1/8)) = -1.
func TestRarity(t *testing.T) {
	l := New("a", "b", Options{})
	for i, name := range []string{"MARTIN", "DURAND", "PETIT", "ROUX"} {
		must(l.A.Add(vault.Seal(string(rune('a'+i))), Traits{BirthNames: []string{name}}))
	}
	for i, name := range []string{"MARTIN", "MOREL", "GIRAUD", "FABRE"} {
		must(l.B.Add(vault.Seal(string(rune('a'+i))), Traits{BirthNames: []string{name}}))
	}
	c := newComparer(l, Options{})
	m := &Model{}
	m.U[familyField][familySame] = 1.0 / 16
	if got := c.rarity(m, familyField, pair{a: 0, b: 0, pattern: level(map[field]int{familyField: familySame})}); math.Abs(got+2) > 1e-9 {
		t.Errorf("MARTIN adds %.3f bits, want -2", got)
	}
	if got := c.rarity(m, familyField, pair{a: 1, b: 1, pattern: level(map[field]int{familyField: familyDiffers})}); got != 0 {
		t.Errorf("a name that is not shared adds %.3f bits", got)
	}
}

// TestRecovery draws pairs from a known model, fields independent, and finds
// the model again: M within 0.02, U within a tenth of itself, the number of
// matches within 2 %. Pairs of one person are 2,000 in 1,000,000.
func TestRecovery(t *testing.T) {
	truth := &Model{}
	truth.M = [fields][maxLevels]float64{
		{0, 0.02, 0.03, 0.10, 0.05, 0.80}, {0, 0.10, 0.05, 0.05, 0.05, 0.05, 0.70}, {0, 0.03, 0.97}, {0, 0.05, 0.02, 0.08, 0.05, 0.10, 0.70},
		{0, 0.20, 0.05, 0.75}, {0, 0.30, 0.20, 0.50}, {0, 1, 0, 0, 0}, {0, 1, 0, 0},
	}
	truth.U = [fields][maxLevels]float64{
		{0, 0.950, 0.020, 0.010, 0.010, 0.010}, {0, 0.860, 0.060, 0.020, 0.020, 0.020, 0.020}, {0, 0.5, 0.5}, {0, 0.9600, 0.0200, 0.0080, 0.0040, 0.0060, 0.0020},
		{0, 0.955, 0.030, 0.015}, {0, 0.940, 0.040, 0.020}, {0, 1, 0, 0, 0}, {0, 1, 0, 0},
	}
	r := rand.New(rand.NewPCG(11, 3))
	seen := map[pattern]float64{}
	draw := func(of *[fields][maxLevels]float64) {
		var l [fields]uint8
		for f := range numberField {
			if f == stayField {
				continue
			}
			u := r.Float64()
			for x, share := range of[f] {
				if u -= share; u < 0 {
					l[f] = uint8(x)
					break
				}
			}
		}
		seen[patternOf(l)]++
	}
	const pairs, matches = 1_000_000, 2_000
	for range matches {
		draw(&truth.M)
	}
	for range pairs - matches {
		draw(&truth.U)
	}
	var counts []count
	for p := range radix[fields] {
		if n := seen[pattern(p)]; n > 0 {
			counts = append(counts, count{pattern(p), n})
		}
	}
	m := estimate(counts, chance{patterns: counts, sampled: pairs, total: pairs}, 5000)
	if math.Abs(m.Matches-matches) > 0.02*matches {
		t.Errorf("%.0f matches were found, there are %d", m.Matches, matches)
	}
	for f := range stayField {
		for x := 1; x < len(levelNames[f]); x++ {
			if d := math.Abs(m.M[f][x] - truth.M[f][x]); d > 0.02 {
				t.Errorf("%s, %s: M %.4f, want %.4f", fieldNames[f], levelNames[f][x], m.M[f][x], truth.M[f][x])
			}
			if d := math.Abs(m.U[f][x]/truth.U[f][x] - 1); d > 0.1 {
				t.Errorf("%s, %s: U %.5f, want %.5f", fieldNames[f], levelNames[f][x], m.U[f][x], truth.U[f][x])
			}
		}
	}
}

// TestStays gives the level of pairs of lists of stays.
func TestStays(t *testing.T) {
	day := galien.MustDate
	at := func(e, in, out string) Stay {
		return Stay{Establishment: e, Entry: day(in), Exit: day(out), ID: e + in}
	}
	one, next, late := at("1", "2020-01-01", "2020-01-05"), at("1", "2020-03-01", "2020-03-02"), at("1", "2020-01-02", "2020-01-06")
	half, elsewhere := at("1", "2020-01-01", "2020-01-09"), at("2", "2020-01-01", "2020-01-05")
	for _, c := range []struct {
		a, b []Stay
		want uint8
	}{
		{[]Stay{one}, []Stay{one}, stayOne},
		{[]Stay{one, next}, []Stay{next, one}, staySeveral},
		{[]Stay{one, one}, []Stay{one}, stayOne}, // one stay with two numbers
		{[]Stay{one}, []Stay{half}, stayEnd},
		{[]Stay{one}, []Stay{late}, stayEnd},
		{[]Stay{one}, []Stay{next}, stayNone},
		{[]Stay{one}, nil, stayNone},
		{nil, []Stay{one}, missing},
		{[]Stay{elsewhere}, []Stay{one}, missing},
	} {
		l := New("a", "b", Options{})
		must(l.A.Add(vault.Seal("a"), Traits{Stays: c.a}))
		must(l.B.Add(vault.Seal("b"), Traits{Stays: c.b}))
		must(l.B.Add(vault.Seal("other"), Traits{Stays: []Stay{at("1", "2010-01-01", "2010-01-01")}}))
		if got := newComparer(l, Options{}).stays(0, 0); got != c.want {
			t.Errorf("%v and %v: level %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestWeightIsTheSum holds every weight to its reasons: their sum, the
// frequency of the shared values included. Of two pairs that differ in the
// family name alone, the frequent one weighs less.
func TestWeightIsTheSum(t *testing.T) {
	l := New("a", "b", Options{Sample: 100_000})
	newPopulation(41, 1000).files(usual, 0.6, 0.6, true, l)
	for id, family := range map[string]string{"frequent": "MARTIN", "rare": "ZYWKOWSKI"} {
		x := Traits{BirthNames: []string{family}, FirstNames: []string{"BARNABE"}, Sex: Male, Births: []Birth{BirthOf(1950, 5, 6)}, BirthPlaces: []string{"13055"}}
		must(l.A.Add(vault.Seal(id), x))
		must(l.B.Add(vault.Seal(id), x))
	}
	for i := range 40 {
		must(l.B.Add(vault.Seal(fmt.Sprint("martin", i)), Traits{BirthNames: []string{"MARTIN"}, FirstNames: []string{"PAULE"}, Sex: Female, Births: []Birth{BirthOf(1900+i, 1, 2)}}))
	}
	weights := map[string]float64{}
	for _, x := range run(t, l).Links {
		sum := 0.0
		for _, r := range x.Reasons {
			sum += r.Weight
		}
		if math.Abs(sum-x.Weight) > 1e-9 {
			t.Fatalf("weight %v, the reasons sum to %v", x.Weight, sum)
		}
		if x.A.Reveal() == x.B.Reveal() {
			weights[x.A.Reveal()] = x.Weight
		}
	}
	// MARTIN is in 42 records, the other name in 2: log2(21) bits apart.
	if d := weights["rare"] - weights["frequent"]; math.Abs(d-math.Log2(21)) > 1e-9 {
		t.Errorf("the rare name weighs %.3f bits more, want %.3f", d, math.Log2(21))
	}
}

// TestSameStays pairs the stays of two persons, and leaves alone those that
// could be several.
func TestSameStays(t *testing.T) {
	at := func(id, in, out string) Stay {
		return Stay{Establishment: "1", Entry: galien.MustDate(in), Exit: galien.MustDate(out), ID: id}
	}
	l := New("a", "b", Options{})
	must(l.A.Add(vault.Seal("a"), Traits{Stays: []Stay{
		at("exact", "2020-01-01", "2020-01-05"), at("one day", "2020-02-01", "2020-02-05"), at("twice there", "2020-03-01", "2020-03-02"),
		at("twice here 1", "2020-04-01", "2020-04-02"), at("twice here 2", "2020-04-01", "2020-04-02"), at("alone", "2020-05-01", "2020-05-02"),
	}}))
	must(l.B.Add(vault.Seal("b"), Traits{Stays: []Stay{
		at("1", "2020-01-01", "2020-01-05"), at("2", "2020-02-01", "2020-02-09"), at("3", "2020-03-01", "2020-03-02"), at("4", "2020-03-01", "2020-03-02"),
		at("5", "2020-04-01", "2020-04-02"),
	}}))
	got := map[string]string{}
	for _, s := range newComparer(l, Options{}).sameStays(0, 0) {
		got[s.A.Reveal()] = s.B.Reveal()
	}
	want := map[string]string{"exact": "1", "one day": "2", "twice there": "", "twice here 1": "", "twice here 2": "", "alone": ""}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
