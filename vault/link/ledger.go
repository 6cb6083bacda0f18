package link

import (
	"math"
	"slices"
	"time"

	"galien"
	"galien/vault"
)

// Kind is what an event of the ledger says.
type Kind string

const (
	// Began opens a run; its Report follows the run.
	Began Kind = "run"
	// Found is a pair that a run found first.
	Found Kind = "found"
	// Changed is a pair that a later run found with another decision, path or
	// reasons.
	Changed Kind = "changed"
	// Lost is a pair of the same two sources that a later run found no more.
	Lost Kind = "lost"
	// Confirmed is a pair that a human took for one person.
	Confirmed Kind = "accepted"
	// Undone is a pair that a human took for two persons. No later run links
	// them.
	Undone Kind = "undone"
	// Restored takes the last human decision about a pair back.
	Restored Kind = "restored"
)

// Event is one entry of the ledger. Entries are added and never changed.
type Event struct {
	Seq   int64
	Time  time.Time
	Actor string
	Kind  Kind
	// Run is the number of the run that the event belongs to; 0 for a human's.
	Run int64
	// Link is the number of the pair; 0 for Began.
	Link int64
	// SourceA to B are set for Found, SourceA and SourceB for Began too.
	SourceA, SourceB string
	A, B             vault.Identity
	// Path to Probability are set for Found and Changed.
	Path                Path
	Decision            Decision
	Weight, Probability float64
	Reasons             []Reason
	// Why is what the human gave as the reason.
	Why string
	// Report is set for Began.
	Report *Report
	// Forgotten is set where the records, the reasons and Why were taken out,
	// since a person was forgotten.
	Forgotten bool
}

// Store keeps events, in their order. Append is all or nothing, and durable
// when it returns. Forget takes out of the events of some links what tells whom
// they are of, and sets Forgotten; it is durable when it returns.
type Store interface {
	Load(yield func(Event) error) error
	Append(events []Event) error
	Forget(links map[int64]bool) error
}

// State is where a pair stands.
type State string

const (
	StateAccepted State = "accepted"
	StateReview   State = "review"
	StateUndone   State = "undone"
	StateLost     State = "lost"
	// StateForgotten is the state of a pair of which a person was forgotten: its
	// number is left.
	StateForgotten State = "forgotten"
)

// Entry is a pair as the ledger has it.
type Entry struct {
	Link             int64
	SourceA, SourceB string
	A, B             vault.Identity
	Path             Path
	Weight           float64
	Probability      float64
	Reasons          []Reason
	State            State
	// Human is set when the state is a human's decision.
	Human bool

	found    State // what the last run says
	decision []Kind
}

// settle works out the state from what the runs and the humans said.
func (e *Entry) settle() {
	e.State, e.Human = e.found, false
	if e.found == StateForgotten {
		return
	}
	if n := len(e.decision); n > 0 {
		e.Human = true
		if e.State = StateAccepted; e.decision[n-1] == Undone {
			e.State = StateUndone
		}
	}
}

type pairKey struct{ sourceA, a, sourceB, b string }

// Ledger is every link that was found, changed, undone and restored. It is
// written to its store as it grows.
type Ledger struct {
	store   Store
	entries []*Entry
	byPair  map[pairKey]*Entry
	last    int64
	run     int64
	reports []Event
}

// OpenLedger reads a ledger from its store. A history that cannot be is
// Corrupt.
func OpenLedger(store Store) (*Ledger, error) {
	l := &Ledger{store: store, byPair: map[pairKey]*Entry{}}
	if err := store.Load(l.apply); err != nil {
		return nil, err
	}
	return l, nil
}

