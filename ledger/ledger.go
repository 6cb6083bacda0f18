// Package ledger remembers everything that a hub has let out, and judges each new
// number beside it: a count that could be differenced with earlier ones, of
// whomever, to fewer than the threshold of persons is withheld.
//
// It owns the folder ledger/ of a hub (docs/formats/ledger.md), in which the
// persons behind each number stand as sets of keys, and the rule
// (docs/ledger.md): a number is shown when every combination of it with
// everything asked before it, shown or withheld, and with the count of everyone,
// concerns at least the threshold of persons. So no arithmetic on what was shown
// isolates fewer, and whether a number is shown does not tell of one person. What
// cannot be proved within the work that is allowed is withheld too, and says so.
// The same question again has the same answer.
//
// It refuses to answer when it cannot write down, and tells no number but those
// that it shows.
//
//	l, err := ledger.Open(filepath.Join(hub, "ledger"))
//	verdict, err := l.Decide(ctx, ledger.Ask{Permit: id, Ground: ground, Threshold: 11,
//		Everyone: everyone, Numbers: []ledger.Number{{Key: key, What: "persons", Of: persons}}})
//	if d := verdict.Numbers[0]; d.Open() {
//		fmt.Println(d.Value)
//	} else {
//		fmt.Println("withheld:", d.Reason)
//	}
package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"galien"
)

// Key is what a number counts, by what is asked: equal keys count the same over
// the same data.
type Key [16]byte

// Ground is the data that a question is put to.
type Ground struct {
	Snapshot string
	// Scope is a hash of the rows that the permit shows, Oppositions one of the
	// persons whom it leaves out.
	Scope, Oppositions string
}

// Number is one number of an answer.
type Number struct {
	Key Key
	// What names the number for people: no word of a person or of a definition.
	What string
	Of   Vector
	// Also is shown with the number and follows from the same persons.
	Also int64
	// Withheld says that the number is not shown, whatever the ledger says.
	Withheld bool
}

// Sum says that a number is the sum of others by what they are, whatever the
// data: all are indexes of Ask.Numbers.
type Sum struct {
	Total int
	Parts []int
}

// Ask is the numbers of one answer, those first that matter most.
type Ask struct {
	Time                              time.Time
	Actor, Action, Permit, Definition string
	Ground                            Ground
	Threshold                         int64
	// Rounding is the base to which whoever asked rounds what is shown; 0 for none.
	// Numbers are judged as they are.
	Rounding int64
	// Everyone is all whom the question could count.
	Everyone Vector
	// EveryoneKey is the key of that count where it is one of the numbers: it is
	// known, and so shown.
	EveryoneKey Key
	Numbers     []Number
	Sums        []Sum
	// Table says that the numbers were cleared together: one that is withheld
	// there does not stand in the way of the others of the same answer.
	Table bool
	// Leads says that the first number leads the others: where the ledger
	// withholds it, but for being small, they are withheld without a look, so that
	// they use nothing up.
	Leads bool
}

// Outcome is what became of a number.
type Outcome string

// The outcomes.
const (
	// Shown numbers are out.
	Shown Outcome = "shown"
	// Standing numbers were shown of an earlier snapshot and have changed too
	// little to be shown anew.
	Standing Outcome = "standing"
	// Withheld numbers were asked.
	Withheld Outcome = "withheld"
	// Known numbers are taken as known to everyone.
	Known Outcome = "known"
)

// Reason is why a number is withheld.
type Reason string

// The reasons.
const (
	Small      Reason = "small"      // fewer persons than the threshold
	FewOthers  Reason = "few others" // fewer persons than the threshold are not counted
	Near       Reason = "near"       // too near to another number
	Combined   Reason = "combined"   // together with several others
	Unproved   Reason = "unproved"   // not proved safe
	Opposed    Reason = "opposed"    // somebody opposed since it was shown
	Disclosure Reason = "disclosure" // withheld by disclosure control
	Unasked    Reason = "unasked"    // the number that leads the answer is withheld
)

