package link

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"galien/vault"
)

// floor is the least probability of a link that no human looks at, whatever
// precision is asked for.
const floor = 0.9

// Decision is what becomes of a pair.
type Decision string

const (
	// Accepted is a link.
	Accepted Decision = "accepted"
	// Review is a pair for a human to decide.
	Review Decision = "review"
)

// Path is how a pair was found to be of one person.
type Path string

const (
	// ByNumber is a deterministic rule: a shared number, that nobody else has,
	// and nothing that speaks against it.
	ByNumber Path = "number"
	// ByLikeness is the model's weight, no number being shared.
	ByLikeness Path = "likeness"
)

// Reason is what one field says about a pair. It holds no value.
type Reason struct {
	Field string `json:"field"`
	Level string `json:"level"`
	// Weight is in bits: 10 means 1,024 times more often seen among pairs of
	// one person than among pairs of two. Notes have none.
	Weight float64 `json:"weight"`
}

// Link is a pair that is linked or to be reviewed.
type Link struct {
	A, B     vault.Identity
	Path     Path
	Decision Decision
	Reasons  []Reason
	// Weight is the sum of the reasons' weights, in bits.
	Weight float64
	// Probability is that of the pair being one person, when every record has
	// at most one on the other side.
	Probability float64
	// Stays are A's stays, by their ids, each with the stay of B that it is. An
	// id of B is empty where there is none, or where it could be several.
	Stays []StayPair
}

// StayPair is a stay as both sides number it.
type StayPair struct{ A, B vault.Identity }

// Result is what a run found.
type Result struct {
	// Links are in the order of the ids of A, then of B.
	Links  []Link
	Report Report
}

// Report counts a run. It holds no identity.
type Report struct {
	SourceA string `json:"source_a"`
	SourceB string `json:"source_b"`
	// RecordsA and RecordsB took part.
	RecordsA  int      `json:"records_a"`
	RecordsB  int      `json:"records_b"`
	WarningsA Warnings `json:"warnings_a"`
	WarningsB Warnings `json:"warnings_b"`
	// Compared are pairs that shared a key; Skipped those in blocks that were
	// too large.
	Compared int64 `json:"pairs_compared"`
	Skipped  int64 `json:"pairs_skipped"`
	// ByNumber and ByLikeness are links, Review pairs that wait for a human.
	ByNumber   int `json:"links_by_number"`
	ByLikeness int `json:"links_by_likeness"`
	Review     int `json:"pairs_to_review"`
	// Rate is the share of A's records that are linked.
	Rate float64 `json:"rate"`
	// Matches is how many pairs of one person the model expects.
	Matches float64 `json:"expected_matches"`
	// Threshold is the least probability of a link by likeness.
	Threshold float64 `json:"threshold"`
	// Precision is the expected share of right links among those accepted,
	// Recall that of the expected pairs of one person that were found. Persons
	// whose records share no key at all are not expected, hence not in Recall.
	Precision float64 `json:"estimated_precision"`
	Recall    float64 `json:"estimated_recall"`
	// Levels are the model, of the fields of which both sources say something.
	Levels []LevelReport `json:"model"`
}

// LevelReport is one level of the model.
type LevelReport struct {
	Field  string  `json:"field"`
	Level  string  `json:"level"`
	M      float64 `json:"m"`
	U      float64 `json:"u"`
	Weight float64 `json:"weight"`
}

// decide turns weighed pairs into links.
func (l *Linker) decide(o Options, c *comparer, b *blocks, m *Model, pairs []pair) *Result {
	d := &decision{c: c, m: m, pairs: pairs, verdicts: make([]verdict, len(pairs))}
	d.probabilities()
	d.numbers()
	threshold := 1.0
	if !o.NumbersOnly {
		threshold = d.likeness(o)
	}
	r := &Result{Report: Report{
		SourceA: l.A.name, SourceB: l.B.name, RecordsA: l.A.Len(), RecordsB: l.B.Len(), WarningsA: l.A.warnings, WarningsB: l.B.warnings,
		Compared: b.compared, Skipped: b.skipped, Threshold: threshold,
	}}
	linked := map[int32]bool{}
	right := 0.0
	for i, p := range pairs {
		v := &d.verdicts[i]
		r.Report.Matches += v.probability
		switch v.decision {
		case Accepted:
			linked[p.a] = true
			right += v.probability
			if v.path == ByNumber {
				r.Report.ByNumber++
			} else {
				r.Report.ByLikeness++
			}
		case Review:
			r.Report.Review++
		default:
			continue
		}
		x := Link{A: c.a.ids[p.a], B: c.b.ids[p.b], Path: v.path, Decision: v.decision, Weight: p.weight, Probability: v.probability, Reasons: d.reasons(i), Stays: c.sameStays(p.a, p.b)}
		r.Links = append(r.Links, x)
	}
	slices.SortFunc(r.Links, func(x, y Link) int {
		return cmp.Or(strings.Compare(x.A.Reveal(), y.A.Reveal()), strings.Compare(x.B.Reveal(), y.B.Reveal()))
	})
	if n := r.Report.ByNumber + r.Report.ByLikeness; n > 0 {
		r.Report.Precision = right / float64(n)
		r.Report.Recall = min(1, right/r.Report.Matches)
	}
	if l.A.Len() > 0 {
		r.Report.Rate = float64(len(linked)) / float64(l.A.Len())
	}
	for f := range fields {
		for level := 1; level < len(levelNames[f]) && m.Said[f]; level++ {
			r.Report.Levels = append(r.Report.Levels, LevelReport{fieldNames[f], levelNames[f][level], m.M[f][level], m.U[f][level], m.bits(f, level)})
		}
	}
	return r
}

