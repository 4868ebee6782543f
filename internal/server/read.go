//go:build linux

package server

import (
	"syscall"
	"time"

	"sop-chat/internal/wire"
)

// maxRead is how much is read from one client in one wake-up, in bytes, so
// that a client that floods the server does not keep the others waiting.
const maxRead = 64 << 10

// read reads what a member sent. It pauses the member instead while the room is
// held, or when the member has sent its share of what a pressed room takes; TCP
// then makes the member wait.
func (l *loop) read(c *conn) {
	if c.state != member || c.paused {
		return
	}
	most := l.mayRead(c)
	if most == 0 {
		l.pause(c)
		return
	}
	n, errno := l.take(c, most)
	switch {
	case errno == syscall.EAGAIN:
	case shortage(errno):
		l.backOff()
		l.pause(c)
	case errno != 0:
		l.end(c, causeErrno("read", errno))
	case n == 0 || c.hasEnded():
		l.end(c, l.causeEnd(c))
	case (c.pongDue() || c.isBehind()) && c.lag == nil:
		l.beginLag(c)
		l.markReady(c)
	}
}

// mayRead returns how many bytes the room takes from a member now, and makes sure
// that the batch has space for them.
func (l *loop) mayRead(c *conn) int {
	log := l.room.log
	// What is read but not appended does not press the room yet, so it may not
	// add up to more than what is left below the low watermark.
	if len(l.batch.Free()) < maxRead || l.batch.Len() >= log.Headroom() && !log.Pressed() {
		l.publish()
	}
	switch {
	case log.Held():
		return 0
	case log.Pressed():
		return l.shares.left(c)
	}
	return maxRead
}

// take reads at most that many bytes from c, once. Whole messages go into the
// batch. The rest stays with c until its next bytes come.
func (l *loop) take(c *conn, most int) (int, syscall.Errno) {
	space := l.batch.Free()
	have := copy(space, c.incomplete())
	space = space[:min(maxRead, have+most)]
	n, data, errno := l.receive(c, space[have:])
	if errno != 0 || n == 0 {
		return 0, errno
	}
	l.shares.charge(c, n)
	whole := wire.Whole(have + data)
	l.keep(c, space[whole:have+data])
	if whole > 0 {
		l.batch.Add(&c.Sender, whole)
		l.authors = append(l.authors, c)
	}
	return n, 0
}

// keep stores the bytes of an incomplete message, in place of those before.
func (l *loop) keep(c *conn, rest []byte) {
	if len(rest) > 0 {
		p := l.partialOf(c)
		p.have = copy(p.message[:], rest)
	} else if c.partial != nil {
		c.partial.have = 0
		l.dropPartial(c)
	}
}

// partialOf returns the partial of a connection, which it has from now on until
// dropPartial.
func (l *loop) partialOf(c *conn) *partial {
	if c.partial == nil {
		if last := len(l.partials) - 1; last >= 0 {
			c.partial, l.partials = l.partials[last], l.partials[:last]
		} else {
			c.partial = new(partial)
		}
	}
	return c.partial
}

// dropPartial gives the partial of a connection back if nothing is incomplete, or the
// connection is closed. A few are kept for reuse.
func (l *loop) dropPartial(c *conn) {
	if c.partial == nil || c.state != closed && (c.partial.have > 0 || !c.partial.frames.isIdle()) {
		return
	}
	const kept = 64
	if len(l.partials) < kept {
		c.partial.have, c.partial.frames = 0, frames{}
		l.partials = append(l.partials, c.partial)
	}
	c.partial = nil
}

func (l *loop) causeEnd(c *conn) cause {
	if rule := c.violation(); rule != "" {
		return causeViolation(rule)
	}
	if have := len(c.incomplete()); have > 0 {
		return causeIncomplete(have)
	}
	return causeEnd
}

// pause stops reading from a member until the room takes more, or the member has
// a share again.
func (l *loop) pause(c *conn) {
	c.paused = true
	l.paused = append(l.paused, c)
	l.shares.wait(l.now)
	l.arm(c)
}

// backOff sets when to retry what failed for a shortage.
func (l *loop) backOff() {
	if l.retryAt.IsZero() { // later failures do not postpone it
		l.retryAt = l.now.Add(shortagePause)
	}
}

// resume ends the pauses whose reason is over.
func (l *loop) resume() {
	if !l.retryAt.IsZero() {
		if l.now.Before(l.retryAt) {
			return
		}
		l.retryAt = time.Time{}
		l.retryDeferred()
	}
	if l.room.log.Held() || l.now.Before(l.shares.tickAt) {
		return
	}
	l.shares.tickAt = time.Time{}
	kept := l.paused[:0]
	for _, c := range l.paused {
		if c.state == member && l.shares.left(c) == 0 {
			kept = append(kept, c)
			continue
		}
		c.paused = false
		if c.state == member {
			l.arm(c)
		}
	}
	clear(l.paused[len(kept):])
	if l.paused = kept; len(kept) > 0 {
		l.shares.wait(l.now)
	}
}

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
	n, errno := l.take(d.conn, most)
	why := d.cause
	switch {
	case errno == 0 && n > 0:
		return true
	case shortage(errno):
		l.backOff()
		return true
	case why != cause{}:
	case errno == 0 || errno == syscall.EAGAIN:
		why = l.causeEnd(d.conn)
	default:
		why = causeErrno("read", errno)
	}
	l.end(d.conn, why)
	return false
}
