package link

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"galien"
	"galien/vault"
)

// person is an invented person.
type person struct {
	family, married string
	firsts          []string
	sex             Sex
	birth           Birth
	origin, home    string
	stays           []Stay
	nir             string
}

// population invents persons. It knows nothing of how they are linked.
type population struct {
	rand     *rand.Rand
	families []string
	men      []string
	women    []string
	communes []string
	people   []person
}

// rates are how often a record has each kind of error.
type rates struct {
	typo, married, order, spelling, swap, offByOne, monthOnly, sex, unnamed, noPlace, moved float64
}

var usual = rates{typo: 0.03, married: 0.15, order: 0.03, spelling: 0.15, swap: 0.01, offByOne: 0.01, monthOnly: 0.01, sex: 0.003, unnamed: 0.01, noPlace: 0.05, moved: 0.15}

// times multiplies all rates.
func (r rates) times(x float64) rates {
	return rates{r.typo * x, r.married * x, r.order * x, r.spelling * x, r.swap * x, r.offByOne * x, r.monthOnly * x, r.sex * x, r.unnamed * x, r.noPlace * x, r.moved * x}
}

// newPopulation invents n persons, one in eighty of them a twin of the same
// sex.
func newPopulation(seed uint64, n int) *population {
	p := &population{rand: rand.New(rand.NewPCG(seed, 1))}
	syllables := []string{"MAR", "TIN", "BER", "NARD", "DU", "RAND", "LE", "FEV", "RE", "MO", "REL", "GI", "RAUD", "ROU", "SSEL", "CHE", "VAL", "PEL", "TIER", "BON", "NET", "GAU", "THI", "ER", "LAM", "BERT", "FON", "TAI", "NE", "VIN"}
	invent := func(n, parts int) (list []string) {
		seen := map[string]bool{}
		for len(list) < n {
			var b strings.Builder
			for range parts + p.rand.IntN(2) {
				b.WriteString(syllables[p.rand.IntN(len(syllables))])
			}
			if s := b.String(); !seen[s] {
				seen[s] = true
				list = append(list, s)
			}
		}
		return list
	}
	p.families = invent(3000, 2)
	p.men, p.women = invent(250, 1), invent(250, 2)
	for range 400 {
		p.communes = append(p.communes, fmt.Sprintf("%02d%03d", 1+p.rand.IntN(95), 1+p.rand.IntN(600)))
	}
	for len(p.people) < n {
		x := p.person()
		p.people = append(p.people, x)
		if p.rand.IntN(80) == 0 && len(p.people) < n {
			twin := x
			for twin.firsts[0] == x.firsts[0] {
				twin.firsts = p.firsts(x.sex)
			}
			twin.stays = p.stays(twin.birth)
			twin.nir = p.nir(twin)
			p.people = append(p.people, twin)
		}
	}
	return p
}

// frequent picks from a list as names are: the first ones far more often.
func (p *population) frequent(list []string) string {
	u := p.rand.Float64()
	return list[int(u*u*u*float64(len(list)))]
}

func (p *population) firsts(sex Sex) []string {
	list := p.men
	if sex == Female {
		list = p.women
	}
	return []string{p.frequent(list), p.frequent(list)}
}

func (p *population) stays(birth Birth) (list []Stay) {
	if p.rand.IntN(3) > 0 {
		return nil
	}
	for range 1 + p.rand.IntN(2) {
		entry, _ := galien.NewDate(2019, 1, 1)
		entry = entry.AddDays(p.rand.IntN(1500))
		list = append(list, Stay{Establishment: fmt.Sprintf("75000000%d", p.rand.IntN(4)), Entry: entry, Exit: entry.AddDays(p.rand.IntN(6)), ID: fmt.Sprint(p.rand.Uint32())})
	}
	return list
}

func (p *population) nir(x person) string {
	n, _ := ParseNIR(fmt.Sprintf("%s%02d%02d%s%03d", x.sex.digit(), x.birth.Year%100, x.birth.Month, x.origin, 1+p.rand.IntN(999)))
	return fmt.Sprintf("%s%02d", n.number, keyOf(n))
}

