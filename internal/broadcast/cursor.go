package broadcast

import (
	"sync/atomic"

	"sop-chat/internal/wire"
)

// A Cursor is a reader's position in a log: the reader is done with everything
// before it. A reader that serves many clients has one cursor, at the position of
// the client furthest back.
//
// Only its reader moves a cursor; any goroutine may read its position. It moves
// forward, with one exception: a reader may move its cursor back to where another
// cursor still keeps the log.
type Cursor struct {
	log      *Log
	at       atomic.Uint64
	wake     func()    // nil for a follower
	follower *Follower // nil for a reader that reads the log's memory itself
}

// Join adds a reader that must not lose anything, at the head. wake is called, from
// any goroutine, when there is something new for it; it must neither block nor call
// the log.
func (l *Log) Join(wake func()) *Cursor {
	return l.join(&Cursor{log: l, wake: wake}, l.Head)
}

// JoinBack is like Join, but at the beginning of what the log replays.
func (l *Log) JoinBack(wake func()) *Cursor {
	return l.join(&Cursor{log: l, wake: wake}, func() Position { return l.back(l.replayed) })
}

// JoinAfter is like Join, but after the message with a number, which the reader
// already has; or as close to it as what the log retains permits.
func (l *Log) JoinAfter(number uint64, wake func()) *Cursor {
	return l.join(&Cursor{log: l, wake: wake}, func() Position {
		oldest := l.oldestKept()
		if number < l.Number(oldest) {
			return oldest
		}
		return min(l.positionOf(number)+wire.Size, l.Head())
	})
}

func (l *Log) join(c *Cursor, at func() Position) *Cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := at()
	if l.packed != nil && p < l.packed.to {
		p = max(p, l.unpack())
	}
	c.at.Store(uint64(p))
	l.addReader(c)
	l.measure() // it may be further back than all others
	return c
}

// notify tells the reader that there is something new for it.
func (c *Cursor) notify() {
	if c.follower != nil {
		c.follower.notify()
		return
	}
	c.wake()
}

// watermarks returns the reader's watermarks.
func (c *Cursor) watermarks() watermarks {
	if c.follower == nil {
		return watermarksFor(c.log.backlog)
	}
	return c.follower.watermarks()
}

// Position returns where the cursor is.
func (c *Cursor) Position() Position { return Position(c.at.Load()) }

// Advance moves the cursor to p. If that ends a hold, or the pressure, all readers
// are woken.
func (c *Cursor) Advance(p Position) {
	c.at.Store(uint64(p))
	if c.log.pressed.Load() {
		c.log.reconsider()
	}
}

// Leave removes the cursor from the log, which no longer keeps anything for it.
func (c *Cursor) Leave() {
	l := c.log
	l.mu.Lock()
	var readers []*Cursor
	for _, other := range *l.readers.Load() {
		if other != c {
			readers = append(readers, other)
		}
	}
	l.readers.Store(&readers)
	l.mu.Unlock()
	if l.pressed.Load() {
		l.reconsider()
	}
	if l.closed.Load() {
		l.giveMemory()
	}
}
