//go:build linux

package server

import (
	"math"
	"syscall"
	"time"
)

// Pending connections take no place in the room; they have bounds of their own.
//
// A whole class may come through one address at the same moment, and be silent
// for as long as the network takes. So within a grace, the only bound is on
// all of them together, a crowd of several times what is allowed afterwards;
// and beyond it the source that holds most is evicted from. Once the grace is
// over, a connection is late, and the late ones are held to the bounds, in all
// and for each source.
//
// Whatever the bounds, pending connections also give way when descriptors run
// short, see Descriptors.
const (
	// grace is how long a connection may be silent although there are too many:
	// what a client that speaks at once takes if a packet of it is lost.
	grace = 500 * time.Millisecond
	// crowd is how many times the bound may be exceeded within the grace.
	crowd = 16
)

// crowded reports whether there are more pending connections than even within
// the grace.
func (d *door) crowded() bool {
	return d.limits.pending > 0 && d.all.size > crowd*d.limits.pending
}

// makeSpace evicts what a new connection, on some descriptor, leaves no space
// for. The newcomer itself is the last to be chosen.
func (d *door) makeSpace(fd int) {
	for d.crowded() {
		d.evict(d.all.victim())
	}
	own := d.limits.descriptors
	if own == (Descriptors{}) {
		return
	}
	if d.near = d.near || fd >= own.Short; !d.near {
		return
	}
	for next := d.nextFD(); own.evicts(next, d.all.size) && !d.evict(d.all.victim()); {
	}
}

// nextFD returns the next descriptor. It asks with one that is open; without
// any listener there is no shortage either, as far as it can know.
func (d *door) nextFD() int {
	if len(d.listeners) == 0 {
		return 0
	}
	fd, errno := d.loop.kernel.NextFD(d.listeners[0])
	if errno != 0 {
		return math.MaxInt // there is none
	}
	return fd
}

// isOut reports whether the next connection would get a descriptor that is not
// for connections. One that is late gives way then; but clients have taken the
// rest, so nobody else is evicted for another that may find no place.
func (d *door) isOut() bool {
	if !d.near || d.nextFD() < d.limits.descriptors.Full {
		return false
	}
	for d.late.size > 0 {
		if d.evict(d.late.victim()) {
			d.loop.closeEnded()
			return false
		}
	}
	return true
}

// evictFor evicts a pending connection if an error was for want of descriptors,
// and reports whether it did.
func (d *door) evictFor(errno syscall.Errno) bool {
	for errno == syscall.EMFILE || errno == syscall.ENFILE {
		if d.all.size == 0 {
			return false
		}
		if d.evict(d.all.victim()) {
			return true
		}
	}
	return false
}

// evict ends a pending connection, unless what it has sent since it was last
// read lets it in, and reports whether it ended.
func (d *door) evict(g *guest) bool {
	c := g.conn
	is := d.readOn(c)
	if is == pending {
		d.loop.end(c, causeEvicted)
	}
	return is != greeting
}

// readOn reads from a pending connection and returns what it is then: pending,
// closed, or else greeting, although it may be a member by now. Then it may
// belong to another loop, so that only the door's own lists may be asked.
func (d *door) readOn(c *conn) state {
	ended := len(d.loop.ended)
	d.read(c)
	switch g := d.guestOf[c]; {
	case len(d.loop.ended) > ended:
		return closed
	case g != nil && g.place == nil:
		return pending
	}
	return greeting
}

// evictLate holds those to the bounds for which the grace is over.
func (d *door) evictLate() {
	for d.fresh != nil {
		g := d.fresh.Value.(*guest)
		if d.loop.now.Before(g.since.Add(grace)) {
			return
		}
		d.fresh = d.fresh.Next()
		if g.conn.state != pending {
			continue
		}
		g.inLate = d.late.add(g)
		oldest, of := d.late.victimAt(sourceOf(g))
		switch all, each := d.limits.pending, d.limits.pendingPerAddress; {
		case each > 0 && of > each:
			d.evict(oldest)
		case all > 0 && d.late.size > all:
			d.evict(d.late.victim())
		}
	}
}

// lateAt returns when the next connection is late; zero if none ever is.
func (d *door) lateAt() time.Time {
	if d.fresh == nil || d.limits.pending == 0 && d.limits.pendingPerAddress == 0 {
		return time.Time{}
	}
	return d.fresh.Value.(*guest).since.Add(grace)
}

// untrack takes a connection that is no longer pending out of those that can be
// evicted.
func (d *door) untrack(g *guest) {
	if g.inAll != nil {
		d.all.remove(g, g.inAll)
	}
	if g.inLate != nil {
		d.late.remove(g, g.inLate)
	}
	g.inAll, g.inLate = nil, nil
}
