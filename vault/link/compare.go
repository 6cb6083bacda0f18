package link

import (
	"slices"

	"galien"
)

// field is one comparison of two records.
type field uint8

const (
	familyField field = iota
	firstField
	sexField
	birthField
	originField
	homeField
	stayField
	numberField
	fields
)

var fieldNames = [fields]string{"family name", "first name", "sex", "birth date", "commune of birth", "residence", "stays", "number"}

// Levels of agreement, by field, from the least to the best. Level 0 is that
// one side says nothing: it has no weight.
const (
	missing = 0

	familyDiffers, familyNear, familyTypo, familyPart, familySame = 1, 2, 3, 4, 5

	firstDiffers, firstInitial, firstOneWay, firstTypo, firstOther, firstSame = 1, 2, 3, 4, 5, 6

	sexDiffers, sexSame = 1, 2

	birthDiffers, birthYear, birthTwoParts, birthSwapped, birthKnown, birthSame = 1, 2, 3, 4, 5, 6

	originDiffers, originDepartment, originSame = 1, 2, 3

	homeDiffers, homeDepartment, homeSame = 1, 2, 3

	stayNone, stayEnd, stayOne, staySeveral = 1, 2, 3, 4

	numberDiffers, numberHolder, numberOwn = 1, 2, 3
)

const maxLevels = 7

// levelNames say each level in words that hold no value.
var levelNames = [fields][]string{
	{"not known", "differs", "written or said alike", "one or two letters differ", "a part, or birth and used name", "same"},
	{"not known", "differs", "same initial", "among the others of one side", "one or two letters differ", "in another order, or exchanged with the name", "same"},
	{"not known", "differs", "same"},
	{"not known", "differs", "year alone", "one part differs", "day and month exchanged", "as far as known", "same"},
	{"not known", "differs", "same department", "same"},
	{"not known", "differs", "same department", "same"},
	{"not known", "none shared", "one day of a stay shared", "one shared", "several shared"},
	{"not known", "differs", "holder's chaining number", "own number"},
}

// start are the shares of each level among pairs of one person from which the
// estimation starts, and to which few data leave it: everyday experience of
// hospital files, nothing that was tuned.
var start = [fields][]float64{
	{0, 0.02, 0.02, 0.05, 0.05, 0.86},
	{0, 0.02, 0.01, 0.02, 0.05, 0.04, 0.86},
	{0, 0.01, 0.99},
	{0, 0.01, 0.01, 0.02, 0.01, 0.05, 0.90},
	{0, 0.04, 0.04, 0.92},
	{0, 0.10, 0.15, 0.75},
	{0, 0.10, 0.05, 0.60, 0.25},
	{0, 0.02, 0.08, 0.90},
}

// radix is the place of each field in a pattern, which is a whole number.
var radix = func() (r [fields + 1]uint32) {
	r[0] = 1
	for f := range fields {
		r[f+1] = r[f] * uint32(len(levelNames[f]))
	}
	return r
}()

// pattern is the levels of all fields in one number.
type pattern uint32

func (p pattern) level(f field) int { return int(uint32(p) / radix[f] % uint32(len(levelNames[f]))) }

func patternOf(levels [fields]uint8) pattern {
	var p uint32
	for f, l := range levels {
		p += uint32(l) * radix[f]
	}
	return pattern(p)
}

// comparer compares records of the two sides.
type comparer struct {
	l       *Linker
	a, b    *side
	o       Options
	visited map[token]bool // establishments with stays on both sides
	letters []uint32       // of each text, one bit a letter
	// counts of records of B by what they share, for the weight of a value.
	familyCount, firstCount, originCount, homeCount map[token]int32
	stayCount                                       map[stay]int32
}

func newComparer(l *Linker, o Options) *comparer {
	c := &comparer{
		l: l, a: &l.A.side, b: &l.B.side, o: o, visited: map[token]bool{},
		familyCount: map[token]int32{}, firstCount: map[token]int32{}, originCount: map[token]int32{}, homeCount: map[token]int32{},
		stayCount: map[stay]int32{},
	}
	c.letters = make([]uint32, len(l.words.texts)+1)
	for i, text := range l.words.texts {
		c.letters[i+1] = lettersOf(text)
	}
	there := map[token]bool{}
	for _, s := range c.a.stays.values {
		there[s.establishment] = true
	}
	for _, s := range c.b.stays.values {
		if there[s.establishment] {
			c.visited[s.establishment] = true
		}
	}
	for _, s := range []*side{c.a, c.b} {
		for i := range int32(len(s.ids)) {
			if n := s.names.of(i); len(n) > 0 {
				c.familyCount[n[0].whole]++
			}
			if f := s.firsts.of(i); len(f) > 0 {
				c.firstCount[f[0]]++
			}
			for _, t := range s.origins.of(i) {
				c.originCount[t]++
			}
			for _, h := range s.homes.of(i) {
				c.homeCount[h.code]++
			}
		}
	}
	for i := range int32(len(c.b.ids)) {
		stays := slices.Clone(c.b.stays.of(i))
		slices.SortFunc(stays, compareStays)
		for _, s := range slices.Compact(stays) {
			c.stayCount[s]++
		}
	}
	return c
}

