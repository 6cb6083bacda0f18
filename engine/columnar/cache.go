package columnar

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// cache keeps what was read or worked out, up to a number of bytes, and drops
// what was not used for longest. A value that several goroutines ask for at
// once is made once. Values do not change once they are in it.
type cache struct {
	limit int64

	mu      sync.Mutex
	used    int64
	entries map[any]*list.Element // of *cached
	recent  *list.List            // the latest used first
}

// cached is an entry; ready is closed once value, size and err are set.
type cached struct {
	key   any
	ready chan struct{}
	value any
	size  int64
	err   error
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, entries: map[any]*list.Element{}, recent: list.New()}
}

// overhead is what an entry costs beside its value.
const overhead = 256

// cacheGet returns the value of a key, which make makes, with its size in
// bytes, when the cache lacks it. A failure is not kept; one that is only the
// end of the maker's own context is not shared either: whoever waited makes the
// value anew.
func cacheGet[T any](c *cache, key any, make func() (T, int64, error)) (T, error) {
	e, mine := c.claim(key)
	for !mine {
		other := e.Value.(*cached)
		<-other.ready
		if other.err == nil {
			return other.value.(T), nil
		}
		if !errors.Is(other.err, context.Canceled) && !errors.Is(other.err, context.DeadlineExceeded) {
			var none T
			return none, other.err
		}
		e, mine = c.claim(key)
	}
	it := e.Value.(*cached)

	// A panic of make must not leave others waiting for ever.
	done := false
	defer func() {
		if !done {
			it.err = errMaking
			c.drop(key, e)
			close(it.ready)
		}
	}()
	value, size, err := make()
	done = true
	it.value, it.size, it.err = value, size+overhead, err
	if err != nil {
		c.drop(key, e)
	} else {
		c.keep(it.size)
	}
	close(it.ready)
	return value, err
}

// claim returns the entry of a key, and whether the caller is to make its value.
func (c *cache) claim(key any) (e *list.Element, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		c.recent.MoveToFront(e)
		return e, false
	}
	e = c.recent.PushFront(&cached{key: key, ready: make(chan struct{})})
	c.entries[key] = e
	return e, true
}

// drop forgets an entry that could not be made.
func (c *cache) drop(key any, e *list.Element) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
	c.recent.Remove(e)
}

// keep counts a new value and makes room. What is being made is left alone.
func (c *cache) keep(size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used += size
	for e := c.recent.Back(); e != nil && c.used > c.limit; {
		before := e.Prev()
		it := e.Value.(*cached)
		select {
		case <-it.ready:
			c.used -= it.size
			delete(c.entries, it.key)
			c.recent.Remove(e)
		default:
		}
		e = before
	}
}
