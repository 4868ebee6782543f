package broadcast

import "time"

// The rule for readers that lag. A log keeps at most its backlog. When the
// oldest reader that must not lose anything is that far behind, the room is
// held: loops stop reading from its senders, and TCP makes those wait. So
// nothing is ever lost, and memory stays bounded. When every such reader is
// within three quarters of the backlog again, the room goes on.
//
// A reader that keeps the room held without moving would stop it for good, so
// a Stall tells when its time is up. Who lags while the room is not held, for
// however long, is left alone.

// Held reports whether the room is held: nobody may append until it is not.
func (l *Log) Held() bool { return l.held.Load() }

// released is how far behind the head every reader must be at most for a held
// room to go on. The distance to the backlog keeps the room from stopping and
// going with every message.
func (l *Log) released() uint64 { return l.backlog - l.backlog/4 }

// hold looks where the oldest reader really is and holds the room if it must.
// The caller holds l.mu.
func (l *Log) hold() {
	if !l.lagging(l.backlog) {
		return
	}
	l.held.Store(true)
	// A reader that advanced between the look and the store saw no hold, and
	// will not end it; so look once more.
	if !l.lagging(l.backlog) {
		l.held.Store(false)
	}
}

// reconsider ends the hold if all readers came close enough.
func (l *Log) reconsider() {
	l.mu.Lock()
	ended := l.held.Load() && !l.lagging(l.released()+1)
	if ended {
		l.held.Store(false)
	}
	l.mu.Unlock()
	if ended {
		l.wake(nil)
	}
}

// lagging reports whether a reader that must not lose anything is at least
// that many bytes behind the end. The caller holds l.mu.
func (l *Log) lagging(bytes uint64) bool {
	l.tail = l.oldest(func(c *Cursor) bool { return c.follower == nil || !c.follower.maySkip })
	return l.end.Load()-uint64(l.tail) >= bytes
}

// A Stall watches one client that lags and tells when it has held the room up
// for too long: for a whole timeout the room was held, the client was among
// those that kept it so, and it did not get a segment further. Its zero value
// is ready to use.
type Stall struct {
	running bool
	since   time.Time
	from    Position
}

// Exceeded reports whether the client, which stands at p, is to be
// disconnected. It is to be asked again and again for as long as the client
// lags, several times in a timeout.
func (s *Stall) Exceeded(l *Log, p Position, now time.Time, timeout time.Duration) bool {
	if !l.Held() || uint64(l.Head()-p) <= l.released() {
		s.running = false
		return false
	}
	if !s.running || p-s.from >= SegmentSize {
		s.running, s.since, s.from = true, now, p
		return false
	}
	return now.Sub(s.since) >= timeout
}