// Decision is what became of one number of an answer.
type Decision struct {
	Outcome Outcome
	Value   int64 // 0 unless it is shown or stands
	Also    int64
	// Snapshot is where a standing number comes from.
	Snapshot string
	Reason   Reason
	// Since is the day of the earlier number that is in the way.
	Since time.Time
}

// Open reports whether the decision lets a number be seen.
func (d Decision) Open() bool { return d.Outcome == Shown || d.Outcome == Standing }

// String says why a number is withheld, to whoever asked.
func (d Decision) String() string {
	day := galien.DateOf(d.Since)
	switch d.Reason {
	case Small:
		return "fewer persons than the threshold"
	case FewOthers:
		return "fewer persons than the threshold are not counted"
	case Near:
		return fmt.Sprintf("fewer persons than the threshold lie between it and a number asked on %s", day)
	case Combined:
		return "with numbers asked before it, it would give one of fewer persons than the threshold"
	case Unproved:
		return "it was not proved that numbers asked before it do not, with it, give one of fewer persons than the threshold"
	case Opposed:
		return fmt.Sprintf("it was shown on %s, somebody opposed since, and it has changed by fewer persons than the threshold", day)
	case Disclosure:
		return "disclosure control withholds it"
	case Unasked:
		return "the number that leads the answer is withheld"
	}
	return ""
}

// Verdict is what became of an answer.
type Verdict struct {
	Numbers []Decision
	// Reference names the last record that decided one of the numbers.
	Reference string
}

// question is a number on whatever snapshot.
type question struct {
	key   Key
	scope string
}

// asked is a number that was asked once.
type asked struct {
	ground Ground
	number RecordedNumber
	record *Record
}

// state is the ledger in memory.
type state struct {
	records []*Record
	asked   map[question][]asked
	known   []Vector
	from    []*Record // of each known vector, where it was first
	sums    map[[sha256.Size]byte]int
	atoms   *atoms
	files   []string // hash of the file of each record's sets, or empty
}

func newState() *state {
	return &state{asked: map[question][]asked{}, sums: map[[sha256.Size]byte]int{}, atoms: &atoms{}}
}

// learn makes a vector known; it returns its place.
func (s *state) learn(v Vector, r *Record) int {
	sum := v.sum()
	if i, ok := s.sums[sum]; ok {
		return i
	}
	s.sums[sum] = len(s.known)
	s.known = append(s.known, v)
	s.from = append(s.from, r)
	s.atoms.refine(v)
	return len(s.known) - 1
}

