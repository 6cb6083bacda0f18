// Package link says which records of two sources are of one person.
//
// It owns the reading of French identities (NIR and its key, names, partial
// dates), the deterministic rules on shared numbers, the Fellegi-Sunter model
// whose weights are estimated from the two sources, the decision (link, review
// or nothing), and the ledger in which every link can be undone. It refuses to
// print an identity, to guess between twins, and to link persons with a TEST or
// DEMO number. It reads and writes no file, and knows no health data: of a stay
// it sees the establishment and the days.
//
//	l := link.New("hospital", "claims", link.Options{Precision: 0.999})
//	err := l.A.Add(vault.Seal("IPP42"), link.Traits{Sex: link.Male, Births: ...})
//	err = l.B.Add(vault.Seal("8djfGB..."), link.Traits{...})
//	result, err := l.Run(ctx)
//	for _, x := range result.Links { x.Decision; x.Reasons; x.Weight }
//	result.Report // rate, estimated precision and recall, the model
//
// docs/linkage.md explains it in plain words, with figures.
package link

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"galien"
	"galien/vault"
)

// Options say how to link. The zero value of each field stands for its
// default.
type Options struct {
	// Precision is the share of right links that is asked of those accepted
	// without a human, as the model estimates it; 0.999.
	Precision float64
	// Band is the least probability of a pair that a human is asked about;
	// 0.1.
	Band float64
	// WithoutNumbers leaves every number aside, as if none were shared.
	WithoutNumbers bool
	// NumbersOnly links by the deterministic rules alone.
	NumbersOnly bool
	// ThirdParty makes chaining numbers from the numbers of a source; nil when
	// there is none.
	ThirdParty ThirdParty
	// MaxBlock is the greatest number of pairs of one block that are looked at;
	// larger blocks are skipped under that key and counted; 4 million.
	MaxBlock int
	// Sample is the number of pairs from which chance agreement is estimated; 1
	// million.
	Sample int
	// Workers is how many goroutines compare; as many as there are processors.
	Workers int
}

