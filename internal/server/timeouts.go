//go:build linux

package server

import (
	"time"

	"sop-chat/internal/broadcast"
)

// A rotation checks each connection once in an interval, a few of them in one wake-up.
type rotation struct {
	at   time.Time // when to go on; zero while there is nothing to check
	last int       // the descriptor that was checked last
}

// mostChecks is how many descriptors are checked in one wake-up.
const mostChecks = 256

// due returns how many of the descriptors below a number are to be checked now. If
// interval is 0, none is.
func (r *rotation) due(below int, interval time.Duration, now time.Time) int {
	if below == 0 || interval == 0 {
		r.at = time.Time{}
		return 0
	}
	rounds := below/mostChecks + 1
	isDue := !r.at.IsZero() && !now.Before(r.at)
	if isDue || r.at.IsZero() {
		r.at = now.Add(interval / time.Duration(rounds))
	}
	if !isDue {
		return 0
	}
	return (below + rounds - 1) / rounds
}

// next returns the next connection to check, or nil if its descriptor has none.
func (r *rotation) next(conns []*conn) *conn {
	r.last = (r.last + 1) % len(conns)
	return conns[r.last]
}

// pingInterval is how often each WebSocket is sent a ping, unless Config says
// otherwise. Some proxies close what is silent for a minute.
const pingInterval = 30 * time.Second

// checkPing sends a ping to a WebSocket, and disconnects it if its client did not
// answer the last ones. Keep-alive does not find those: at the far end of the
// connection may be a proxy. A client that does not read, or is not read because the
// room is held, is merely slow.
func (a *audience) checkPing(c *conn) {
	switch {
	case c.paused || c.lag != nil || c.userTimeoutOff:
		c.forgetPings(a.system)
	case !c.addPing(a.system):
		a.end(c, causeNoPong)
	default:
		a.turnOutput()
		a.write(c, a.room.log.Head())
	}
}

// stallChecks is how often a lagging member is checked in a stall timeout: one
// whose time is up is disconnected an eighth late at most.
const stallChecks = 8

// checkStalls disconnects members that have held or pressed the room for too
// long.
func (a *audience) checkStalls() {
	log := a.room.log
	a.room.restrain(a.room.isPressed(), a.room.isHeld(), a.wall, &a.counts)
	held, due := log.Held(), !a.checkStallsAt.IsZero() && !a.now.Before(a.checkStallsAt)
	begins := log.Pressed() && a.checkStallsAt.IsZero()
	if held == a.wasHeld && !begins && !due { // a hold's time is counted from its beginning to its end
		return
	}
	a.wasHeld = held
	a.turnOutput()
	for c, stall := range a.stalls {
		if c.lag == nil { // or it is checked below
			stall.Check(log, c.cursor, a.now, a.limits.stall)
		}
		if stall.IsClear(a.now) {
			delete(a.stalls, c)
		}
	}
	// Backwards: one that catches up or ends is replaced by one already seen.
	for i := len(a.lagging) - 1; i >= 0; i-- {
		c := a.lagging[i]
		// epoll reports a socket as writable only when a third of its buffer is
		// free. A client that reads less at a time makes progress all the same.
		if due && !c.lag.deferred {
			a.write(c, log.Head())
		}
		if c.lag != nil {
			a.checkStall(c)
		} else if stall := a.stalls[c]; stall != nil { // it has caught up, or its time would go on
			stall.Check(log, c.cursor, a.now, a.limits.stall)
		}
	}
	switch {
	case !log.Pressed():
		a.checkStallsAt = time.Time{}
	case begins || due:
		a.checkStallsAt = a.now.Add(max(a.limits.stall/stallChecks, time.Millisecond))
	}
}

func (a *audience) checkStall(c *conn) {
	stall := a.stalls[c]
	if stall == nil {
		if !a.room.log.Presses(c.cursor) {
			return
		}
		stall = new(broadcast.Stall)
		if a.stalls == nil {
			a.stalls = make(map[*conn]*broadcast.Stall)
		}
		a.stalls[c] = stall
	}
	switch stall.Check(a.room.log, c.cursor, a.now, a.limits.stall) {
	case broadcast.TookTooLittle:
		a.end(c, causeTookTooLittle(a.limits.stall))
	case broadcast.HeldTooLong:
		a.end(c, causeHeldTooLong(a.limits.stall))
	}
}

// windowChecks is how often a member's window is checked within the time after which
// the kernel would give the connection up.
const windowChecks = 4

// checkWindow keeps TCP_USER_TIMEOUT from ending a connection whose peer is
// alive but does not read, such as a program that shows a modal dialog. The
// kernel makes no difference between data that is unsent because the peer's
// window is closed and a peer that is gone. So the timeout is off while the
// window is closed. A peer that vanishes then is found by the kernel's own, much
// longer rule.
func (a *audience) checkWindow(c *conn) {
	if closed := a.kernel.WindowClosed(int(c.fd)); closed != c.userTimeoutOff {
		c.userTimeoutOff = closed
		timeout := a.limits.peer
		if closed {
			timeout = 0
		}
		a.kernel.SetUserTimeout(int(c.fd), timeout)
	}
}
