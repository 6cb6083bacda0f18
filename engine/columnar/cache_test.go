package columnar

import (
	"context"
	"errors"
	"testing"
	"time"
)

// afterFailure returns what a cache gives a goroutine that waits while another
// makes the value and fails.
func afterFailure(t *testing.T, failure error) (int, error) {
	t.Helper()
	c := newCache(1 << 20)
	making, fail, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_, err := cacheGet(c, "key", func() (int, int64, error) {
			close(making)
			<-fail
			return 0, 0, failure
		})
		if err != failure {
			t.Errorf("the maker's error is %v", err)
		}
	}()
	<-making
	time.AfterFunc(20*time.Millisecond, func() { close(fail) })
	value, err := cacheGet(c, "key", func() (int, int64, error) { return 7, 8, nil })
	<-done
	return value, err
}

// A question that someone gives up fails no one else's.
func TestCacheOfOneWhoGaveUp(t *testing.T) {
	if v, err := afterFailure(t, context.Canceled); err != nil || v != 7 {
		t.Errorf("who waited has %d, %v", v, err)
	}
	broken := errors.New("broken")
	if _, err := afterFailure(t, broken); err != broken {
		t.Errorf("who waited for what cannot be made has %v", err)
	}
}

// What is kept never exceeds the limit by more than the newest value, and the
// longest unused goes first.
func TestCacheLimit(t *testing.T) {
	const size = 1000 - overhead
	c := newCache(3000)
	get := func(key int) (made bool) {
		if v, err := cacheGet(c, key, func() (int, int64, error) { made = true; return key, size, nil }); v != key || err != nil {
			t.Fatalf("%d: %d, %v", key, v, err)
		}
		return made
	}
	for key := range 3 {
		get(key)
	}
	if get(0) {
		t.Error("a value was made twice though there is room")
	}
	get(3) // 1 is the longest unused
	for _, w := range []struct {
		key  int
		made bool
	}{{0, false}, {2, false}, {3, false}, {1, true}} {
		if made := get(w.key); made != w.made {
			t.Errorf("%d made again: %t", w.key, made)
		}
	}
	if c.used != 3000 || len(c.entries) != 3 || c.recent.Len() != 3 {
		t.Errorf("%d bytes used by %d entries", c.used, len(c.entries))
	}
}