func compareStays(a, b stay) int {
	if a.establishment != b.establishment {
		return int(a.establishment) - int(b.establishment)
	}
	if a.entry != b.entry {
		return int(a.entry) - int(b.entry)
	}
	return int(a.exit) - int(b.exit)
}

// pattern compares two records.
func (c *comparer) pattern(a, b int32) pattern {
	var l [fields]uint8
	l[familyField] = c.families(a, b)
	l[firstField] = c.firsts(a, b)
	l[sexField] = sexes(c.a.sexes[a], c.b.sexes[b])
	l[birthField] = births(c.a.births.of(a), c.b.births.of(b))
	l[originField] = c.origins(a, b)
	l[homeField] = homes(c.a.homes.of(a), c.b.homes.of(b))
	l[stayField] = c.stays(a, b)
	if !c.o.WithoutNumbers {
		l[numberField] = numbers(c.a.numbers.of(a), c.b.numbers.of(b))
	}
	return patternOf(l)
}

func sexes(a, b Sex) uint8 {
	switch {
	case a == UnknownSex || b == UnknownSex:
		return missing
	case a == b:
		return sexSame
	}
	return sexDiffers
}

// families compares family names. A birth name on one side may be the used
// name on the other.
func (c *comparer) families(a, b int32) uint8 {
	as, bs := c.a.names.of(a), c.b.names.of(b)
	if len(as) == 0 || len(bs) == 0 {
		return missing
	}
	best := uint8(familyDiffers)
	for _, x := range as {
		for _, y := range bs {
			switch {
			case (x.whole == y.whole || x.core == y.core) && x.used == y.used:
				return familySame
			case x.whole == y.whole || x.core == y.core:
				best = familyPart
			}
		}
	}
	if best == familyPart {
		return best
	}
	for _, x := range c.a.parts.of(a) {
		if slices.Contains(c.b.parts.of(b), x) || slices.ContainsFunc(bs, func(n name) bool { return n.core == x }) {
			return familyPart
		}
	}
	for _, x := range c.b.parts.of(b) {
		if slices.ContainsFunc(as, func(n name) bool { return n.core == x }) {
			return familyPart
		}
	}
	// Names exchanged with first names.
	for _, x := range c.a.firsts.of(a) {
		if x == bs[0].whole && slices.Contains(c.b.firsts.of(b), as[0].whole) {
			return familyPart
		}
	}
	for _, x := range as {
		for _, y := range bs {
			best = max(best, c.alike(x.core, y.core, familyNear, familyTypo))
		}
	}
	return best
}

// alike is the level of two texts that are not the same: typo when they are a
// single slip of the keyboard apart, or nearly the same by Jaro and Winkler.
func (c *comparer) alike(x, y token, near, typo uint8) uint8 {
	s, t := c.l.words.text(x), c.l.words.text(y)
	if !mayBeAlike(len(s), len(t), c.letters[x], c.letters[y]) {
		return 1
	}
	w := jaroWinkler(s, t)
	switch {
	case w >= 0.92, len(s) > 3 && len(t) > 3 && oneSlip(s, t):
		return typo
	case w >= 0.85:
		return near
	}
	return 1
}

func (c *comparer) firsts(a, b int32) uint8 {
	as, bs := c.a.firsts.of(a), c.b.firsts.of(b)
	if len(as) == 0 || len(bs) == 0 {
		return missing
	}
	if as[0] == bs[0] {
		return firstSame
	}
	inB, inA := slices.Contains(bs, as[0]), slices.Contains(as, bs[0])
	if inA && inB {
		return firstOther
	}
	an, bn := c.a.names.of(a), c.b.names.of(b)
	if len(an) > 0 && len(bn) > 0 && an[0].whole == bs[0] && bn[0].whole == as[0] {
		return firstOther
	}
	best := c.alike(as[0], bs[0], firstDiffers, firstTypo)
	if best == firstDiffers && (inA || inB) {
		return firstOneWay
	}
	if best == firstDiffers && c.l.words.text(as[0])[0] == c.l.words.text(bs[0])[0] {
		best = firstInitial
	}
	return best
}

