package link

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/vault"
)

// memory is a store that keeps events in memory.
type memory struct {
	events []Event
	fail   error
}

func (m *memory) Load(yield func(Event) error) error {
	for _, e := range m.events {
		if err := yield(e); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Append(events []Event) error {
	if m.fail != nil {
		return m.fail
	}
	m.events = append(m.events, events...)
	return nil
}

func (m *memory) Forget(links map[int64]bool) error {
	for i, e := range m.events {
		if links[e.Link] {
			m.events[i].A, m.events[i].B, m.events[i].Why, m.events[i].Reasons, m.events[i].Forgotten = vault.Identity{}, vault.Identity{}, "", nil, true
		}
	}
	return nil
}

var when = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

func opened(t *testing.T, m *memory) *Ledger {
	t.Helper()
	l, err := OpenLedger(m)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// linkThree runs two sources of three sure pairs.
func linkThree(t *testing.T, ledger *Ledger, change func(i int, x *Traits)) *Result {
	t.Helper()
	l := New("a", "b", Options{})
	for i, nir := range []string{"1870331555123", "2870331555124", "1900175056001"} {
		x := Traits{Numbers: []Number{{System: Own, Value: nir}}}
		must(l.B.Add(vault.Seal(fmt.Sprint("b", i)), x))
		change(i, &x)
		must(l.A.Add(vault.Seal(fmt.Sprint("a", i)), x))
	}
	if ledger != nil {
		ledger.Prepare(l)
	}
	return run(t, l)
}

// states returns the state of each link of the ledger.
func states(l *Ledger) (list []State) {
	for _, e := range l.Entries() {
		list = append(list, e.State)
	}
	return list
}

func TestLedger(t *testing.T) {
	m := &memory{}
	l := opened(t, m)
	same := func(int, *Traits) {}
	record := func(r *Result) {
		t.Helper()
		if _, err := l.Record(r, when, "ada"); err != nil {
			t.Fatal(err)
		}
	}
	decide := func(link int64, k Kind) {
		t.Helper()
		if err := l.Decide(link, k, when, "ada", "seen on the file"); err != nil {
			t.Fatal(err)
		}
	}
	want := func(step string, wanted ...State) {
		t.Helper()
		if got := states(l); !reflect.DeepEqual(got, wanted) {
			t.Fatalf("%s: %v, want %v", step, got, wanted)
		}
		if got := states(opened(t, m)); !reflect.DeepEqual(got, wanted) {
			t.Fatalf("%s: read again it is %v, want %v", step, got, wanted)
		}
	}
	record(linkThree(t, l, same))
	want("first run", StateAccepted, StateAccepted, StateAccepted)
	n := len(m.events)
	record(linkThree(t, l, same))
	want("the same again", StateAccepted, StateAccepted, StateAccepted)
	if len(m.events) != n+1 {
		t.Errorf("a run that changes nothing added %d events, want 1", len(m.events)-n)
	}

	before := l.Entries()[1]
	decide(2, Undone)
	want("undone", StateAccepted, StateUndone, StateAccepted)
	r := linkThree(t, l, same)
	record(r)
	want("a run after it", StateAccepted, StateUndone, StateAccepted)
	if r.Report.ByNumber != 2 || r.Report.Review != 0 {
		t.Errorf("the run links %d pairs and asks about %d; the undone one is not to come back", r.Report.ByNumber, r.Report.Review)
	}
	decide(2, Restored)
	want("restored", StateAccepted, StateAccepted, StateAccepted)
	if after := l.Entries()[1]; !reflect.DeepEqual(after.Reasons, before.Reasons) || after.Weight != before.Weight || after.Human {
		t.Error("undo and restore did not bring the link back as it was")
	}
	record(linkThree(t, l, same))
	want("a run after that", StateAccepted, StateAccepted, StateAccepted)

	record(linkThree(t, l, func(i int, x *Traits) {
		if i == 0 {
			x.Numbers = nil
		}
	}))
	want("a number is gone", StateLost, StateAccepted, StateAccepted)
	record(linkThree(t, l, same))
	want("and back", StateAccepted, StateAccepted, StateAccepted)

	kinds := map[Kind]int{}
	for i, e := range m.events {
		kinds[e.Kind]++
		if e.Seq != int64(i)+1 || e.Actor != "ada" || !e.Time.Equal(when) {
			t.Fatalf("event %d is %+v", i, e)
		}
	}
	if kinds[Undone] != 1 || kinds[Restored] != 1 || kinds[Found] != 3 || kinds[Lost] != 1 || kinds[Changed] != 1 {
		t.Errorf("the history holds %v", kinds)
	}

	for name, err := range map[string]error{
		"no reason":          l.Decide(1, Undone, when, "ada", ""),
		"nothing to restore": l.Decide(1, Restored, when, "ada", "x"),
		"accepted already":   l.Decide(1, Confirmed, when, "ada", "x"),
		"no such link":       l.Decide(9, Undone, when, "ada", "x"),
		"no decision":        l.Decide(1, Found, when, "ada", "x"),
	} {
		if k := galien.KindOf(err); err == nil || k == galien.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.fail = galien.Errorf(galien.Busy, "disk full")
	if err := l.Decide(1, Undone, when, "ada", "x"); err == nil || l.Entries()[0].State != StateAccepted {
		t.Error("a decision that was not stored took effect")
	}
}

// TestReviewed accepts a pair that was for review; it stays accepted.
func TestReviewed(t *testing.T) {
	m := &memory{}
	l := opened(t, m)
	contradicted := func(i int, x *Traits) {
		if i == 1 {
			x.Sex, x.Births = Male, []Birth{BirthOf(1987, 3, 1)}
		}
	}
	link := func() *Result {
		k := New("a", "b", Options{})
		x := Traits{Sex: Female, Numbers: []Number{{System: Own, Value: "2870331555124"}}}
		must(k.B.Add(vault.Seal("b"), x))
		contradicted(1, &x)
		must(k.A.Add(vault.Seal("a"), x))
		l.Prepare(k)
		return run(t, k)
	}
	if _, err := l.Record(link(), when, "ada"); err != nil {
		t.Fatal(err)
	}
	if got := states(l); !reflect.DeepEqual(got, []State{StateReview}) {
		t.Fatalf("%v, want a pair to review", got)
	}
	if err := l.Decide(1, Confirmed, when, "bea", "same address"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Record(link(), when, "ada"); err != nil {
		t.Fatal(err)
	}
	if e, err := l.Entry(1); err != nil || e.State != StateAccepted || !e.Human {
		t.Errorf("after another run it is %v", e.State)
	}
	if e, ok := l.Pair("a", vault.Seal("a"), "b", vault.Seal("b")); !ok || e.Link != 1 {
		t.Error("the pair is not found by its records")
	}
	if _, ok := l.Pair("a", vault.Seal("b"), "b", vault.Seal("a")); ok {
		t.Error("a pair is found the wrong way round")
	}
}

// TestDamagedHistory refuses what no ledger writes.
func TestDamagedHistory(t *testing.T) {
	found := Event{Seq: 2, Kind: Found, Link: 1, A: vault.Seal("a"), B: vault.Seal("b"), Decision: Accepted}
	for name, events := range map[string][]Event{
		"a gap":                {{Seq: 1, Kind: Began, Run: 1}, {Seq: 3, Kind: Undone, Link: 1}},
		"an unknown link":      {{Seq: 1, Kind: Undone, Link: 1}},
		"a link out of turn":   {{Seq: 1, Kind: Found, Link: 2}},
		"an unknown kind":      {{Seq: 1, Kind: Began}, found, {Seq: 3, Kind: "sold", Link: 1}},
		"nothing to take back": {{Seq: 1, Kind: Began}, found, {Seq: 3, Kind: Restored, Link: 1}},
	} {
		if _, err := OpenLedger(&memory{events: events}); galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%s: %v, want damage", name, err)
		}
	}
}

// TestReportHoldsNoIdentity writes a report as JSON.
func TestReportHoldsNoIdentity(t *testing.T) {
	r := linkThree(t, nil, func(int, *Traits) {})
	b, err := json.Marshal(r.Report)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1870331555123", `"a0"`, `"b0"`} {
		if strings.Contains(string(b), id) {
			t.Errorf("the report shows %s", id)
		}
	}
}
