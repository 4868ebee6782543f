//go:build linux

package server

import (
	"time"

	"sop-chat/internal/broadcast"
)

// checkTimeouts ends what has lasted too long, as far as the loop's members are
// concerned.
func (l *loop) checkTimeouts() {
	l.checkStalls()
	l.checkWindows()
	l.checkPings()
}

const (
	// pingInterval is how often each WebSocket is sent a ping, unless Config says
	// otherwise. Some proxies close what is silent for a minute.
	pingInterval = 30 * time.Second
	// maxPingChecks is how many of them are looked at in one wake-up.
	maxPingChecks = 256
)

// checkPings sends pings to WebSockets and disconnects those whose clients did not
// answer the last ones. Keep-alive does not find those: at the far end of the
// connection may be a proxy. A client that does not read, or is not read because the
// room is held, is merely slow.
func (l *loop) checkPings() {
	if l.webSockets == 0 {
		l.checkPingsAt = time.Time{}
		return
	}
	rounds := len(l.members)/maxPingChecks + 1
	pause := l.limits.ping / time.Duration(rounds)
	if l.checkPingsAt.IsZero() {
		l.checkPingsAt = l.now.Add(pause)
	}
	if l.now.Before(l.checkPingsAt) {
		return
	}
	l.checkPingsAt = l.now.Add(pause)
	for range min((len(l.members)+rounds-1)/rounds, len(l.members)) {
		l.pingIndex = (l.pingIndex + 1) % len(l.members)
		l.checkPing(l.members[l.pingIndex])
	}
}

func (l *loop) checkPing(c *conn) {
	if c.state != member || !c.isWebSocket() {
		return
	}
	switch {
	case c.paused || c.lag != nil || c.userTimeoutOff:
		c.forgetPings(&l.system)
	case !c.addPing(&l.system):
		l.end(c, causeNoPong)
	default:
		l.write(c, l.room.log.Head())
	}
}

// stallChecks is how often a lagging member is checked in a stall timeout: one
// whose time is up is disconnected an eighth late at most.
const stallChecks = 8

// checkStalls disconnects members that have held or pressed the room for too
// long.
func (l *loop) checkStalls() {
	log := l.room.log
	held, due := log.Held(), !l.checkStallsAt.IsZero() && !l.now.Before(l.checkStallsAt)
	begins := log.Pressed() && l.checkStallsAt.IsZero()
	if held == l.wasHeld && !begins && !due { // a hold's time is counted from its beginning to its end
		return
	}
	l.wasHeld = held
	for c, stall := range l.stalls {
		if c.lag == nil { // or it is checked below
			stall.Check(log, c.cursor, l.now, l.limits.stall)
		}
		if stall.IsClear(l.now) {
			delete(l.stalls, c)
		}
	}
	// Backwards: one that catches up or ends is replaced by one already seen.
	for i := len(l.lagging) - 1; i >= 0; i-- {
		c := l.lagging[i]
		// epoll reports a socket as writable only when a third of its buffer is
		// free. A client that reads less at a time makes progress all the same.
		if due && !c.lag.deferred {
			l.write(c, log.Head())
		}
		if c.lag != nil {
			l.checkStall(c)
		} else if stall := l.stalls[c]; stall != nil { // it has caught up, or its time would go on
			stall.Check(log, c.cursor, l.now, l.limits.stall)
		}
	}
	switch {
	case !log.Pressed():
		l.checkStallsAt = time.Time{}
	case begins || due:
		l.checkStallsAt = l.now.Add(max(l.limits.stall/stallChecks, time.Millisecond))
	}
}

func (l *loop) checkStall(c *conn) {
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
	switch stall.Check(l.room.log, c.cursor, l.now, l.limits.stall) {
	case broadcast.TookTooLittle:
		l.end(c, causeTookTooLittle(l.limits.stall))
	case broadcast.HeldTooLong:
		l.end(c, causeHeldTooLong(l.limits.stall))
	}
}

const (
	// windowChecks is how often a member's window is checked within the time
	// after which the kernel would give the connection up.
	windowChecks = 4
	// maxWindowChecks is how many windows are checked in one wake-up.
	maxWindowChecks = 256
)

// checkWindows keeps TCP_USER_TIMEOUT from ending a connection whose peer is
// alive but does not read, such as a program that shows a modal dialog. The
// kernel makes no difference between data that is unsent because the peer's
// window is closed and a peer that is gone. So the timeout is off while the
// window is closed. A peer that vanishes then is found by the kernel's own, much
// longer rule.
func (l *loop) checkWindows() {
	if len(l.members) == 0 || l.limits.peer == 0 {
		l.checkWindowsAt = time.Time{}
		return
	}
	rounds := len(l.members)/maxWindowChecks + 1
	pause := l.limits.peer / windowChecks / time.Duration(rounds)
	if l.checkWindowsAt.IsZero() {
		l.checkWindowsAt = l.now.Add(pause)
	}
	if l.now.Before(l.checkWindowsAt) {
		return
	}
	l.checkWindowsAt = l.now.Add(pause)
	for range min(maxWindowChecks, len(l.members)) {
		l.windowIndex = (l.windowIndex + 1) % len(l.members)
		l.checkWindow(l.members[l.windowIndex])
	}
}

func (l *loop) checkWindow(c *conn) {
	if c.state != member {
		return
	}
	if closed := l.kernel.WindowClosed(c.fd); closed != c.userTimeoutOff {
		c.userTimeoutOff = closed
		timeout := l.limits.peer
		if closed {
			timeout = 0
		}
		l.kernel.SetUserTimeout(c.fd, timeout)
	}
}