// apply takes an event into account.
func (l *Ledger) apply(e Event) error {
	if e.Seq != l.last+1 {
		return galien.Errorf(galien.Corrupt, "read links: event %d follows event %d; restore the vault from a backup", e.Seq, l.last)
	}
	l.last = e.Seq
	switch e.Kind {
	case Began:
		l.run = e.Run
		l.reports = append(l.reports, e)
		return nil
	case Found:
		if e.Link != int64(len(l.entries))+1 {
			return galien.Errorf(galien.Corrupt, "read links: link %d is out of turn; restore the vault from a backup", e.Link)
		}
		x := &Entry{Link: e.Link, SourceA: e.SourceA, SourceB: e.SourceB, A: e.A, B: e.B}
		l.entries = append(l.entries, x)
		if e.Forgotten {
			x.found = StateForgotten
			x.settle()
			return nil
		}
		l.byPair[pairKey{e.SourceA, e.A.Reveal(), e.SourceB, e.B.Reveal()}] = x
	}
	if e.Link < 1 || e.Link > int64(len(l.entries)) {
		return galien.Errorf(galien.Corrupt, "read links: event %d is of a link that does not exist; restore the vault from a backup", e.Seq)
	}
	x := l.entries[e.Link-1]
	if x.found == StateForgotten {
		return nil
	}
	switch e.Kind {
	case Found, Changed:
		x.Path, x.Weight, x.Probability, x.Reasons = e.Path, e.Weight, e.Probability, e.Reasons
		if x.found = StateReview; e.Decision == Accepted {
			x.found = StateAccepted
		}
	case Lost:
		x.found = StateLost
	case Confirmed, Undone:
		x.decision = append(x.decision, e.Kind)
	case Restored:
		if len(x.decision) == 0 {
			return galien.Errorf(galien.Corrupt, "read links: event %d takes back what was not decided; restore the vault from a backup", e.Seq)
		}
		x.decision = x.decision[:len(x.decision)-1]
	default:
		return galien.Errorf(galien.Corrupt, "read links: event %d is of no known kind; it may be of a newer galien", e.Seq)
	}
	x.settle()
	return nil
}

// append numbers events, stores them, and takes them into account.
func (l *Ledger) append(when time.Time, actor string, events []Event) error {
	for i := range events {
		events[i].Seq, events[i].Time, events[i].Actor = l.last+1+int64(i), when, actor
	}
	if err := l.store.Append(events); err != nil {
		return err
	}
	for _, e := range events {
		if err := l.apply(e); err != nil {
			return err
		}
	}
	return nil
}

// Runs returns the runs, the oldest first.
func (l *Ledger) Runs() []Event { return slices.Clone(l.reports) }

// Entries returns every pair, in the order in which they were found.
func (l *Ledger) Entries() []Entry {
	list := make([]Entry, len(l.entries))
	for i, e := range l.entries {
		list[i] = *e
	}
	return list
}

// Entry returns a pair by its number; NotFound when there is none.
func (l *Ledger) Entry(link int64) (Entry, error) {
	if link < 1 || link > int64(len(l.entries)) {
		return Entry{}, galien.Errorf(galien.NotFound, "links: there is no link %d", link)
	}
	return *l.entries[link-1], nil
}

// Pair returns what the ledger says of two records; false when it knows
// nothing.
func (l *Ledger) Pair(sourceA string, a vault.Identity, sourceB string, b vault.Identity) (Entry, bool) {
	e, ok := l.byPair[pairKey{sourceA, a.Reveal(), sourceB, b.Reveal()}]
	if !ok {
		return Entry{}, false
	}
	return *e, true
}

// Forget takes out of the ledger whom the links of some records are of, and
// returns how many links there were. A later run that reads the same records
// finds them again, as new ones.
func (l *Ledger) Forget(is func(source string, record vault.Identity) bool) (int, error) {
	links := map[int64]bool{}
	for _, e := range l.entries {
		if e.State != StateForgotten && (is(e.SourceA, e.A) || is(e.SourceB, e.B)) {
			links[e.Link] = true
		}
	}
	if len(links) == 0 {
		return 0, nil
	}
	if err := l.store.Forget(links); err != nil {
		return 0, err
	}
	for link := range links {
		e := l.entries[link-1]
		delete(l.byPair, pairKey{e.SourceA, e.A.Reveal(), e.SourceB, e.B.Reveal()})
		*e = Entry{Link: link, SourceA: e.SourceA, SourceB: e.SourceB, State: StateForgotten, found: StateForgotten}
	}
	return len(links), nil
}

