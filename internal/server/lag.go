//go:build linux

package server

import "sop-chat/internal/broadcast"

// A lag is what a loop keeps for a member whose socket took less than there was.
type lag struct {
	index    int  // in the loop's lagging
	ready    bool // it is in the loop's list of members to be written to again
	deferred bool // the kernel lacked memory for the write; the socket may have space
}

// flush writes every member what it has yet to receive, straight out of the log.
func (l *loop) flush() {
	head := l.room.log.Head()
	l.output.beginFlush(int(head-l.written), len(l.ready))
	for _, c := range l.ready {
		if c.lag != nil {
			c.lag.ready = false
			l.write(c, head)
		}
	}
	clear(l.ready)
	l.ready = l.ready[:0]
	if l.written != head {
		for _, c := range l.members {
			if c.lag == nil && c.cursor < head && c.state == member {
				l.write(c, head)
			}
		}
		l.written = head
	}
	l.output.endLap()
}

// write sends a member the log up to head, as far as its socket takes it. The rest is
// sent when the socket is writable again, and nobody waits for that.
func (l *loop) write(c *conn, head broadcast.Position) {
	switch out := c.write(&l.output, head); out.kind {
	case done:
		l.endLag(c)
		l.arm(c)
	case blocked:
		l.awaitWritable(c)
	case short:
		l.deferWrite(c)
	case ended:
		l.startDraining(c, out.cause)
	}
}

// awaitWritable has the rest written to c when its socket is writable.
func (l *loop) awaitWritable(c *conn) {
	l.beginLag(c)
	c.lag.deferred = false
	l.arm(c)
}

// deferWrite has the rest written to c when the kernel may have memory for it
// again. Until then epoll might report its socket as writable all the time, so
// the loop does not wait for that.
func (l *loop) deferWrite(c *conn) {
	l.beginLag(c)
	c.lag.deferred = true
	l.backOff()
	l.arm(c)
}

// retryDeferred marks the members whose writes were deferred as ready.
func (l *loop) retryDeferred() {
	for _, c := range l.lagging {
		if c.lag.deferred {
			l.markReady(c)
		}
	}
}

// markReady has c, which lags, written to in this wake-up.
func (l *loop) markReady(c *conn) {
	if !c.lag.ready {
		c.lag.ready = true
		l.ready = append(l.ready, c)
	}
}

// beginLag adds c to the lagging members.
func (l *loop) beginLag(c *conn) {
	if c.lag != nil {
		return
	}
	if last := len(l.spareLags) - 1; last >= 0 {
		c.lag, l.spareLags = l.spareLags[last], l.spareLags[:last]
	} else {
		c.lag = new(lag)
	}
	c.lag.index = len(l.lagging)
	l.lagging = append(l.lagging, c)
}

// endLag removes c from the lagging members.
func (l *loop) endLag(c *conn) {
	if c.lag == nil {
		return
	}
	last := len(l.lagging) - 1
	moved := l.lagging[last]
	l.lagging[c.lag.index] = moved
	moved.lag.index = c.lag.index
	l.lagging[last] = nil
	l.lagging = l.lagging[:last]

	const kept = 64
	if len(l.spareLags) < kept {
		*c.lag = lag{}
		l.spareLags = append(l.spareLags, c.lag)
	}
	c.lag = nil
}
