//go:build linux

package server

import (
	"math"
	"time"
)

// Pending connections take no slot in the room; they have bounds of their own.
//
// A whole class may connect through one address at the same moment and send
// nothing for as long as the network takes. So each connection has a grace.
// Within it, the only bound is on all of them together, and is a multiple of
// what is allowed afterwards, for bursts. Beyond that, the source that holds
// most is evicted from. A connection past its grace is late, and the late ones
// are held to the bounds, in all and for each source.
//
// Whatever the bounds, pending connections are also evicted when descriptors
// run short, see Descriptors.
const (
	// grace is how long a connection may send nothing although there are too
	// many: what a client that sends at once takes if one of its packets is lost.
	grace = 500 * time.Millisecond
	// burstFactor is how many times the bound may be exceeded within the grace.
	burstFactor = 16
)

// makeSpace evicts as many connections as a new one, on descriptor fd, leaves no
// space for. The new one itself is the last to be chosen.
func (a *acceptor) makeSpace(fd int) {
	for a.limits.pending > 0 && a.all.size > burstFactor*a.limits.pending {
		a.evict(a.all.victim())
	}
	d := a.limits.descriptors
	if d == (Descriptors{}) {
		return
	}
	if a.descriptorsShort = a.descriptorsShort || fd >= d.Short; !a.descriptorsShort {
		return
	}
	for next := a.nextFD(fd); next >= d.Short && a.all.size > d.ForPending && !a.evict(a.all.victim()); {
	}
}

// nextFD returns the number of the next descriptor. To find it, a descriptor must be
// open.
func (a *acceptor) nextFD(open int) int {
	fd, errno := a.kernel.NextFD(open)
	if errno != 0 {
		return math.MaxInt // there is none
	}
	return fd
}

// outOfDescriptors reports whether the next connection would get a descriptor
// that is not for connections.
func (a *acceptor) outOfDescriptors() bool {
	return a.descriptorsShort && a.nextFD(a.listeners[0]) >= a.limits.descriptors.Full
}

// evictFrom evicts a connection of a set and reports whether it did.
func (a *acceptor) evictFrom(s *pendingSet) bool {
	for s.size > 0 {
		if a.evict(s.victim()) {
			return true
		}
	}
	return false
}

// evict ends a pending connection and reports whether it did. A connection that
// has sent its key since it was last read is let in instead, if the key may be looked
// at.
func (a *acceptor) evict(p *pendingConn) bool {
	now := p.conn.state
	if now == pending {
		now = a.read(p.conn)
	}
	if now == pending || now == delayed || p.isEarly {
		now = a.end(p.conn, causeEvicted)
	}
	return now == closed
}

// evictLate holds the connections past their grace to the bounds.
func (a *acceptor) evictLate() {
	for a.firstInGrace != nil {
		p := a.firstInGrace.Value.(*pendingConn)
		if a.now.Before(p.since.Add(grace)) {
			return
		}
		a.firstInGrace = a.firstInGrace.Next()
		if p.inAll == nil {
			continue
		}
		p.inLate = a.late.add(p)
		a.holdLate(p)
	}
}

// holdLate holds the late connections to the bounds, after p was added to those of its
// source.
func (a *acceptor) holdLate(p *pendingConn) {
	source := sourceOf(p)
	oldest, of := a.late.victimAt(source)
	switch all, each := a.limits.pending, a.limits.pendingPerAddress; {
	case each > 0 && of > each && source.IsValid():
		a.evict(oldest)
	case all > 0 && a.late.size > all:
		a.evict(a.late.victim())
	}
}

// nextLateAt returns when the next grace is over; zero if that changes nothing.
func (a *acceptor) nextLateAt() time.Time {
	if a.firstInGrace == nil || a.limits.pending == 0 && a.limits.pendingPerAddress == 0 {
		return time.Time{}
	}
	return a.firstInGrace.Value.(*pendingConn).since.Add(grace)
}

// removeFromSets removes a connection that is no longer pending from the sets
// to evict from.
func (a *acceptor) removeFromSets(p *pendingConn) {
	if p.inAll != nil {
		a.all.remove(p, p.inAll)
	}
	if p.inLate != nil {
		a.late.remove(p, p.inLate)
	}
	p.inAll, p.inLate = nil, nil
}
