package ledger

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"galien"
)

// memory is a folder in memory where the system has one, since every record is
// synced to the disk.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "galien-ledger-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func opened(t *testing.T, dir string) *Ledger {
	t.Helper()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// span is the persons from one key to before another.
func span(from, to uint64) Vector {
	b := roaring.New()
	b.AddRange(from, to)
	return Vector{[]level{{1, b}}}
}

func both(v, w Vector) Vector {
	return Vector{[]level{{1, roaring.Or(v.levels[0].persons, w.levels[0].persons)}}}
}

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func askOf(ground Ground, numbers ...Number) Ask {
	return Ask{Time: day, Actor: "ada", Action: "cohort count", Permit: "p-00000000", Definition: "d", Ground: ground, Threshold: 11, Everyone: span(0, 2000), Numbers: numbers}
}

func one(key byte, v Vector) Number { return Number{Key: Key{key}, What: "persons", Of: v} }

func (l *Ledger) must(t *testing.T, a Ask) []Decision {
	t.Helper()
	v, err := l.Decide(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return v.Numbers
}

// TestSubtraction asks pairs of numbers whose difference is worked out by hand.
func TestSubtraction(t *testing.T) {
	here := Ground{Snapshot: "s"}
	base := span(0, 500)
	for name, c := range map[string]struct {
		earlier []Vector
		v       Vector
		want    Reason // "" for shown
	}{
		"a cohort":                                 {nil, base, ""},
		"fewer than the threshold":                 {nil, span(0, 10), Small},
		"the threshold":                            {nil, span(0, 11), ""},
		"all but fewer":                            {nil, span(10, 2000), FewOthers},
		"all but the threshold":                    {nil, span(11, 2000), ""},
		"the same persons otherwise":               {[]Vector{base}, base, Near},
		"one less":                                 {[]Vector{base}, span(1, 500), Near},
		"ten less":                                 {[]Vector{base}, span(10, 500), Near},
		"eleven less":                              {[]Vector{base}, span(11, 500), ""},
		"six others":                               {[]Vector{base}, span(6, 506), ""},
		"five others":                              {[]Vector{base}, span(5, 505), Near},
		"what two leave of a third":                {[]Vector{base, span(0, 300)}, span(300, 500), Combined},
		"what two leave, but for ten":              {[]Vector{base, span(0, 300)}, span(310, 500), Combined},
		"what two leave, but for eleven":           {[]Vector{base, span(0, 300)}, span(311, 500), ""},
		"all others":                               {[]Vector{base}, span(500, 2000), Combined},
		"all others, but for the threshold":        {[]Vector{base}, span(511, 2000), ""},
		"the union of two that share many":         {[]Vector{base, span(400, 800)}, span(0, 800), ""},
		"the union of two that share few":          {[]Vector{base, span(495, 800)}, span(0, 800), Combined},
		"what was withheld, but for one":           {[]Vector{base, span(5, 500)}, span(6, 500), Near},
		"a group off one base, and the group more": {[]Vector{base, span(10, 500), span(0, 900)}, span(11, 900), Combined},
	} {
		l := opened(t, memory(t))
		for i, v := range c.earlier {
			l.must(t, askOf(here, one(byte(i+1), v)))
		}
		d := l.must(t, askOf(here, one(100, c.v)))[0]
		if c.want == "" && !d.Open() || c.want != "" && d.Open() || d.Reason != c.want && !(c.want == Combined && d.Reason == Near) {
			t.Errorf("%s: %s %q, want %q", name, d.Outcome, d.Reason, c.want)
		}
		if d.Open() != (d.Value != 0) || !d.Open() && d.String() == "" {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// Amounts count like persons: where a count of events goes on after one of
// persons, who has several is what it tells.
func TestAmounts(t *testing.T) {
	events := func(several uint64) Vector {
		a, b := roaring.New(), roaring.New()
		a.AddRange(several, 500)
		b.AddRange(0, several)
		return Vector{[]level{{1, a}, {2, b}}}
	}
	for several, want := range map[uint64]bool{1: false, 10: false, 11: true, 250: true, 489: true, 490: false} {
		l := opened(t, memory(t))
		d := l.must(t, askOf(Ground{Snapshot: "s"}, one(1, span(0, 500)), one(2, events(several))))
		if !d[0].Open() || d[1].Open() != want || want && d[1].Value != int64(500+several) {
			t.Errorf("%d with two: %+v", several, d)
		}
	}
}

// A sum of what is shown is shown, by what it is; where a part is withheld it
// would give that away.
func TestSums(t *testing.T) {
	here := Ground{Snapshot: "s"}
	table := func(l *Ledger, small bool) []Decision {
		a := askOf(here, one(1, span(0, 500)), one(2, span(0, 300)), one(3, span(300, 480)), one(4, span(480, 500)))
		a.Table, a.Sums = true, []Sum{{Total: 0, Parts: []int{1, 2, 3}}}
		a.Numbers[3].Withheld = small
		return l.must(t, a)
	}
	for i, d := range table(opened(t, memory(t)), false) {
		if !d.Open() {
			t.Errorf("number %d: %+v", i, d)
		}
	}
	l := opened(t, memory(t))
	d := table(l, true)
	if !d[0].Open() || !d[1].Open() || !d[2].Open() || d[3].Open() {
		t.Errorf("%+v", d)
	}
	// What the sum leaves of the parts is the withheld one, by another name.
	if d := l.must(t, askOf(here, one(9, span(480, 500)))); d[0].Open() {
		t.Errorf("%+v", d)
	}
	// A part that is withheld beside earlier numbers takes its sum with it.
	l = opened(t, memory(t))
	l.must(t, askOf(here, one(7, span(5, 300))))
	a := askOf(here, one(1, span(0, 500)), one(2, span(0, 300)), one(3, span(300, 500)))
	a.Sums = []Sum{{Total: 0, Parts: []int{1, 2}}}
	if d := l.must(t, a); !d[0].Open() || d[1].Open() || d[2].Open() {
		t.Errorf("%+v", d)
	}
}

// The count of everyone is known, and a part of it that another leaves too.
func TestEveryone(t *testing.T) {
	l := opened(t, memory(t))
	a := askOf(Ground{Snapshot: "s"}, one(1, span(0, 2000)), one(2, span(0, 900)), one(3, span(900, 2000)))
	a.Sums = []Sum{{Total: 0, Parts: []int{1, 2}}}
	if d := l.must(t, a); d[0].Open() || d[2].Open() {
		t.Errorf("a cohort of everyone: %+v", d)
	}
	l, a.EveryoneKey = opened(t, memory(t)), Key{1}
	for i, d := range l.must(t, a) {
		if !d.Open() {
			t.Errorf("number %d: %+v", i, d)
		}
	}
}

// The same question has the same answer and no second record, from another
// process too; another scope is another question.
func TestSameQuestion(t *testing.T) {
	dir, here := memory(t), Ground{Snapshot: "s", Scope: "a"}
	first := opened(t, dir).must(t, askOf(here, one(1, span(0, 500)), one(2, span(3, 500)), one(1, span(0, 500))))
	l := opened(t, dir)
	again := l.must(t, askOf(here, one(1, span(0, 500)), one(2, span(3, 500)), one(1, span(0, 500))))
	for i := range first {
		again[i].Since = first[i].Since
		if again[i] != first[i] {
			t.Errorf("number %d: %+v, then %+v", i, first[i], again[i])
		}
	}
	if records, err := l.Records(t.Context()); err != nil || len(records) != 1 {
		t.Errorf("%d records, %v", len(records), err)
	}
	here.Scope = "b"
	if d := l.must(t, askOf(here, one(1, span(0, 500)))); d[0].Reason != Near || !d[0].Since.Equal(day) {
		t.Errorf("%+v", d[0])
	}
}

// What disclosure control withholds stays withheld, although a permit of a smaller
// threshold was shown it: of another answer, and of another step of the same one.
func TestWithheldThoughShown(t *testing.T) {
	l, here := opened(t, memory(t)), Ground{Snapshot: "s"}
	few := one(1, span(0, 15))
	if d := l.must(t, askOf(here, few)); d[0].Outcome != Shown {
		t.Fatalf("%+v", d[0])
	}
	withheld := few
	withheld.Withheld = true
	large := askOf(here, withheld, few, withheld)
	large.Threshold = 20
	for i, want := range []Decision{{Outcome: Withheld, Reason: Small}, {Outcome: Withheld, Reason: Small}, {Outcome: Withheld, Reason: Small}} {
		if d := l.must(t, large); d[i] != want {
			t.Errorf("number %d: %+v", i, d[i])
		}
	}
	if d := l.must(t, askOf(here, few)); d[0].Value != 15 {
		t.Errorf("under the first permit again: %+v", d[0])
	}
	if records, err := l.Records(t.Context()); err != nil || len(records) != 1 {
		t.Errorf("%d records, %v", len(records), err)
	}
	// On a newer snapshot the small number stands, for the permit that was shown it.
	grown := one(1, span(0, 21))
	newer, newest := askOf(Ground{Snapshot: "s2"}, grown), askOf(Ground{Snapshot: "s3"}, grown)
	newest.Threshold = 20
	if d := l.must(t, newest); d[0].Open() || d[0].Reason != Near {
		t.Errorf("under the larger threshold: %+v", d[0])
	}
	if d := l.must(t, newer); d[0].Outcome != Standing || d[0].Value != 15 {
		t.Errorf("under the smaller threshold: %+v", d[0])
	}
	newer.Threshold = 20
	if d := l.must(t, newer); d[0].Open() || d[0].Reason != Small {
		t.Errorf("the same question under the larger threshold: %+v", d[0])
	}
}

// TestRefresh asks the same question of one snapshot after the other.
func TestRefresh(t *testing.T) {
	l := opened(t, memory(t))
	ask := func(snapshot, oppositions string, key byte, v Vector) Decision {
		t.Helper()
		return l.must(t, askOf(Ground{Snapshot: snapshot, Oppositions: oppositions}, one(key, v)))[0]
	}
	if d := ask("s1", "", 1, span(0, 500)); d.Value != 500 || d.Outcome != Shown {
		t.Errorf("%+v", d)
	}
	// Changed by few: the earlier number stands, whether it changed or not.
	for _, v := range []Vector{span(0, 500), span(0, 510)} {
		snapshot := "s" + time.Duration(v.Total()).String()
		if d := ask(snapshot, "", 1, v); d.Value != 500 || d.Outcome != Standing || d.Snapshot != "s1" {
			t.Errorf("%+v", d)
		}
		if d := ask(snapshot, "", 1, v); d.Value != 500 || d.Outcome != Standing || d.Snapshot != "s1" {
			t.Errorf("again: %+v", d)
		}
	}
	if d := ask("s3", "", 1, span(0, 511)); d.Value != 511 || d.Outcome != Shown {
		t.Errorf("%+v", d)
	}
	// Somebody opposed: no number tells whether they were in it.
	for _, v := range []Vector{span(0, 511), span(0, 510)} {
		if d := ask("s3", "x"+time.Duration(v.Total()).String(), 1, v); d.Open() || d.Reason != Opposed || !d.Since.Equal(day) {
			t.Errorf("%+v", d)
		}
	}
	if d := ask("s3", "", 1, span(0, 511)); d.Value != 511 {
		t.Errorf("after the opposition ended: %+v", d)
	}
	// Another question of the new snapshot is judged beside the old numbers.
	if d := ask("s4", "", 2, span(3, 500)); d.Reason != Near {
		t.Errorf("%+v", d)
	}
	// What was withheld because it was small may grow.
	if d := ask("s4", "", 3, span(1000, 1010)); d.Reason != Small {
		t.Errorf("%+v", d)
	}
	if d := ask("s5", "", 3, span(1000, 1012)); d.Value != 12 {
		t.Errorf("%+v", d)
	}
}

// TestProcesses has many askers at once, each with its own open ledger: all is
// written one after the other, and no two of them are shown what is near.
func TestProcesses(t *testing.T) {
	dir := memory(t)
	var group sync.WaitGroup
	shown := make([]bool, 12)
	for i := range shown {
		l := opened(t, dir)
		group.Go(func() {
			v, err := l.Decide(t.Context(), askOf(Ground{Snapshot: "s"}, one(byte(i+1), span(uint64(i), 500))))
			if err != nil {
				t.Error(err)
				return
			}
			shown[i] = v.Numbers[0].Open()
		})
	}
	group.Wait()
	last := -100
	for i, s := range shown {
		if s {
			if i-last < 11 {
				t.Errorf("%d and %d are both shown", last, i)
			}
			last = i
		}
	}
	if n, err := opened(t, dir).Check(t.Context(), nil); err != nil || n != len(shown) {
		t.Errorf("%d records, %v", n, err)
	}
}

// TestDamage flips every byte of the ledger, and cuts it at every length: what
// does not follow is found, and a line that was never whole is passed over.
func TestDamage(t *testing.T) {
	dir := memory(t)
	l := opened(t, dir)
	var reference string
	for i := range 3 {
		v, err := l.Decide(t.Context(), askOf(Ground{Snapshot: "s"}, one(byte(i+1), span(0, uint64(300+100*i)))))
		if err != nil {
			t.Fatal(err)
		}
		reference = v.Reference
	}
	if n, err := opened(t, dir).Check(t.Context(), []string{reference}); n != 3 || err != nil {
		t.Fatalf("%d records, %v", n, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, path := range append(files, filepath.Join(dir, recordsFile)) {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		broken := func(what string, b []byte) {
			t.Helper()
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := opened(t, dir).Check(t.Context(), []string{reference}); galien.KindOf(err) != galien.Corrupt {
				t.Errorf("%s of %s: %v", what, filepath.Base(path), err)
			}
		}
		for i := range whole {
			b := bytes.Clone(whole)
			b[i] ^= 1
			broken("a bit", b)
			broken("an end", whole[:i])
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A torn line after the last is what a crash leaves; the next record takes
	// its place.
	f, err := os.OpenFile(filepath.Join(dir, recordsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"index":3,"prev`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	stray := filepath.Join(dir, setsDir, "00000003-0123456789abcdef")
	if err := os.WriteFile(stray, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	l = opened(t, dir)
	l.must(t, askOf(Ground{Snapshot: "s"}, one(9, span(700, 900))))
	if n, err := opened(t, dir).Check(t.Context(), []string{reference}); n != 4 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
	if _, err := os.Stat(stray); err == nil {
		t.Error("what a crash left is still there")
	}
}

// TestForget takes a person out: no file holds the key afterwards, earlier
// numbers still stand in the way, and an interrupted erasure leaves a sound
// ledger and is completed by the next.
func TestForget(t *testing.T) {
	dir, here := memory(t), Ground{Snapshot: "s"}
	l, other := opened(t, dir), opened(t, dir)
	l.must(t, askOf(here, one(1, span(0, 500)), one(2, span(450, 470))))
	l.must(t, askOf(here, one(3, both(span(600, 900), span(460, 461)))))
	other.must(t, askOf(here, one(1, span(0, 500)))) // it holds the ledger as it was
	holds := func() (n int) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, setsDir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for len(b) > 0 {
				var v Vector
				if v, b, err = decodeVector(b); err != nil {
					t.Fatal(err)
				}
				if v.amount(460) != 0 {
					n++
				}
			}
		}
		return n
	}
	before := holds()
	if before == 0 {
		t.Fatal("the person is in no set: the rest proves nothing")
	}
	// As if a power cut came after the new files and before the record.
	if _, err := l.writeSets(0, []Vector{span(0, 460)}); err != nil {
		t.Fatal(err)
	}
	if _, err := opened(t, dir).Check(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if err := opened(t, dir).Forget(t.Context(), []galien.PersonID{460, 5000}, day, "ada"); err != nil {
		t.Fatal(err)
	}
	if n := holds(); n != 0 {
		t.Errorf("%d of %d sets still hold the person", n, before)
	}
	if n, err := opened(t, dir).Check(t.Context(), nil); err != nil || n != 3 {
		t.Errorf("%d records, %v", n, err)
	}
	for _, l := range []*Ledger{other, opened(t, dir)} {
		if d := l.must(t, askOf(here, one(1, span(0, 500)))); d[0].Value != 500 {
			t.Errorf("%+v", d[0])
		}
	}
	if d := other.must(t, askOf(here, one(4, span(3, 500)))); d[0].Reason != Near {
		t.Errorf("%+v", d[0])
	}
	text, err := os.ReadFile(filepath.Join(dir, recordsFile))
	if err != nil || !strings.Contains(string(text), `"erase"`) {
		t.Errorf("%v\n%s", err, text)
	}
}
