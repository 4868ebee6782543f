package broadcast

import "time"

// The rule for readers that lag. A log keeps at most its backlog. When the
// oldest reader that must not lose anything is that far behind, the room is
// held: loops stop reading from its senders, and TCP makes those wait. So
// nothing is ever lost, and memory stays bounded. When every such reader is
// within three quarters of the backlog again, the room goes on. A follower may
// have a smaller limit than the backlog (Limit).
//
// A reader that keeps the room held without moving would stop it for good, so
// a Stall tells when its time is up. Who lags while the room is not held, for
// however long, is left alone.

// Held reports whether the room is held: nobody may append until it is not.
func (l *Log) Held() bool { return l.held.Load() }

// released is how far behind the end a reader with some limit must be at most
// for a held room to go on. The distance to the limit keeps the room from
// stopping and going with every message.
func released(limit uint64) uint64 { return limit - limit/4 }

func isTooFar(lag, limit uint64) bool   { return lag >= limit }
func isStillFar(lag, limit uint64) bool { return lag > released(limit) }

// hold looks where the readers really are and holds the room if it must. The
// caller holds l.mu.
func (l *Log) hold() {
	if !l.lagging(isTooFar) {
		return
	}
	l.held.Store(true)
	// A reader that advanced between the look and the store saw no hold, and
	// will not end it; so look once more.
	if !l.lagging(isTooFar) {
		l.held.Store(false)
	}
}

// reconsider ends the hold if all readers came close enough.
func (l *Log) reconsider() {
	l.mu.Lock()
	ended := l.held.Load() && !l.lagging(isStillFar)
	if ended {
		l.held.Store(false)
	}
	l.mu.Unlock()
	if ended {
		l.wake(nil)
	}
}

// lagging reports whether a reader that must not lose anything is far behind
// the end, for its limit. What is not yet published counts too. The caller
// holds l.mu.
func (l *Log) lagging(isFar func(lag, limit uint64) bool) bool {
	end, tail, least := l.end.Load(), l.head.Load(), l.backlog
	lagging := isFar(end-tail, l.backlog)
	for _, c := range *l.readers.Load() {
		if c.follower != nil && c.follower.maySkip {
			continue
		}
		at, limit := c.at.Load(), c.limit()
		tail, least = min(tail, at), min(least, limit)
		lagging = lagging || isFar(end-at, limit)
	}
	l.tail, l.least = Position(tail), least
	return lagging
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
	if !l.Held() || uint64(l.Head()-p) <= released(l.backlog) {
		s.running = false
		return false
	}
	if !s.running || p-s.from >= SegmentSize {
		s.running, s.since, s.from = true, now, p
		return false
	}
	return now.Sub(s.since) >= timeout
}