func (p *population) person() person {
	x := person{family: p.frequent(p.families), sex: Sex(1 + p.rand.IntN(2))}
	if p.rand.IntN(10) == 0 {
		x.family += "-" + p.frequent(p.families)
	}
	if p.rand.IntN(20) == 0 {
		x.family = "DE " + x.family
	}
	x.married = p.frequent(p.families)
	x.firsts = p.firsts(x.sex)
	year, month := 1930+p.rand.IntN(90), 1+p.rand.IntN(12)
	x.birth = BirthOf(year, month, 1+p.rand.IntN(28))
	x.origin = p.frequent(p.communes)
	if p.rand.IntN(10) == 0 {
		x.origin = fmt.Sprintf("99%03d", 100+p.rand.IntN(150))
	}
	x.home = p.frequent(p.communes)
	x.stays = p.stays(x.birth)
	x.nir = p.nir(x)
	return x
}

// misspell changes a letter, leaves one out, doubles one or exchanges two.
func (p *population) misspell(s string) string {
	i := p.rand.IntN(len(s) - 1)
	switch p.rand.IntN(4) {
	case 0:
		return s[:i] + string(rune('A'+p.rand.IntN(26))) + s[i+1:]
	case 1:
		return s[:i] + s[i+1:]
	case 2:
		return s[:i] + s[i:i+1] + s[i:]
	}
	return s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]
}

// record is what a source writes of a person.
func (p *population) record(x person, r rates, place bool) Traits {
	is := func(rate float64) bool { return p.rand.Float64() < rate }
	t := Traits{Sex: x.sex}
	family, firsts, birth := x.family, []string{x.firsts[0], x.firsts[1]}, x.birth
	if is(r.typo) {
		family = p.misspell(family)
	}
	if is(r.typo) {
		firsts[0] = p.misspell(firsts[0])
	}
	if is(r.order) {
		firsts[0], firsts[1] = firsts[1], firsts[0]
	}
	if is(r.spelling) {
		family = strings.ReplaceAll(strings.ToLower(family), "-", " ")
		firsts[0] = strings.ReplaceAll(firsts[0], "E", "É")
	}
	if x.sex == Female && is(r.married) {
		t.UsedNames = []string{x.married}
	}
	t.BirthNames = []string{family}
	if t.FirstNames = []string{firsts[0], firsts[0] + " " + firsts[1]}; is(r.unnamed) {
		t.FirstNames = []string{"X"}
	}
	if other, ok := birth.swapped(); ok && is(r.swap) {
		birth = other
	}
	if is(r.offByOne) {
		birth.Day = 1 + birth.Day%28
	}
	if is(r.monthOnly) {
		birth.Day = 0
	}
	t.Births = []Birth{birth}
	if is(r.sex) {
		t.Sex = 3 - t.Sex
	}
	if !is(r.noPlace) {
		t.BirthPlaces = []string{x.origin}
	}
	if place {
		home := x.home
		if is(r.moved) {
			home = p.frequent(p.communes)
		}
		t.Places = []Place{{Code: home}}
	}
	return t
}

// files draws two sources: every person is in each with the given chance.
func (p *population) files(r rates, inA, inB float64, stays bool, l *Linker) (both map[[2]string]bool) {
	both = map[[2]string]bool{}
	for i, x := range p.people {
		a, b := p.rand.Float64() < inA, p.rand.Float64() < inB
		idA, idB := fmt.Sprintf("A%07d", i), fmt.Sprintf("B%07d", (i*7919)%9999991)
		if a {
			t := p.record(x, r, true)
			if stays {
				t.Stays = x.stays
			}
			must(l.A.Add(vault.Seal(idA), t))
		}
		if b {
			t := p.record(x, r, true)
			if stays {
				t.Stays = x.stays
			}
			must(l.B.Add(vault.Seal(idB), t))
		}
		if a && b {
			both[[2]string{idA, idB}] = true
		}
	}
	return both
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// judged is how right a result is.
type judged struct{ precision, recall float64 }

func judge(r *Result, both map[[2]string]bool) judged {
	right, n := 0, 0
	for _, x := range r.Links {
		if x.Decision == Accepted {
			n++
			if both[[2]string{x.A.Reveal(), x.B.Reveal()}] {
				right++
			}
		}
	}
	return judged{float64(right) / float64(max(n, 1)), float64(right) / float64(max(len(both), 1))}
}

func run(t testing.TB, l *Linker) *Result {
	t.Helper()
	r, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}
