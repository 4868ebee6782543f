//go:build linux

package server

// A drainingConn is a connection in the state draining, and why it will end.
type drainingConn struct {
	conn  *conn
	cause cause // zero if the last read decides
}

// startDraining makes a member whose connection is broken, or ended while the
// member was paused, stop being a reader of the room at once. So it does not hold
// the others up, and a room that it held itself goes on. What it had sent before
// is still read and published; then it ends.
func (l *loop) startDraining(c *conn, why cause) {
	if c.state != member {
		return
	}
	l.endLag(c)
	c.state = draining
	// Otherwise epoll would report it all the time, also while the room is held
	// and it may not be read.
	if errno := l.kernel.Remove(c.fd); errno != 0 {
		l.end(c, causeErrno("epoll_ctl", errno))
		return
	}
	l.draining = append(l.draining, drainingConn{c, why})
}

// drain reads from the draining connections, and ends those that have no more.
func (l *loop) drain() {
	if len(l.draining) == 0 || !l.retryAt.IsZero() {
		return
	}
	kept := l.draining[:0]
	for _, d := range l.draining {
		if l.drainOne(d) {
			kept = append(kept, d)
		}
	}
	clear(l.draining[len(kept):])
	l.draining = kept
}

// drainOne reads once and reports whether there may be more.
func (l *loop) drainOne(d drainingConn) bool {
	most := l.mayRead(d.conn)
	if most == 0 {
		l.shares.wait(l.now)
		return true
	}
	out, why := l.take(d.conn, most), d.cause
	switch {
	case out.kind == done:
		return true
	case out.kind == short:
		l.backOff()
		return true
	case why != cause{}:
	case out.kind == blocked:
		why = d.conn.causeEnd()
	default:
		why = out.cause
	}
	l.end(d.conn, why)
	return false
}