func (o Options) withDefaults() (Options, error) {
	if o.Precision == 0 {
		o.Precision = 0.999
	}
	if o.Band == 0 {
		o.Band = 0.1
	}
	if o.MaxBlock == 0 {
		o.MaxBlock = 4_000_000
	}
	if o.Sample == 0 {
		o.Sample = 1_000_000
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	switch {
	case !(o.Precision >= 0.5 && o.Precision < 1):
		return o, galien.Errorf(galien.Invalid, "link: a precision of %v cannot be asked for; give one from 0.5 to below 1", o.Precision)
	case !(o.Band > 0 && o.Band <= floor):
		return o, galien.Errorf(galien.Invalid, "link: a review band from %v is not possible; give a probability up to %v", o.Band, floor)
	case o.MaxBlock < 1 || o.Sample < 1 || o.Workers < 1:
		return o, galien.Errorf(galien.Invalid, "link: block, sample and workers must be positive")
	case o.WithoutNumbers && o.NumbersOnly:
		return o, galien.Errorf(galien.Invalid, "link: without numbers and by numbers alone at once; choose one")
	}
	return o, nil
}

// Linker holds two sources. It prints as "[identity]".
type Linker struct {
	A, B    *Side
	options Options
	words   dictionary
	apart   map[[2]string]bool
}

// Side is one source of a Linker, to which records are added.
type Side struct {
	l *Linker
	side
}

// New returns a linker of two sources by their names.
func New(a, b string, o Options) *Linker {
	l := &Linker{options: o, words: dictionary{tokens: map[string]token{}}}
	l.A = &Side{l, side{name: a, known: map[string]bool{}}}
	l.B = &Side{l, side{name: b, known: map[string]bool{}}}
	return l
}

// Apart says that two records, by their ids, are not of one person, because a
// human decided so: they are neither linked nor asked about.
func (l *Linker) Apart(a, b vault.Identity) {
	if l.apart == nil {
		l.apart = map[[2]string]bool{}
	}
	l.apart[[2]string{a.Reveal(), b.Reveal()}] = true
}

// String returns "[identity]".
func (*Linker) String() string { return hidden }

// Format writes "[identity]" whatever the verb.
func (*Linker) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// Format writes "[identity]" whatever the verb.
func (*Side) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// Len returns how many records take part.
func (s *Side) Len() int { return len(s.ids) }

// Warnings returns what was odd in the records added so far.
func (s *Side) Warnings() Warnings { return s.warnings }

// Add adds a record. An id that is empty or was added before is Invalid.
// A record with a TEST or DEMO number is counted and takes no part.
func (s *Side) Add(id vault.Identity, t Traits) error {
	key := id.Reveal()
	if key == "" {
		return galien.Errorf(galien.Invalid, "link: a record of %s has no id", s.name)
	}
	if s.known[key] {
		return galien.Errorf(galien.Invalid, "link: two records of %s have the same id; gather what is known of a person first", s.name)
	}
	for _, n := range t.Numbers {
		if n.Issuer == oidTest || n.Issuer == oidDemo {
			s.warnings.Quarantined++
			s.known[key] = true
			return nil
		}
	}
	s.known[key] = true
	s.ids = append(s.ids, id)
	s.addNames(t)
	sex := t.Sex
	births := slices.DeleteFunc(slices.Clone(t.Births), func(b Birth) bool { return b == Birth{} })
	slices.SortFunc(births, compareBirths)
	births = slices.Compact(births)
	s.births.add(births...)
	s.addPlaces(t)
	s.addNumbers(t, births)
	s.sexes = append(s.sexes, sex)
	stays := slices.Clone(t.Stays)
	slices.SortFunc(stays, func(a, b Stay) int {
		return cmp.Or(strings.Compare(a.Establishment, b.Establishment), int(a.Entry-b.Entry), int(a.Exit-b.Exit), strings.Compare(a.ID, b.ID))
	})
	var kept []stay
	var ids []string
	for _, x := range stays {
		kept = append(kept, stay{s.l.words.token("e " + x.Establishment), x.Entry, x.Exit})
		ids = append(ids, x.ID)
	}
	s.stays.add(kept...)
	s.stayIDs.add(ids...)
	return nil
}

func compareBirths(a, b Birth) int {
	return (int(a.Year)-int(b.Year))*10000 + (int(a.Month)-int(b.Month))*100 + int(a.Day) - int(b.Day)
}

func (s *Side) addNames(t Traits) {
	var names []name
	var parts []token
	add := func(text string, used bool) {
		f, ok := familyName(text)
		if !ok {
			return
		}
		n := name{s.l.words.token(f.whole), s.l.words.token(f.core), used}
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
		for _, p := range f.parts {
			if x := s.l.words.token(p); !slices.Contains(parts, x) {
				parts = append(parts, x)
			}
		}
	}
	for _, text := range t.BirthNames {
		birth, married := splitMarried(text)
		add(birth, false)
		add(married, true)
	}
	for _, text := range t.UsedNames {
		add(text, true)
	}
	var firsts []token
	for _, text := range t.FirstNames {
		for _, w := range firstNames(text) {
			if x := s.l.words.token(w); !slices.Contains(firsts, x) {
				firsts = append(firsts, x)
			}
		}
	}
	if len(firsts) == 0 {
		s.warnings.Unnamed++
	}
	s.names.add(names...)
	s.parts.add(parts...)
	s.firsts.add(firsts...)
}

func (s *Side) addPlaces(t Traits) {
	var origins []token
	for _, code := range t.BirthPlaces {
		code = strings.ToUpper(strings.TrimSpace(code))
		if _, unknown := foreign(code); !unknown {
			origins = append(origins, s.l.words.token("b "+code))
		}
	}
	slices.Sort(origins)
	s.origins.add(slices.Compact(origins)...)
	var homes []home
	for _, p := range t.Places {
		code := strings.ToUpper(strings.TrimSpace(p.Code))
		if d := departmentOf(code); d != "" && strings.Trim(code, "0") != "" {
			kind := "c "
			if p.Postcode {
				kind = "p "
			}
			h := home{s.l.words.token(kind + code), s.l.words.token("d " + d), p.Postcode}
			if !slices.Contains(homes, h) {
				homes = append(homes, h)
			}
		}
	}
	s.homes.add(homes...)
}

// addNumbers keeps the numbers that have the form of one, and what the third
// party makes of them.
func (s *Side) addNumbers(t Traits, births []Birth) {
	var numbers []number
	keep := func(n number) {
		i := slices.IndexFunc(numbers, func(x number) bool { return x.system == n.system && x.value == n.value })
		if i < 0 {
			numbers = append(numbers, n)
			return
		}
		numbers[i].wrongKey = numbers[i].wrongKey || n.wrongKey
		numbers[i].swapped = numbers[i].swapped && n.swapped
	}
	words, third := &s.l.words, s.l.options.ThirdParty
	wrong, unreadable, contradicted := false, false, false
	for _, n := range t.Numbers {
		switch n.System {
		case Own, HolderOf:
			nir, ok := ParseNIR(n.Value)
			if !ok {
				unreadable = unreadable || strings.Trim(n.Value, " 0") != ""
				continue
			}
			bad := nir.Key == WrongKey
			wrong = wrong || bad
			if n.System == Own {
				contradicted = contradicted || contradicts(nir, t.Sex, births)
				keep(number{value: words.token("n " + nir.number), system: Own, wrongKey: bad})
				if third != nil {
					keep(number{value: words.token("a " + third.Person(nir)), system: OwnChain, wrongKey: bad})
				}
			}
			if third != nil {
				s.chainOf(keep, nir, bad, n.Birth, births, t.Sex)
			}
		case OwnChain, HolderChain:
			if dummyChain(n.Value) {
				unreadable = unreadable || n.Value != ""
				continue
			}
			kind := "h "
			if n.System == OwnChain {
				kind = "a "
			}
			keep(number{value: words.token(kind + n.Value), system: n.System})
		case Local:
			if n.Value != "" {
				keep(number{value: words.token("l " + n.Issuer + " " + n.Value), system: Local, issuer: words.token("i " + n.Issuer)})
			}
		}
	}
	for counter, is := range map[*int]bool{&s.warnings.WrongKeys: wrong, &s.warnings.Unreadable: unreadable, &s.warnings.Contradicted: contradicted} {
		if is {
			*counter++
		}
	}
	s.numbers.add(numbers...)
}

// chainOf keeps the chaining numbers of a person under a holder's number: with
// the birth that stands beside it, with the others that are known, and with day
// and month exchanged.
func (s *Side) chainOf(keep func(number), holder NIR, wrongKey bool, beside Birth, births []Birth, sex Sex) {
	all := births
	if beside != (Birth{}) {
		all = append([]Birth{beside}, births...)
	}
	for _, b := range all {
		if b.Day != 0 {
			value := s.l.words.token("h " + s.l.options.ThirdParty.Holder(holder, b, sex))
			keep(number{value: value, system: HolderChain, wrongKey: wrongKey})
		}
	}
	for _, b := range all {
		if other, ok := b.swapped(); ok {
			value := s.l.words.token("h " + s.l.options.ThirdParty.Holder(holder, other, sex))
			keep(number{value: value, system: HolderChain, wrongKey: wrongKey, swapped: true})
		}
	}
}

// contradicts reports whether a person's own number says another sex, year or
// month of birth than all that is known.
func contradicts(n NIR, sex Sex, births []Birth) bool {
	if said := n.sex(); said != UnknownSex && sex != UnknownSex && said != sex {
		return true
	}
	year, month := n.birth()
	return len(births) > 0 && !slices.ContainsFunc(births, func(b Birth) bool {
		return (b.Year == 0 || int(b.Year)%100 == year) && (b.Month == 0 || month == 0 || int(b.Month) == month || int(b.Day) == month)
	})
}

// sorted puts the records of a side in the order of their ids, so that nothing
// depends on the order in which they came.
func (s *side) sorted() {
	s.order = make([]int32, len(s.ids))
	for i := range s.order {
		s.order[i] = int32(i)
	}
	slices.SortFunc(s.order, func(a, b int32) int { return strings.Compare(s.ids[a].Reveal(), s.ids[b].Reveal()) })
}

// Run links the two sources. The same records give the same result in
// whatever order they were added, and on any number of workers.
func (l *Linker) Run(ctx context.Context) (*Result, error) {
	o, err := l.options.withDefaults()
	if err != nil {
		return nil, err
	}
	l.A.sorted()
	l.B.sorted()
	c := newComparer(l, o)
	if l.A.Len() == 0 || l.B.Len() == 0 {
		return l.decide(o, c, &blocks{}, &Model{}, nil), nil
	}
	chance, err := c.sample(ctx)
	if err != nil {
		return nil, err
	}
	blocks, err := c.block(ctx, newModel(chance, c.most()))
	if err != nil {
		return nil, err
	}
	m := estimate(blocks.patterns, chance, c.most())
	return l.decide(o, c, blocks, m, c.weigh(blocks, m)), nil
}
