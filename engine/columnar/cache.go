package columnar

import (
	"container/list"
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
	hits    int64
	misses  int64
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
// bytes, when the cache lacks it. A failure is not kept.
func cacheGet[T any](c *cache, key any, make func() (T, int64, error)) (T, error) {
	c.mu.Lock()
	if e, ok := c.entries[key]; ok {
		c.recent.MoveToFront(e)
		c.hits++
		c.mu.Unlock()
		it := e.Value.(*cached)
		<-it.ready
		if it.err != nil {
			var none T
			return none, it.err
		}
		return it.value.(T), nil
	}
	it := &cached{key: key, ready: newReady()}
	e := c.recent.PushFront(it)
	c.entries[key] = e
	c.misses++
	c.mu.Unlock()

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

func newReady() chan struct{} { return make(chan struct{}) }

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
