//go:build linux

package server

import (
	"slices"
	"time"
)

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
	switch out := l.take(c, most); out.kind {
	case done:
		if (c.pongDue() || c.isBehind()) && c.lag == nil {
			l.beginLag(c)
			l.markReady(c)
		}
	case short:
		l.backOff()
		l.pause(c)
	case ended:
		l.end(c, out.cause)
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
// batch.
func (l *loop) take(c *conn, most int) outcome {
	came, whole, out := c.read(&l.system, l.room.log, l.batch.Free(), most)
	if came > 0 {
		l.shares.charge(c, came)
	}
	if whole > 0 {
		l.batch.Add(&c.Sender, whole)
		l.authors = append(l.authors, c)
	}
	return out
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

// readReceived reads from the members of which something had come before the server
// got them, and which epoll does not report for that.
func (l *loop) readReceived() {
	kept := l.unread[:0]
	for _, c := range l.unread {
		l.read(c)
		if c.hasReceived() {
			kept = append(kept, c)
		}
	}
	clear(l.unread[len(kept):])
	l.unread = kept
}

// mustReadReceived reports whether there is such a member that may be read.
func (l *loop) mustReadReceived() bool {
	return slices.ContainsFunc(l.unread, func(c *conn) bool { return !c.paused })
}
