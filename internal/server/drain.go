//go:build linux

package server

import "slices"

// A drainingConn is a connection in the state draining, and why it will end.
type drainingConn struct {
	conn  *conn
	cause cause // zero if the last read decides
}

// startDraining makes a member whose connection is broken, or ended while the
// member was paused, stop being a reader of the room at once. So it does not hold
// the others up, and a room that it held itself goes on. What it had sent before
// is still read and published, no faster than from a member; then it ends.
func (a *audience) startDraining(c *conn, why cause) {
	if c.state != member {
		return
	}
	a.endLag(c)
	c.state = draining
	// Otherwise epoll would report it all the time, also while the room is held
	// and it may not be read.
	if errno := a.kernel.Remove(int(c.fd)); errno != 0 {
		a.end(c, causeErrno("epoll_ctl", errno))
		return
	}
	a.draining = append(a.draining, drainingConn{c, why})
}

// dismiss ends a member that another takes the place of, or that may not stay. Only of the
// first what it had sent is still read: the other may send the rest of it.
func (a *audience) dismiss(c *conn, why cause) {
	if why == causeReplaced {
		a.startDraining(c, why)
		return
	}
	a.end(c, why)
}

// drain reads from the draining connections, and ends those that have no more.
func (a *audience) drain() {
	if a.retryAt.IsZero() && !a.hasLeftOff {
		a.draining = slices.DeleteFunc(a.draining, a.drainOne)
	}
}

// drainOne reads once and reports whether the connection has ended.
func (a *audience) drainOne(d drainingConn) bool {
	if d.conn.state == closed { // with its room
		return true
	}
	if d.conn.paused {
		return false
	}
	most := a.mayRead(d.conn)
	if most == 0 {
		a.shares.wait(a.now)
		return false
	}
	if most = min(most, a.rates.left(d.conn, a.now)); most == 0 {
		a.pauseLimited(d.conn)
		return false
	}
	out, why := a.take(d.conn, most), d.cause
	switch {
	case out.kind == done:
		return false
	case out.kind == short:
		a.backOff()
		return false
	case why != cause{}:
	case out.kind == blocked:
		why = d.conn.causeEnd()
	default:
		why = out.cause
	}
	a.end(d.conn, why)
	return true
}

// mustDrain reports whether there is a draining connection that may be read.
func (a *audience) mustDrain() bool {
	mayRead := !a.hasLeftOff && !a.room.takesNothing() && a.retryAt.IsZero() && a.shares.tickAt.IsZero()
	return mayRead && slices.ContainsFunc(a.draining, func(d drainingConn) bool { return !d.conn.paused })
}
