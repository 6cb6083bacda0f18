package audit

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClasses(t *testing.T) {
	for action, want := range map[string]Class{
		"cohort count": Access, "cohort run": Access, "table": Access, "extract": Access, "release": Access,
		"permit grant": Governance, "opposition add": Governance, "vault link": Governance, "audit prove": Governance, "something new": Governance,
		"ingest": Operations, "compact": Operations, "quarantine replay": Operations,
		"audit retain": LogItself, "audit witness": LogItself,
	} {
		if got := ClassOf(action); got != want {
			t.Errorf("%q is of class %s, want %s", action, got, want)
		}
	}
}

// What is too old goes, class by class, and everything else is as it was: the
// tree, what was proved before, the checkpoints kept, the other entries.
func TestRetain(t *testing.T) {
	ctx := context.Background()
	l, dir := newLog(t, 0)
	at := func(i int, action, outcome string) {
		e := sample(i)
		e.Action, e.Outcome, e.Actor = action, outcome, "marie-"+action
		if _, err := l.Append(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	at(0, "ingest", "done")
	at(1, "permit grant", "granted")
	answered(t, l, 2, persons(1, 2, 3), persons(2))
	at(3, "cohort count", "denied")
	at(4, "ingest", "done")
	answered(t, l, 5, persons(1, 2, 3), persons(3))
	kept := read(t, dir, checkpointFile)
	root, err := l.Head()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(lists(t, dir)); n != 2 {
		t.Fatalf("%d lists of answers", n)
	}
	limits := map[Class]time.Time{Access: testTime.Add(4 * time.Second), Operations: testTime.Add(time.Second)}

	before := files(t, dir)
	r, err := l.Retain(ctx, sample(100), limits, false)
	if err != nil || r.Entries[Access] != 2 || r.Entries[Operations] != 1 || r.Entries[Governance] != 0 || r.Uses != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for name, b := range files(t, dir) {
		if !bytes.Equal(b, before[name]) {
			t.Errorf("%s was changed by a look", name)
		}
	}
	e := sample(100)
	e.Details = map[string]string{"keep": "access=1y"}
	if again, err := l.Retain(ctx, e, limits, true); err != nil || again.Uses != r.Uses {
		t.Fatalf("%+v, %v", again, err)
	}
	report, err := check(dir)
	if err != nil || report.Pruned != 3 || report.Entries != 7 {
		t.Fatalf("%+v, %v", report, err)
	}
	if n, err := l.Extends(ctx, kept); err != nil || n != 6 || root.Entries != 6 {
		t.Fatalf("grown from %d: %v", n, err)
	}
	var left []string
	err = l.Entries(ctx, func(i int64, e Entry) error {
		if e.Pruned() {
			left = append(left, "-")
			return nil
		}
		left = append(left, e.Action)
		if e.Action == actionRetain && (e.Details["entries"] != "0,2-3" || e.Details["number"] != "3" || e.Details["keep"] != "access=1y") {
			t.Errorf("announced as %v", e.Details)
		}
		return nil
	})
	if want := []string{"-", "permit grant", "-", "-", "ingest", "cohort count", "audit retain"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left: %q, %v", left, err)
	}
	if text := string(read(t, dir, entriesFile)); len(text) < len(before[entriesFile]) || strings.Contains(text, "marie-cohort count") || !strings.Contains(text, "marie-permit grant") {
		t.Errorf("what was removed is there, or something else is not:\n%s", text)
	}
	if n := len(lists(t, dir)); n != 1 {
		t.Errorf("%d lists of answers, want the one whose entry is kept", n)
	}
	if b, err := l.Prove(ctx, 3, nil, func(int64) {}); err != nil || len(b.Uses) != 1 || b.Uses[0].Answer.In == nil {
		t.Errorf("the uses that are left: %+v, %v", b.Uses, err)
	}
	appendSample(t, l, 7)
	if r, err := l.Retain(ctx, sample(101), limits, true); err != nil || len(r.Entries) != 0 {
		t.Errorf("nothing is left to remove: %+v, %v", r, err)
	}
	if report, err := check(dir); err != nil || report.Entries != 8 {
		t.Fatalf("%+v, %v", report, err)
	}
	// The log's own entries go with no limit.
	future := testTime.AddDate(1, 0, 0)
	if _, err := l.Retain(ctx, sample(102), map[Class]time.Time{Access: future, Governance: future, Operations: future, LogItself: future}, true); err != nil {
		t.Fatal(err)
	}
	if report, err := check(dir); err != nil || report.Pruned != 7 || report.Entries != 9 {
		t.Fatalf("%+v, %v", report, err)
	}
}

// lists returns the names of the lists of answers.
func lists(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(dir, usesDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if answerName.MatchString(f.Name()) {
			names = append(names, f.Name())
		}
	}
	return names
}

// A line that became its hash without a word about it is damage.
func TestSilentRemovalIsFound(t *testing.T) {
	_, dir := newLog(t, 4)
	whole := read(t, dir, entriesFile)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for i := range 4 {
		short, err := pruned(lines[i])
		if err != nil || len(short) != len(lines[i]) {
			t.Fatal(len(short), err)
		}
		changed := slices.Clone(lines)
		changed[i] = short
		write(t, dir, entriesFile, bytes.Join(changed, nil))
		if err := mustBeCorrupt(t, dir, "a silent removal"); err != nil && !strings.Contains(err.Error(), "no entry announces it") {
			t.Errorf("the error says %v", err)
		}
	}
}

// The shortest entry is long enough to hold its hash.
func TestShortestEntryCanGo(t *testing.T) {
	e := Entry{Time: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC).Truncate(time.Second).Add(time.Hour), Actor: "a", Action: "b", Outcome: "c"}
	line, err := e.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pruned(line); err != nil {
		t.Errorf("%d bytes: %v", len(line), err)
	}
}

// Removing is killed at each of its steps: the log is whole, with the entries or
// without, and the next time removes them.
func TestKilledRetain(t *testing.T) {
	limits := map[Class]time.Time{Access: testTime.Add(3 * time.Second)}
	for stop := 1; ; stop++ {
		l, dir := newLog(t, 0)
		answered(t, l, 0, persons(1, 2), persons(1))
		appendSample(t, l, 1)
		if _, err := l.Append(context.Background(), sample(9)); err != nil {
			t.Fatal(err)
		}
		left := stop
		l.fault = func(string) {
			if left--; left == 0 {
				panic("stopped")
			}
		}
		ended := func() (ended bool) {
			defer func() { ended = recover() == nil }()
			_, err := l.Retain(context.Background(), sample(10), limits, true)
			if err != nil {
				t.Error(err)
			}
			return true
		}()
		l, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Verify(context.Background()); err != nil {
			t.Fatalf("stopped at step %d: %v", stop, err)
		}
		if _, err := l.Retain(context.Background(), sample(11), limits, true); err != nil {
			t.Fatal(err)
		}
		if r, err := l.Verify(context.Background()); err != nil || r.Pruned != 2 {
			t.Fatalf("stopped at step %d and done again: %+v, %v", stop, r, err)
		}
		if ended {
			if stop < 8 {
				t.Fatalf("only %d steps", stop)
			}
			break
		}
	}
}

func TestSpans(t *testing.T) {
	var s spans
	for _, i := range []int64{0, 2, 3, 4, 9} {
		s.add(i)
	}
	if s.String() != "0,2-4,9" || s.count() != 5 || !s.has(3) || s.has(1) || s.has(10) {
		t.Errorf("%v", s)
	}
	got, err := parseSpans("7-9,0,2-4")
	if err != nil || !got.covers(span{2, 4}) || got.covers(span{4, 7}) || !append(got, span{5, 6}).covers(span{2, 9}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "a", "3-1", "1,,2", "-1-"} {
		if _, err := parseSpans(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
