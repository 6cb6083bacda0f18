package main

import (
	"context"
	"sync"

	"galien/lake"
)

// servedEngine is what a server asks of its engine.
type servedEngine interface {
	counter
	Version(ctx context.Context) (string, error)
	Close() error
}

// keptEngine keeps the engine of one snapshot from question to question. The
// engine of an earlier snapshot is closed when its last question ends.
type keptEngine struct {
	open func(s *lake.Snapshot) (servedEngine, error)

	mu      sync.Mutex
	current *usedEngine // nil before the first question
}

// usedEngine is an open engine and the questions that run on it.
type usedEngine struct {
	servedEngine
	snapshot string
	users    int
	retired  bool
}

// use returns the engine of a snapshot, and what lets it go.
func (k *keptEngine) use(s *lake.Snapshot) (servedEngine, func(), error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current == nil || k.current.snapshot != s.ID {
		k.retire()
		e, err := k.open(s)
		if err != nil {
			return nil, nil, err
		}
		k.current = &usedEngine{servedEngine: e, snapshot: s.ID}
	}
	u := k.current
	u.users++
	return u, func() { k.leave(u) }, nil
}

func (k *keptEngine) leave(u *usedEngine) {
	k.mu.Lock()
	defer k.mu.Unlock()
	u.users--
	if u.retired && u.users == 0 {
		_ = u.Close()
	}
}

// retire closes the current engine, or leaves that to its last question.
func (k *keptEngine) retire() {
	u := k.current
	if u == nil {
		return
	}
	k.current = nil
	u.retired = true
	if u.users == 0 {
		_ = u.Close()
	}
}

// close closes the engine once no question runs on it.
func (k *keptEngine) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.retire()
}
