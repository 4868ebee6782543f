//go:build linux

package server

import (
	"sync"
	"sync/atomic"

	"sop-chat/internal/broadcast"
)

// An assignment is a connection on its way to the loop to which it will belong, with
// its join cursor; or one that the loop has and is to end, without one.
//
// A join cursor is a reader of the log on behalf of a connection that is about
// to be a member: it stays where that member begins, so that the log keeps all
// that is published until then.
type assignment struct {
	conn *conn
	join *broadcast.Cursor
}

// An inbox is where a loop finds what the acceptor assigns to it, which may be on
// another goroutine.
type inbox struct {
	assigned atomic.Int32 // members of the loop, and connections that are to be
	wake     func()       // wakes the loop
	mu       sync.Mutex
	waiting  []assignment // guarded by mu
}

func (b *inbox) put(a assignment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, a)
}

func (b *inbox) take() []assignment {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.waiting
	b.waiting = nil
	return taken
}