// verdict is what is decided of a pair.
type verdict struct {
	decision    Decision // empty: nothing
	path        Path
	probability float64
	notes       []string
}

// decision is the pairs of a run on their way to links.
type decision struct {
	c        *comparer
	m        *Model
	pairs    []pair
	verdicts []verdict
	// linkedA and linkedB are records with an accepted link by number.
	linkedA, linkedB map[int32]bool
}

// probabilities sets the probability of each pair, given that a record has at
// most one on the other side: its odds beside those of every other pair of
// either record.
func (d *decision) probabilities() { d.compete(func(pair) bool { return true }) }

func (d *decision) compete(takesPart func(pair) bool) {
	odds := d.m.odds()
	sumA, sumB := map[int32]float64{}, map[int32]float64{}
	for _, p := range d.pairs {
		if takesPart(p) {
			r := odds * math.Exp2(p.weight)
			sumA[p.a] += r
			sumB[p.b] += r
		}
	}
	for i, p := range d.pairs {
		if takesPart(p) {
			r := odds * math.Exp2(p.weight)
			d.verdicts[i].probability = r / (1 + max(sumA[p.a], sumB[p.b]))
		}
	}
}

// shared is what the numbers of a pair say.
type shared struct {
	own      bool // an own number, its chaining number or an establishment's
	holder   bool // a holder's chaining number as both sides have it
	swapped  bool // one that is shared once day and month are exchanged
	wrongKey bool
	crowded  bool // somebody else has it too
	differ   bool // own numbers of one kind, that are not the same
}

// numbers links by the deterministic rules.
func (d *decision) numbers() {
	d.linkedA, d.linkedB = map[int32]bool{}, map[int32]bool{}
	if d.c.o.WithoutNumbers {
		return
	}
	inA, inB := holders(d.c.a), holders(d.c.b)
	found := make([]shared, len(d.pairs))
	for i, p := range d.pairs {
		if p.pattern.level(numberField) >= numberHolder {
			found[i] = d.c.shared(p, inA, inB)
		}
	}
	accept := func(i int) {
		p := d.pairs[i]
		v, r := &d.verdicts[i], d.m.odds()*math.Exp2(p.weight)
		// A person may have several records beside one number that is theirs.
		v.decision, v.path, v.probability = Accepted, ByNumber, r/(1+r)
		d.linkedA[p.a], d.linkedB[p.b] = true, true
	}
	against := func(p pair) bool {
		return p.pattern.level(sexField) == sexDiffers || p.pattern.level(birthField) == birthDiffers
	}
	// Own numbers first, then holders', then those with day and month exchanged:
	// a weaker rule says nothing of records that a stronger one linked.
	for step := range 3 {
		a, b := map[int32]bool{}, map[int32]bool{}
		for r := range d.linkedA {
			a[r] = true
		}
		for r := range d.linkedB {
			b[r] = true
		}
		for i, p := range d.pairs {
			s, v := found[i], &d.verdicts[i]
			mine := step == 0 && s.own || step == 1 && s.holder && !s.own || step == 2 && s.swapped && !s.own && !s.holder
			if !mine {
				continue
			}
			v.path = ByNumber
			if s.wrongKey {
				v.notes = append(v.notes, "the key of a shared number is wrong")
			}
			if s.swapped && !s.holder {
				v.notes = append(v.notes, "a holder's number is shared once day and month of birth are exchanged")
			}
			switch {
			case s.differ && (a[p.a] || b[p.b]):
				// A twin of the one that the own number found.
				v.path = ""
			case s.crowded && (a[p.a] || b[p.b]):
				v.path = ""
			case step == 2 && (a[p.a] || b[p.b]):
				v.path = ""
			case s.differ:
				v.decision = Review
				v.notes = append(v.notes, "a holder's number is shared and the own numbers differ")
			case s.crowded:
				v.decision = Review
				v.notes = append(v.notes, "several records share the number, as twins do")
			case against(p):
				v.decision = Review
				v.notes = append(v.notes, "the number is shared and sex or birth contradict it")
			default:
				accept(i)
			}
		}
	}
}

// holders counts the records of a side that have each number.
func holders(s *side) map[token]int32 {
	n := map[token]int32{}
	for i := range int32(len(s.ids)) {
		for _, x := range s.numbers.of(i) {
			if !x.swapped {
				n[x.value]++
			}
		}
	}
	return n
}