// Decide judges the numbers of an answer one after the other, and writes down
// what it decided before it returns. A question that was answered before on the
// same ground has the same answer.
func (l *Ledger) Decide(ctx context.Context, a Ask) (Verdict, error) {
	if a.Threshold < 2 || a.Ground.Snapshot == "" {
		return Verdict{}, galien.Errorf(galien.Internal, "ledger: an answer without a threshold or a snapshot")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := l.lock(ctx, true)
	if err != nil {
		return Verdict{}, err
	}
	defer unlock()
	if err := l.load(); err != nil {
		return Verdict{}, err
	}
	known := len(l.state.known)
	j := l.state.judge(a)
	if j.news {
		j.record.Previous = l.head
		if err := l.append(j.record, l.state.known[known:]); err != nil {
			l.state = nil // what was learned is not on the disk
			return Verdict{}, err
		}
		l.state.note(j.record)
		j.last = j.record.Index
	}
	return Verdict{j.decisions, l.reference(j.last)}, nil
}

// judge judges the numbers of an answer and learns of them.
func (s *state) judge(a Ask) *judgement {
	j := &judgement{state: s, ask: a, record: &Record{
		Index: int64(len(s.records)), Time: a.Time.UTC().Truncate(time.Second), Actor: a.Actor, Action: a.Action, Permit: a.Permit,
		Definition: a.Definition, Snapshot: a.Ground.Snapshot, Scope: a.Ground.Scope, Oppositions: a.Ground.Oppositions, Threshold: a.Threshold, Rounding: a.Rounding,
	}}
	j.everyone()
	for i := range a.Numbers {
		j.decide(i)
	}
	for _, late := range j.late {
		late()
	}
	return j
}

// note enters a record that is on the disk.
func (s *state) note(r *Record) {
	s.records = append(s.records, r)
	for _, n := range r.Numbers {
		q := question{n.Key, r.Scope}
		s.asked[q] = append(s.asked[q], asked{Ground{r.Snapshot, r.Scope, r.Oppositions}, n, r})
	}
}

// judgement is the judging of one answer.
type judgement struct {
	*state
	ask       Ask
	record    *Record
	decisions []Decision
	late      []func()
	news      bool  // there is something to write down
	last      int64 // the index of the last record that decided a number
}

// everyone takes the number of all who could be counted as known.
func (j *judgement) everyone() {
	v := j.ask.Everyone
	if _, ok := j.sums[v.sum()]; ok {
		return
	}
	j.write(RecordedNumber{What: "everyone", Outcome: Known}, j.learn(v, j.record))
}

// write enters a number into the record, with the place of its vector.
func (j *judgement) write(n RecordedNumber, vector int) {
	j.news = true
	n.Vector = vector
	j.record.Numbers = append(j.record.Numbers, n)
}

func (j *judgement) decide(i int) {
	n := j.ask.Numbers[i]
	if i > 0 && j.ask.Leads && !j.decisions[0].Open() && j.decisions[0].Reason != Small {
		j.decisions = append(j.decisions, Decision{Outcome: Withheld, Reason: Unasked})
		return
	}
	for k, same := range j.ask.Numbers[:i] {
		if same.Key == n.Key {
			j.again(n, j.decisions[k])
			return
		}
	}
	earlier := j.asked[question{n.Key, j.ask.Ground.Scope}]
	for _, e := range earlier {
		if e.ground == j.ask.Ground {
			j.last = max(j.last, e.record.Index)
			j.again(n, e.decision())
			return
		}
	}
	out := RecordedNumber{Key: n.Key, What: n.What}
	show := func(vector int) {
		out.Outcome, out.Value, out.Also = Shown, n.Of.Total(), n.Also
		j.decisions = append(j.decisions, Decision{Outcome: Shown, Value: out.Value, Also: n.Also})
		j.write(out, vector)
	}
	withhold := func(why Reason, near *Record) {
		d := Decision{Outcome: Withheld, Reason: why}
		out.Outcome, out.Reason = Withheld, why
		if near != nil {
			d.Since = near.Time
			index := near.Index
			out.Near = &index
		}
		j.decisions = append(j.decisions, d)
		if why == Unproved && len(n.Of.levels) > maxLevels {
			j.write(out, -1)
			return
		}
		if j.ask.Table && n.Withheld {
			at := len(j.record.Numbers)
			j.write(out, -1)
			j.late = append(j.late, func() {
				j.record.Numbers[at].Vector = j.learn(n.Of, j.record)
			})
			return
		}
		j.write(out, j.learn(n.Of, j.record))
	}
	if n.Withheld {
		withhold(j.controlled(n), nil)
		return
	}
	for k := len(earlier) - 1; k >= 0; k-- {
		e := earlier[k]
		if e.number.Outcome != Shown || e.number.Value < j.ask.Threshold || e.number.Vector < 0 || n.Of.apart(j.known[e.number.Vector]) >= j.ask.Threshold {
			continue
		}
		if e.ground.Oppositions != j.ask.Ground.Oppositions {
			withhold(Opposed, e.record)
			return
		}
		out.Outcome, out.Value, out.Also, out.From = Standing, e.number.Value, e.number.Also, e.ground.Snapshot
		j.decisions = append(j.decisions, Decision{Outcome: Standing, Value: out.Value, Also: out.Also, Snapshot: out.From})
		j.write(out, -1)
		return
	}
	everyone := n.Key == j.ask.EveryoneKey && n.Key != Key{} && n.Of.apart(j.ask.Everyone) == 0
	if everyone || j.follows(i) {
		show(-1)
		return
	}
	if len(n.Of.levels) > maxLevels {
		withhold(Unproved, nil)
		return
	}
	// What was asked of this very question on an earlier snapshot and withheld
	// does not stand in its way.
	known, parted := j.known, j.atoms
	if ok := proved(parted, n.Of, known, j.ask.Threshold); !ok {
		if known, parted = j.without(earlier); parted == nil || !proved(parted, n.Of, known, j.ask.Threshold) {
			why, near := j.why(n.Of)
			withhold(why, near)
			return
		}
	}
	show(j.learn(n.Of, j.record))
}

// again decides as was decided of the same question before, but for what this
// answer withholds, and for what is under its threshold: a permit of a larger one
// than that under which the number was shown does not show it.
func (j *judgement) again(n Number, d Decision) {
	switch {
	case !d.Open():
	case n.Withheld:
		d = Decision{Outcome: Withheld, Reason: j.controlled(n)}
	case d.Value < j.ask.Threshold: // of an earlier snapshot
		d = Decision{Outcome: Withheld, Reason: Small}
	}
	j.decisions = append(j.decisions, d)
}

// controlled says why disclosure control withholds a number.
func (j *judgement) controlled(n Number) Reason {
	if n.Of.support() < j.ask.Threshold {
		return Small
	}
	return Disclosure
}

// decision is what was decided once.
func (e asked) decision() Decision {
	d := Decision{Outcome: e.number.Outcome, Value: e.number.Value, Also: e.number.Also, Snapshot: e.number.From, Reason: e.number.Reason}
	if e.number.Outcome == Withheld {
		d.Since = e.record.Time
	}
	return d
}

// proved reports whether every combination of v with the known vectors concerns
// at least t persons.
func proved(a *atoms, v Vector, known []Vector, t int64) bool {
	if v.support() < t {
		return false
	}
	least := a.least(v)
	return least >= t || farther(a, v, known, a.split(v), least, t) >= t
}

// follows reports whether number i is a sum or a part of a sum of which all
// others are shown: then it is known already, by what it is.
func (j *judgement) follows(i int) bool {
	shown := func(k int) bool { return k < len(j.decisions) && j.decisions[k].Outcome == Shown }
	return slices.ContainsFunc(j.ask.Sums, func(s Sum) bool {
		others := 0
		for _, k := range append([]int{s.Total}, s.Parts...) {
			if k != i {
				if !shown(k) {
					return false
				}
				others++
			}
		}
		return others == len(s.Parts)
	})
}

// without returns what is known beside the withheld vectors of some questions,
// and nil when there are none.
func (j *judgement) without(earlier []asked) ([]Vector, *atoms) {
	drop := map[int]bool{}
	for _, e := range earlier {
		if e.number.Outcome == Withheld && e.number.Vector >= 0 {
			drop[e.number.Vector] = true
		}
	}
	if len(drop) == 0 {
		return nil, nil
	}
	// A vector that another question has too stays.
	for q, list := range j.asked {
		for _, e := range list {
			if drop[e.number.Vector] && q != (question{earlier[0].number.Key, earlier[0].ground.Scope}) {
				delete(drop, e.number.Vector)
			}
		}
	}
	var known []Vector
	parted := &atoms{}
	for i, v := range j.known {
		if !drop[i] {
			known = append(known, v)
			parted.refine(v)
		}
	}
	return known, parted
}

// why says for what reason a vector is withheld.
func (j *judgement) why(v Vector) (Reason, *Record) {
	t := j.ask.Threshold
	if v.support() < t {
		return Small, nil
	}
	if j.ask.Everyone.apart(v) < t {
		return FewOthers, nil
	}
	nearest, at := t, -1
	for i, q := range j.known {
		if d := v.apart(q); d < nearest {
			nearest, at = d, i
		}
	}
	if at >= 0 {
		return Near, j.from[at]
	}
	if n, ok := together(j.atoms, v, j.known, j.atoms.split(v)); ok && n < t {
		return Combined, nil
	}
	return Unproved, nil
}
