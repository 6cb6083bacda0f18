package api

import (
	"context"
	"slices"
	"sync"

	"galien"
)

// maxWaiting is how many questions may stand in the queue.
const maxWaiting = 64

// queue lets a bounded number of questions through at once, the others in the
// order in which they came.
type queue struct {
	mu      sync.Mutex
	free    int // places at the engine that nobody has
	running int
	waiting []*turn
	closed  bool
}

// turn is the place of one question in the queue.
type turn struct {
	come chan struct{} // closed when the wait is over
	lost bool          // the queue was closed before the turn came
}

func newQueue(atOnce int) *queue { return &queue{free: atOnce} }

var errStopping = galien.Errorf(galien.Busy, "the server is stopping; ask again in a moment")

// enter waits for a place and returns what gives it back, to be called once.
// It fails with Busy when too many wait already or the queue is closed, and
// with the context's error when that ends first.
func (q *queue) enter(ctx context.Context) (leave func(), err error) {
	q.mu.Lock()
	switch {
	case q.closed:
		q.mu.Unlock()
		return nil, errStopping
	case q.free > 0:
		q.free--
		q.running++
		q.mu.Unlock()
		return q.leave, nil
	case len(q.waiting) >= maxWaiting:
		q.mu.Unlock()
		return nil, galien.Errorf(galien.Busy, "%d questions are waiting already; ask again in a moment", maxWaiting)
	}
	t := &turn{come: make(chan struct{})}
	q.waiting = append(q.waiting, t)
	q.mu.Unlock()

	select {
	case <-t.come:
	case <-ctx.Done():
		q.mu.Lock()
		i := slices.Index(q.waiting, t)
		if i >= 0 {
			q.waiting = slices.Delete(q.waiting, i, i+1)
		}
		q.mu.Unlock()
		if i < 0 && !t.lost {
			q.leave() // the turn came at the same moment
		}
		return nil, ctx.Err()
	}
	if t.lost {
		return nil, errStopping
	}
	return q.leave, nil
}

// leave gives the place to the next one.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.free++
		q.running--
		return
	}
	next := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	close(next.come)
}

// close sends everyone who waits away, and whoever comes later.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, t := range q.waiting {
		t.lost = true
		close(t.come)
	}
	q.waiting = nil
}

// length returns how many questions run and how many wait.
func (q *queue) length() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running, len(q.waiting)
}
