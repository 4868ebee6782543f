//go:build linux

package server

import "time"

// watch looks at those who should not be waited for any longer.
func (l *loop) watch() {
	l.watchStalls()
	l.watchWindows()
}

// watchStalls disconnects who has held the room up for too long.
func (l *loop) watchStalls() {
	if len(l.lagging) == 0 || !l.room.log.Held() {
		l.stallAt = time.Time{}
		return
	}
	if !l.stallAt.IsZero() && l.now.Before(l.stallAt) {
		return
	}
	const looks = 8 // in a timeout: a stall ends at most an eighth late
	l.stallAt = l.now.Add(max(l.limits.stall/looks, time.Millisecond))
	log := l.room.log
	// Backwards: who catches up or ends is replaced by one already seen.
	for i := len(l.lagging) - 1; i >= 0; i-- {
		c := l.lagging[i]
		// A socket is called writable only when a third of its buffer is
		// free. One that takes less at a time makes progress all the same.
		if !c.lag.starved {
			l.write(c, log.Head())
		}
		if c.lag != nil && c.lag.stall.Exceeded(log, c.cursor, l.now, l.limits.stall) {
			l.end(c, causeStall(l.limits.stall))
		}
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