// births returns the best level of any two dates of birth.
func births(as, bs []Birth) uint8 {
	best := uint8(missing)
	for _, a := range as {
		for _, b := range bs {
			best = max(best, birthLevel(a, b))
		}
	}
	return best
}

// birthLevel compares two dates. Parts that one side does not know agree with
// all.
func birthLevel(a, b Birth) uint8 {
	if a.Year == 0 || b.Year == 0 {
		return missing
	}
	year, month, day := a.Year == b.Year, a.Month == b.Month, a.Day == b.Day
	noMonth, noDay := a.Month == 0 || b.Month == 0, a.Day == 0 || b.Day == 0
	switch {
	case noMonth && year:
		return birthYear
	case noMonth:
		return birthDiffers
	case noDay && year && month:
		return birthKnown
	case noDay && year && (a.Day == b.Month && a.Day != 0 || b.Day == a.Month && b.Day != 0):
		return birthSwapped
	case noDay && year:
		return birthYear
	case noDay:
		return birthDiffers
	case year && month && day:
		return birthSame
	case year && a.Day == b.Month && a.Month == b.Day:
		return birthSwapped
	case year && month, year && day, month && day && near(a.Year, b.Year):
		return birthTwoParts
	case year:
		return birthYear
	}
	return birthDiffers
}

// near reports whether two years differ by one, by ten, or by a transposition
// of the last digits.
func near(a, b uint16) bool {
	d := max(a, b) - min(a, b)
	return d == 1 || d == 10 || a/100 == b/100 && a%10 == b/10%10 && b%10 == a/10%10
}

func (c *comparer) origins(a, b int32) uint8 {
	as, bs := c.a.origins.of(a), c.b.origins.of(b)
	if len(as) == 0 || len(bs) == 0 {
		return missing
	}
	best := uint8(originDiffers)
	for _, x := range as {
		for _, y := range bs {
			if x == y {
				return originSame
			}
			// The tokens of places of birth begin with "b ".
			cx, cy := c.l.words.text(x)[2:], c.l.words.text(y)[2:]
			if abroad, _ := foreign(cx); !abroad && departmentOf(cx) == departmentOf(cy) {
				best = originDepartment
			}
		}
	}
	return best
}

func homes(as, bs []home) uint8 {
	best := uint8(missing)
	for _, x := range as {
		for _, y := range bs {
			switch {
			case x.code == y.code:
				return homeSame
			case x.department == y.department:
				best = max(best, homeDepartment)
			default:
				best = max(best, homeDiffers)
			}
		}
	}
	return best
}

// stays compares the stays in establishments of which both sides have stays.
// A record of A without any says nothing; one with stays there, none of which
// the record of B has, says that they differ.
func (c *comparer) stays(a, b int32) uint8 {
	level, shared, last := uint8(missing), 0, stay{}
	for _, x := range c.a.stays.of(a) {
		if !c.visited[x.establishment] {
			continue
		}
		level = max(level, stayNone)
		for _, y := range c.b.stays.of(b) {
			switch {
			case x == y:
				if x != last {
					shared, last = shared+1, x
				}
			case sameDay(x, y):
				level = stayEnd
			}
		}
	}
	switch {
	case shared > 1:
		return staySeveral
	case shared == 1:
		return stayOne
	}
	return level
}

// sameDay reports whether two stays share one of their two days, or have both a
// day off.
func sameDay(x, y stay) bool {
	off := func(a, b galien.Date) bool { return a-b <= 1 && b-a <= 1 }
	return x.establishment == y.establishment && (x.entry == y.entry || x.exit == y.exit || off(x.entry, y.entry) && off(x.exit, y.exit))
}

// numbers compares the numbers of two records. They differ when both have one
// of a kind of which each person has one, and none is shared.
func numbers(as, bs []number) uint8 {
	level := uint8(missing)
	for _, x := range as {
		for _, y := range bs {
			switch {
			case x.system != y.system:
			case x.value == y.value && x.system == HolderChain:
				level = max(level, numberHolder)
			case x.value == y.value:
				level = numberOwn
			case x.system == Own || x.system == OwnChain:
				level = max(level, numberDiffers)
			}
		}
	}
	return level
}
