package snds

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"galien"
	"galien/synth/life"
)

// The families of random streams.
const (
	personStream = 0x2b7e151628aed2a6
	pairStream   = 0x3c4fcf098815f7ab
)

// person is one simulated life with the numbers that insurance gave it.
type person struct {
	d           life.Stream
	index       int
	id          string
	female      bool
	birth       galien.Date
	entry, exit galien.Date // of what insurance can see in the years of care
	resident    bool        // lived here before the years of care
	died        bool
	scheme      int
	home        int // the last address
	former      int // the address before moved
	moved       galien.Date
	twin        int  // 1 or 2 of a pair, 0 for others
	oneSex      bool // the twins' sex is the same
	ano         string
	ids         []identity

	chronic  [drugUses]bool
	pharmacy int // numbers of professionals
	doctor   int
	drugs    []dispensed
	once     []dispensed                      // devices and units of hospital pharmacies
	bought   [(MaxYears*366 + 63) / 64]uint64 // the days with a bill of the pharmacy, real or corrected
	doses    []galien.Date
	exposed  bool // to cyproterone, net
	since    galien.Date
	hormones []firstBox
	stays    []stay
	deathBen bool
	deathPM  bool // the death is the way out of a stay
}

// The kinds of identity.
const (
	ownRights = iota
	childRights
	otherParent
	spouse
	schemeChange
	provisional
)

var identityKinds = []string{"own", "child", "other_parent", "spouse", "scheme_change", "provisional"}

// identity is one number of a person: the rights it was insured under.
type identity struct {
	kind   int
	psa    string
	rank   int
	ano    string // empty for a provisional number that was never linked
	ass    string // BEN_NIR_ANO of the holder of rights
	cdi    string // BEN_CDI_NIR of the claim lines
	scheme int
	from   galien.Date
	nobody bool // a fictitious number
}

