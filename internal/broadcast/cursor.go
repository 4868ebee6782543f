package broadcast

import "sync/atomic"

// A Cursor is a reader's place in a log: everything before it the reader is
// done with. A reader that serves many clients has one cursor, at the one of
// them that is furthest back.
//
// Only its reader moves it; everybody may look at it. It moves forward, but for
// one exception: a reader may go back to a position at which another cursor
// still keeps the log, and so take over from it.
type Cursor struct {
	log      *Log
	at       atomic.Uint64
	wake     func()
	follower *Follower // nil for a reader that reads the log's memory itself
}

// Join registers a reader that must not lose anything, at the head. wake is
// called, from any goroutine, when there is something new for it to look at;
// it must neither block nor call the log.
func (l *Log) Join(wake func()) *Cursor {
	return l.join(&Cursor{log: l, wake: wake}, l.Head)
}

// JoinBack is Join at the beginning of what the log retains, for a reader that
// is to get what came before it.
func (l *Log) JoinBack(wake func()) *Cursor {
	return l.join(&Cursor{log: l, wake: wake}, l.back)
}

func (l *Log) join(c *Cursor, at func() Position) *Cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.at.Store(uint64(at()))
	readers := append([]*Cursor(nil), *l.readers.Load()...)
	readers = append(readers, c)
	l.readers.Store(&readers)
	l.measure() // it may come from further back than all others
	return c
}

// marks returns the reader's watermarks.
func (c *Cursor) marks() marks {
	if c.follower == nil {
		return marksOf(c.log.backlog)
	}
	return c.follower.marks()
}

// Position returns where the cursor is.
func (c *Cursor) Position() Position { return Position(c.at.Load()) }

// Advance moves the cursor to p. If the room is then no longer held, or pressed,
// all readers are woken.
func (c *Cursor) Advance(p Position) {
	c.at.Store(uint64(p))
	if c.log.pressed.Load() {
		c.log.reconsider()
	}
}

// Leave takes the cursor out of the log; nothing is kept for it any more.
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
		l.closeMemory()
	}
}
