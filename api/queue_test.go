package api

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"galien"
)

// until waits for a condition that other goroutines bring about.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after ten seconds still not: %s", what)
		}
	}
}

func (q *queue) waits(n int) func() bool {
	return func() bool { _, waiting := q.length(); return waiting == n }
}

// Whoever came first is first, and those who gave up are passed over.
func TestQueueOrder(t *testing.T) {
	q := newQueue(1)
	leave, err := q.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []int
	var wg sync.WaitGroup
	leaving, giveUp := context.WithCancel(t.Context())
	for i := range 10 {
		ctx := t.Context()
		if i%3 == 1 {
			ctx = leaving
		}
		wg.Go(func() {
			leave, err := q.enter(ctx)
			if i%3 == 1 {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%d gave up: %v", i, err)
				}
				return
			}
			if err != nil {
				t.Errorf("%d: %v", i, err)
				return
			}
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			leave()
		})
		until(t, "everyone stands in the queue", q.waits(i+1))
	}
	giveUp()
	until(t, "those who gave up are gone", q.waits(7))
	leave()
	wg.Wait()
	if want := []int{0, 2, 3, 5, 6, 8, 9}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if running, waiting := q.length(); running != 0 || waiting != 0 || q.free != 1 {
		t.Errorf("afterwards %d run, %d wait, %d places are free", running, waiting, q.free)
	}
}

// As many run at once as there are places, never more, whoever gives up when.
func TestQueueBound(t *testing.T) {
	const places = 3
	q := newQueue(places)
	var mu sync.Mutex
	inside, most := 0, 0
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			ctx := t.Context()
			if i%4 == 0 {
				short, cancel := context.WithTimeout(ctx, time.Duration(i)*100*time.Microsecond)
				defer cancel()
				ctx = short
			}
			leave, err := q.enter(ctx)
			if err != nil {
				return
			}
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			inside--
			mu.Unlock()
			leave()
		})
	}
	wg.Wait()
	if most != places {
		t.Errorf("%d ran at once, want %d", most, places)
	}
	if running, waiting := q.length(); running != 0 || waiting != 0 || q.free != places {
		t.Errorf("afterwards %d run, %d wait, %d places are free", running, waiting, q.free)
	}
}

func TestQueueIsFull(t *testing.T) {
	q := newQueue(1)
	leave, err := q.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range maxWaiting {
		wg.Go(func() {
			leave, err := q.enter(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			leave()
		})
	}
	until(t, "the queue is full", q.waits(64))
	if _, err := q.enter(t.Context()); galien.KindOf(err) != galien.Busy {
		t.Errorf("the 65th: %v", err)
	}
	leave()
	wg.Wait()
	if leave, err = q.enter(t.Context()); err != nil {
		t.Fatalf("afterwards: %v", err)
	}
	leave()
}

func TestQueueCloses(t *testing.T) {
	q := newQueue(1)
	leave, err := q.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() {
		_, err := q.enter(t.Context())
		waited <- err
	}()
	until(t, "one waits", q.waits(1))
	q.close()
	if err := <-waited; galien.KindOf(err) != galien.Busy {
		t.Errorf("who waited: %v", err)
	}
	if _, err := q.enter(t.Context()); galien.KindOf(err) != galien.Busy {
		t.Errorf("who comes later: %v", err)
	}
	leave()
	if running, _ := q.length(); running != 0 {
		t.Errorf("%d run", running)
	}
}