// idt is BEN_IDT_ANO: the person's own number, or the rights' when it is
// unknown.
func (id *identity) idt() string {
	if id.ano != "" {
		return id.ano
	}
	return id.psa + strconv.Itoa(id.rank)
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// number makes 17 characters from a keyed hash of invented counters.
func (g *generator) number(kind byte, holder uint64, detail uint64) string {
	var b [33]byte
	copy(b[:], "galien/")
	binary.BigEndian.PutUint64(b[8:], g.seed)
	b[16] = kind
	binary.BigEndian.PutUint64(b[17:], holder)
	binary.BigEndian.PutUint64(b[25:], detail)
	sum := sha256.Sum256(b[:])
	var s [17]byte
	for i := range s {
		s[i] = base62[sum[i]%62]
	}
	return string(s[:])
}

// psa is BEN_NIR_PSA: it depends on the holder of rights, the day of birth and
// the sex, so that twins of one sex share it under a parent's rights.
func (g *generator) psa(holder uint64, birth galien.Date, female bool) string {
	detail := uint64(birth-galien.MustDate("1850-01-01")) << 1
	if female {
		detail |= 1
	}
	return g.number('P', holder, detail)
}

func anniversary(d galien.Date, years int) galien.Date {
	y, m, day := d.Civil()
	then, _ := galien.NewDate(y+years, m, min(day, 28))
	return then
}

// years is an age in whole years.
func (p *person) years(d galien.Date) int {
	by, bm, bd := p.birth.Civil()
	y, m, day := d.Civil()
	n := y - by
	if m < bm || m == bm && day < bd {
		n--
	}
	return n
}

func (p *person) sexCode() int {
	if p.female {
		return 2
	}
	return 1
}

func (p *person) chance(permille int) bool { return p.d.Below(1000) < permille }

// born draws who the person is, and until when. A person depends on the seed
// and the index alone; twins are drawn with their pair.
func (g *generator) born(p *person) {
	d := &p.d
	d.Seed(g.seed, pairStream, uint64(p.index/2))
	twins := p.index^1 < g.persons && p.chance(pairsOfTwins)
	if twins {
		p.birth = g.end.AddDays(-90 - d.Below(16*365))
		p.female = d.Percent(49)
		p.oneSex = p.chance(twinsOfOneSex)
		p.scheme = d.Pick(g.schemeWeights)
		p.home = d.Pick(g.placeWeights)
		p.former = p.home
		p.twin = 1 + p.index%2
		if p.twin == 2 && !p.oneSex {
			p.female = !p.female
		}
		d.Seed(g.seed, personStream, uint64(p.index))
		p.entry, p.exit = max(g.start, p.birth), g.end
		p.resident = p.birth < g.start
		return
	}
	d.Seed(g.seed, personStream, uint64(p.index))
	switch d.Pick(g.kinds) {
	case 1: // born here in the years of care
		p.female = d.Below(1000) >= life.BirthsMale
		p.birth = g.start.AddDays(d.Below(g.end.DaysSince(g.start) + 1))
		p.entry = p.birth
	case 2: // arrived in them, aged 18 to 45
		p.female = d.Percent(52)
		p.entry = g.start.AddDays(1 + d.Below(g.end.DaysSince(g.start)-1))
		p.birth = p.entry.AddDays(-18*365 - d.Below(27*365))
	default:
		band := d.Pick(life.Pyramid)
		p.female = d.Below(1000) >= life.Men[band]
		p.birth = g.start.AddDays(-(band*1826 + d.Below(1826)) - 1)
		p.entry, p.resident = g.start, true
	}
	p.scheme = d.Pick(g.schemeWeights)
	p.home = d.Pick(g.placeWeights)
	p.former = p.home
	if p.chance(movedHouse) {
		p.former = d.Pick(g.placeWeights)
		p.moved = g.start.AddDays(d.Below(g.end.DaysSince(g.start)))
	}
	sex := p.sexCode() - 1
	day, dies := g.waitDeath.Next(d, p.entry.DaysSince(p.birth)+1, g.end.DaysSince(p.birth), func(day int) life.Hazard {
		return g.mortality[sex][min(day/365, life.Oldest)]
	})
	p.exit = g.end
	if dies {
		p.died, p.exit = true, p.birth.AddDays(day)
	}
}

// homeAt is the address on a day.
func (p *person) homeAt(d galien.Date) int {
	if d < p.moved {
		return p.former
	}
	return p.home
}

// puma is the day from which adults have rights of their own.
var puma = galien.MustDate("2016-01-01")

// rights gives the person its numbers, the oldest first; the rights under a
// second parent come last.
func (g *generator) rights(p *person) {
	d := &p.d
	own := uint64(p.index) << 2
	p.ano = g.number('A', own, 0)
	add := func(kind int, holder uint64, scheme int, from galien.Date) *identity {
		rank, ass := 1, p.ano
		switch {
		case kind == schemeChange, kind == spouse && (scheme == farmers || scheme == selfEmployed):
			rank = 2
		case kind == childRights || kind == otherParent:
			if scheme == farmers || scheme == selfEmployed {
				rank = 3
			}
			if p.twin == 2 && p.oneSex {
				rank++
			}
		}
		if holder != own {
			ass = g.number('A', holder, 0)
		}
		p.ids = append(p.ids, identity{kind: kind, psa: g.psa(holder, p.birth, p.female), rank: rank, ano: p.ano, ass: ass, cdi: "00", scheme: scheme, from: from})
		return &p.ids[len(p.ids)-1]
	}
	grown := anniversary(p.birth, 16).AddDays(d.Below(730))
	switch {
	case grown >= galien.MustDate("2010-01-01") && p.entry-p.birth < 16*365:
		holder := own | 1
		if p.twin > 0 {
			holder = uint64(p.index&^1)<<2 | 1
		}
		add(childRights, holder, p.scheme, p.birth)
		if grown < p.exit {
			add(ownRights, own, p.scheme, grown)
		}
		if p.twin == 0 && p.chance(twoParents) {
			add(otherParent, own|2, d.Pick(g.schemeWeights), p.birth)
		}
	case !p.resident && p.entry != p.birth && p.chance(provisionalComing), p.resident && p.chance(provisionalNIR):
		first := add(provisional, own|3, p.scheme, p.birth)
		first.cdi = "03"
		if d.Percent(60) {
			first.cdi = "04"
		}
		linked := p.chance(provisionalLinked)
		if !linked {
			first.ano = ""
		}
		if !linked && p.chance(provisionalOnly) {
			p.ano = ""
			return
		}
		if length := p.exit.DaysSince(p.entry); length > 40 {
			add(ownRights, own, p.scheme, p.entry.AddDays(20+d.Below(length-30)))
		} else if !linked {
			p.ano = ""
		}
	case p.birth < galien.MustDate("1990-01-01") && p.resident && (p.female && p.chance(spouseRights) || !p.female && p.chance(husbandRights)):
		add(spouse, own|2, p.scheme, p.birth)
		if p.exit > puma.AddDays(250) {
			add(ownRights, own, p.scheme, puma.AddDays(d.Below(240)))
		}
	default:
		if p.scheme == general && p.exit.DaysSince(p.entry) > 60 && p.chance(changeOfScheme) {
			add(ownRights, own, general, p.birth)
			p.scheme = farmers
			add(schemeChange, own, farmers, p.entry.AddDays(20+d.Below(p.exit.DaysSince(p.entry)-40)))
			return
		}
		add(ownRights, own, p.scheme, p.birth)
	}
}

// lastIdentity is the index of the identity that a person ended with.
func (p *person) lastIdentity() int {
	last := len(p.ids) - 1
	if p.ids[last].kind == otherParent {
		last--
	}
	return last
}

// identityAt is the index of the number that care on a day is written under.
// Children of two insured parents go with either.
func (p *person) identityAt(d galien.Date) int {
	last := p.lastIdentity()
	best := 0
	for i := range p.ids[:last+1] {
		if p.ids[i].from <= d {
			best = i
		}
	}
	if last < len(p.ids)-1 && p.ids[best].kind == childRights && p.d.Percent(30) {
		return last + 1
	}
	return best
}

// following is the identity after i, if both are known to be one person.
func (p *person) following(i int) (int, bool) {
	next := i + 1
	if p.ids[i].kind == otherParent || next > p.lastIdentity() || p.ids[i].ano == "" || p.ids[next].ano == "" {
		return 0, false
	}
	return next, true
}

// mistakable reports that the number cannot tell the person from its twin.
func (p *person) mistakable(id int) bool { return p.oneSex && p.ids[id].kind == childRights }
