package audit

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"
)

var testTime = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func newLog(t *testing.T, entries int) (*Log, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l, err := Create(dir, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		if _, err := l.Append(context.Background(), sample(i)); err != nil {
			t.Fatal(err)
		}
	}
	return l, dir
}

func sample(i int) Entry {
	return Entry{Time: testTime.Add(time.Duration(i) * time.Second), Actor: "marie", Action: "cohort count", Permit: "researcher-00000000",
		Snapshot: "0123456789abcdef", Outcome: "allowed", Details: map[string]string{"n": time.Duration(i).String()}}
}

func TestAppendVerify(t *testing.T) {
	l, _ := newLog(t, 9)
	r, err := l.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Entries != 9 {
		t.Fatalf("entries = %d", r.Entries)
	}
}
