//go:build linux

package server

import (
	"time"

	"sop-chat/internal/broadcast"
)

// watch looks at those who should not be waited for any longer.
func (l *loop) watch() {
	l.watchStalls()
	l.watchWindows()
}

// stallLooks is how often a lagging member is looked at in a stall timeout: one
// whose time is up goes an eighth late at most.
const stallLooks = 8

// watchStalls disconnects members that have held or pressed the room for too
// long.
func (l *loop) watchStalls() {
	log := l.room.log
	held, due := log.Held(), !l.stallAt.IsZero() && !l.now.Before(l.stallAt)
	begins := log.Pressed() && l.stallAt.IsZero()
	if held == l.wasHeld && !begins && !due { // a hold's time is counted from its beginning to its end
		return
	}
	l.wasHeld = held
	for c, stall := range l.stalls {
		if c.lag == nil { // or it is looked at below
			stall.Look(log, c.cursor, l.now, l.limits.stall)
		}
		if stall.IsClear(l.now) {
			delete(l.stalls, c)
		}
	}
	// Backwards: one that catches up or ends is replaced by one already seen.
	for i := len(l.lagging) - 1; i >= 0; i-- {
		c := l.lagging[i]
		// A socket is called writable only when a third of its buffer is
		// free. One that takes less at a time makes progress all the same.
		if due && !c.lag.starved {
			l.write(c, log.Head())
		}
		if c.lag != nil {
			l.watchStall(c)
		}
	}
	switch {
	case !log.Pressed():
		l.stallAt = time.Time{}
	case begins || due:
		l.stallAt = l.now.Add(max(l.limits.stall/stallLooks, time.Millisecond))
	}
}

func (l *loop) watchStall(c *conn) {
	stall := l.stalls[c]
	if stall == nil {
		if !l.room.log.Presses(c.cursor) {
			return
		}
		stall = new(broadcast.Stall)
		if l.stalls == nil {
			l.stalls = make(map[*conn]*broadcast.Stall)
		}
		l.stalls[c] = stall
	}
	switch stall.Look(l.room.log, c.cursor, l.now, l.limits.stall) {
	case broadcast.TookTooLittle:
		l.end(c, causeTookTooLittle(l.limits.stall))
	case broadcast.HeldTooLong:
		l.end(c, causeHeldTooLong(l.limits.stall))
	}
}

const (
	// windowLooks is how often a member's window is looked at within the time
	// after which the kernel would give the connection up.
	windowLooks = 4
	// windowsAtOnce is how many are looked at in one wake-up.
	windowsAtOnce = 256
)

// watchWindows keeps TCP_USER_TIMEOUT from ending a connection whose peer is
// there but does not read, such as a program that sits in a dialog: for the
// kernel, data that stays unsent because the peer's window is shut is the same
// as a peer that is gone. So the timeout is off while the window is shut; a
// peer that then vanishes is found by the kernel's own, much longer rule.
func (l *loop) watchWindows() {
	if len(l.members) == 0 || l.limits.peer == 0 {
		l.sweepAt = time.Time{}
		return
	}
	rounds := len(l.members)/windowsAtOnce + 1
	pause := l.limits.peer / windowLooks / time.Duration(rounds)
	if l.sweepAt.IsZero() {
		l.sweepAt = l.now.Add(pause)
	}
	if l.now.Before(l.sweepAt) {
		return
	}
	l.sweepAt = l.now.Add(pause)
	for range min(windowsAtOnce, len(l.members)) {
		l.sweepIndex = (l.sweepIndex + 1) % len(l.members)
		l.lookAtWindow(l.members[l.sweepIndex])
	}
}

func (l *loop) lookAtWindow(c *conn) {
	if c.state != member {
		return
	}
	if shut := l.kernel.WindowShut(c.fd); shut != c.patient {
		c.patient = shut
		timeout := l.limits.peer
		if shut {
			timeout = 0
		}
		l.kernel.SetUserTimeout(c.fd, timeout)
	}
}