// shared says which numbers a pair shares.
func (c *comparer) shared(p pair, inA, inB map[token]int32) (s shared) {
	var ownCrowded, holderCrowded, ownKey, holderKey bool
	for _, x := range c.a.numbers.of(p.a) {
		for _, y := range c.b.numbers.of(p.b) {
			if x.system != y.system {
				continue
			}
			if x.value != y.value {
				s.differ = s.differ || x.system == Own || x.system == OwnChain
				continue
			}
			crowded := inA[x.value] > 1 || inB[x.value] > 1
			wrong := x.wrongKey || y.wrongKey
			switch {
			case x.system != HolderChain:
				// One own number that nobody else has is enough.
				ownCrowded = crowded && (ownCrowded || !s.own)
				s.own = true
				ownKey = ownKey || wrong
			case x.swapped || y.swapped:
				s.swapped = true
				holderCrowded = holderCrowded || crowded
				holderKey = holderKey || wrong
			default:
				s.holder = true
				holderCrowded = holderCrowded || crowded
				holderKey = holderKey || wrong
			}
		}
	}
	if s.own {
		s.crowded, s.wrongKey, s.differ = ownCrowded, ownKey || holderKey, false
		return s
	}
	s.crowded, s.wrongKey = holderCrowded, holderKey
	return s
}

// likeness links what the numbers did not, by probability, and returns the
// least one that is accepted: the least, not under floor, at which the expected
// share of right links among those accepted is what is asked for.
func (d *decision) likeness(o Options) float64 {
	free := func(p pair) bool { return !d.linkedA[p.a] && !d.linkedB[p.b] }
	d.compete(free)
	var sorted []float64
	for i, p := range d.pairs {
		if v := d.verdicts[i]; free(p) && v.path == "" && v.probability >= floor && !d.maybeTwin(p) {
			sorted = append(sorted, v.probability)
		}
	}
	slices.SortFunc(sorted, func(x, y float64) int { return cmp.Compare(y, x) })
	threshold, sum := 1.0, 0.0
	for i, p := range sorted {
		sum += p
		if sum/float64(i+1) >= o.Precision {
			threshold = p
		}
	}
	for i, p := range d.pairs {
		v := &d.verdicts[i]
		switch {
		case !free(p) || v.path != "":
		case v.probability >= threshold && !d.maybeTwin(p):
			v.decision, v.path = Accepted, ByLikeness
		case v.probability >= o.Band:
			v.decision, v.path = Review, ByLikeness
		}
	}
	return threshold
}

// maybeTwin reports whether a pair could be two twins of one sex: they share
// name, birth, places and stays, against what the model takes for granted, and
// differ in their first names alone, of which they may share the second. Where
// both sources give first names, no pair is linked by likeness unless those in
// use are alike.
func (d *decision) maybeTwin(p pair) bool {
	return d.m.Said[firstField] && p.pattern.level(firstField) < firstTypo
}

// reasons says what speaks for and against a pair.
func (d *decision) reasons(i int) []Reason {
	p, v := d.pairs[i], d.verdicts[i]
	var list []Reason
	for f := range fields {
		if level := p.pattern.level(f); level != missing {
			list = append(list, Reason{fieldNames[f], levelNames[f][level], d.m.bits(f, level) + d.c.rarity(d.m, f, p)})
		}
	}
	for _, note := range v.notes {
		list = append(list, Reason{Field: "number", Level: note})
	}
	return list
}

// sameStays pairs the stays of two records: those of the same establishment and
// days, then those that share one of the days. A stay that could be several
// stays alone.
func (c *comparer) sameStays(a, b int32) []StayPair {
	as, bs := c.a.stays.of(a), c.b.stays.of(b)
	usedA, usedB := make([]bool, len(as)), make([]bool, len(bs))
	var pairs []StayPair
	for _, same := range []func(x, y stay) bool{func(x, y stay) bool { return x == y }, sameDay} {
		candidates := func(i int, list []stay, used []bool, matches func(int) bool) (found, n int) {
			for j := range list {
				if !used[j] && matches(j) {
					found, n = j, n+1
				}
			}
			return found, n
		}
		type match struct{ i, j int }
		var now []match
		for i := range as {
			if usedA[i] {
				continue
			}
			j, n := candidates(i, bs, usedB, func(j int) bool { return same(as[i], bs[j]) })
			if n != 1 {
				continue
			}
			if _, back := candidates(j, as, usedA, func(k int) bool { return same(as[k], bs[j]) }); back == 1 {
				now = append(now, match{i, j})
			}
		}
		for _, x := range now {
			usedA[x.i], usedB[x.j] = true, true
			pairs = append(pairs, StayPair{vault.Seal(c.a.stayIDs.of(a)[x.i]), vault.Seal(c.b.stayIDs.of(b)[x.j])})
		}
	}
	for i, id := range c.a.stayIDs.of(a) {
		if !usedA[i] {
			pairs = append(pairs, StayPair{A: vault.Seal(id)})
		}
	}
	return pairs
}