// Prepare tells a linker what humans decided about its two sources.
func (l *Ledger) Prepare(linker *Linker) {
	for _, e := range l.entries {
		if e.State == StateUndone && e.SourceA == linker.A.name && e.SourceB == linker.B.name {
			linker.Apart(e.A, e.B)
		}
	}
}

// Record adds a run: the pairs that are new, those that changed, and those of
// the same sources that are found no more. What did not change adds nothing. It
// returns the number of the run.
func (l *Ledger) Record(r *Result, when time.Time, actor string) (int64, error) {
	run := l.run + 1
	a, b := r.Report.SourceA, r.Report.SourceB
	report := r.Report
	events := []Event{{Kind: Began, Run: run, SourceA: a, SourceB: b, Report: &report}}
	found := map[*Entry]bool{}
	next := int64(len(l.entries)) + 1
	for _, x := range r.Links {
		e := Event{
			Kind: Found, Run: run, Link: next, SourceA: a, SourceB: b, A: x.A, B: x.B,
			Path: x.Path, Decision: x.Decision, Weight: x.Weight, Probability: x.Probability, Reasons: x.Reasons,
		}
		known := l.byPair[pairKey{a, x.A.Reveal(), b, x.B.Reveal()}]
		if known == nil {
			next++
			events = append(events, e)
			continue
		}
		found[known] = true
		if !known.same(x) {
			e.Kind, e.Link, e.SourceA, e.SourceB, e.A, e.B = Changed, known.Link, "", "", vault.Identity{}, vault.Identity{}
			events = append(events, e)
		}
	}
	for _, e := range l.entries {
		if e.SourceA == a && e.SourceB == b && !found[e] && e.found != StateLost && e.found != StateForgotten && e.State != StateUndone {
			events = append(events, Event{Kind: Lost, Run: run, Link: e.Link})
		}
	}
	return run, l.append(when, actor, events)
}

// same reports whether a run found what the ledger has. Weights move a little
// with every new record; that alone is no change.
func (e *Entry) same(x Link) bool {
	found := StateReview
	if x.Decision == Accepted {
		found = StateAccepted
	}
	return e.found == found && e.Path == x.Path && math.Abs(e.Weight-x.Weight) < 1 &&
		slices.EqualFunc(e.Reasons, x.Reasons, func(p, q Reason) bool { return p.Field == q.Field && p.Level == q.Level })
}

// Decide writes down what a human decided about a pair: Confirmed, Undone, or
// Restored, which takes the last such decision back. why is kept. A decision
// that changes nothing is a Conflict.
func (l *Ledger) Decide(link int64, kind Kind, when time.Time, actor, why string) error {
	e, err := l.Entry(link)
	if err != nil {
		return err
	}
	switch {
	case e.State == StateForgotten:
		return galien.Errorf(galien.NotFound, "links: a person of link %d was forgotten; nothing is left to decide", link)
	case why == "":
		return galien.Errorf(galien.Invalid, "links: say why, for whoever reads the ledger later")
	case kind == Confirmed && e.State == StateAccepted, kind == Undone && e.State == StateUndone:
		return galien.Errorf(galien.Conflict, "links: link %d is %s already", link, e.State)
	case kind == Restored && !e.Human:
		return galien.Errorf(galien.Conflict, "links: no human decided about link %d; there is nothing to take back", link)
	case kind != Confirmed && kind != Undone && kind != Restored:
		return galien.Errorf(galien.Invalid, "links: %q is no decision", kind)
	}
	return l.append(when, actor, []Event{{Kind: kind, Link: link, Why: why}})
}
