//go:build linux

package server

import (
	"slices"
	"time"

	"sop-chat/internal/wire"
)

// read reads what a member sent. It pauses the member instead while the room is
// held, when the member has sent its share of what a pressed room takes, or when it
// has sent more than the room's rate permits; TCP then makes the member wait.
func (a *audience) read(c *conn) {
	if c.state != member || c.paused {
		return
	}
	most := a.mayRead(c)
	if most == 0 {
		a.pause(c)
		return
	}
	if a.rates.limit != nil {
		if most = min(most, a.rates.left(c, a.now)); most == 0 {
			a.pauseLimited(c)
			return
		}
	}
	switch out := a.take(c, most); out.kind {
	case done:
		if (c.pongDue() || c.isBehind()) && c.lag == nil {
			a.writeSoon(c)
		}
	case short:
		a.backOff()
		a.pause(c)
	case ended:
		a.end(c, out.cause)
	}
}

// mayRead returns how many bytes the room takes from a member now, and makes sure
// that the batch has space for them.
func (a *audience) mayRead(c *conn) int {
	log := a.room.input()
	// What is read but not appended does not press the room yet, so it may not
	// add up to more than what is left below the low watermark.
	if len(a.batch.Free()) < maxRead || a.batch.Len() >= log.Headroom() && !log.Pressed() {
		a.publish()
	}
	switch {
	case a.room.takesNothing():
		return 0
	case log.Pressed():
		return a.shares.left(c)
	}
	return maxRead
}

// take reads at most that many bytes from c, once. Whole messages go into the
// batch.
func (a *audience) take(c *conn, most int) outcome {
	space := a.batch.Free()
	came, whole, out := c.read(a.system, a.room.log, space, most)
	if came > 0 {
		a.shares.charge(c, came)
		a.rates.charge(c, came, a.now)
	}
	if whole > 0 {
		if a.room.verify.Load() {
			wire.SetNames(space[:whole], c.Name)
		}
		a.batch.Add(&c.Sender, whole)
		a.authors = append(a.authors, c)
	}
	return out
}

// pause stops reading from a member until the room takes more, or the member has
// a share again.
func (a *audience) pause(c *conn) {
	c.paused = true
	a.paused = append(a.paused, c)
	a.shares.wait(a.now)
	a.arm(c)
}

// backOff sets when to retry what failed for a shortage.
func (a *audience) backOff() {
	if a.retryAt.IsZero() { // later failures do not postpone it
		a.retryAt = a.now.Add(shortagePause)
	}
}

// resume ends the pauses whose reason is over.
func (a *audience) resume() {
	if !a.retryAt.IsZero() {
		if a.now.Before(a.retryAt) {
			return
		}
		a.retryAt = time.Time{}
		a.retryDeferred()
	}
	if a.room.takesNothing() || a.now.Before(a.shares.tickAt) {
		return
	}
	a.shares.tickAt = time.Time{}
	a.paused = slices.DeleteFunc(a.paused, func(c *conn) bool {
		c.paused = c.state == member && a.shares.left(c) == 0
		if c.state == member && !c.paused {
			a.arm(c)
		}
		return !c.paused
	})
	if len(a.paused) > 0 {
		a.shares.wait(a.now)
	}
}

// readReceived reads from the members of which something had come before the server
// got them, and which epoll does not report for that.
func (a *audience) readReceived() {
	if a.hasLeftOff {
		return
	}
	a.unread = slices.DeleteFunc(a.unread, func(c *conn) bool {
		a.read(c)
		return !c.hasReceived()
	})
}

// mustReadReceived reports whether there is such a member that may be read.
func (a *audience) mustReadReceived() bool {
	return slices.ContainsFunc(a.unread, func(c *conn) bool { return !c.paused })
}
