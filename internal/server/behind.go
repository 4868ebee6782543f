//go:build linux

package server

import (
	"log/slog"
	"slices"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/websocket"
)

// In a room that relays, a client that comes back may be ahead of the room's log: what it
// said over its former connection has not come back, or it was sent messages by another
// server that have yet to be delivered to this one, or it has to be recalled from there. If it
// were admitted, it would take for lost what is not, or receive messages twice. So it waits, for
// as long as connections may take to be admitted, and is then told to try again, here or at
// another server.
//
// Or the cluster has lost what the client has, and all servers that had it were started
// again since. Then nothing will come, and the client is let in as one that has less.

const (
	// behindTick is how often it is looked whether the rooms have what is waited for.
	behindTick = 20 * time.Millisecond
	// lostAfter is for how long a message must be missing, while the room has all that the
	// cluster has, to be lost: much longer than a link may be mistaken about that.
	lostAfter = time.Minute
)

// A missing message is the first one that clients have had and the room has not.
type missing struct {
	number uint64 // 0: there is none
	since  time.Time
}

// causeBehind is for a client for which a room was not ready in time.
var causeBehind = cause{
	words: "the room does not have all that the client has, or has said", reason: roomIsBehind, level: slog.LevelInfo, complete: true,
}.telling(websocket.TryAgainLater)

// isAhead reports whether the client has, or may have said, what its room's log does not have
// yet.
func (p *pendingConn) isAhead() bool {
	return !p.room.hasReturned(p.until) || !p.isLost && p.room.lacks(p.has.Epoch, p.has.Number) || p.isRecalling()
}

// SetCurrent says whether the rooms that relay have all that the cluster has, as far as is known:
// what a client has had and they have not is lost then, if it does not come in a while. It is false
// until it is said.
func (s *Server) SetCurrent(is bool) { s.rooms.current.Store(is) }

// AnnounceWaiting has the readers of the rooms know, such as the console, that nothing that is said in
// rooms that relay is delivered, and why; or that it is delivered again, if reason is "".
func (s *Server) AnnounceWaiting(reason string) {
	n := broadcast.Notice{Kind: broadcast.Waiting, Reason: reason}
	if reason == "" {
		n.Kind = broadcast.Resumed
	}
	announce(s.rooms.refusals(), n, time.Now())
}

// lookForLost notes whether what the client has had is lost. It is told so by being let in.
func (a *acceptor) lookForLost(p *pendingConn) {
	y := p.room.relay
	if y == nil || p.isLost || !p.room.lacks(p.has.Epoch, p.has.Number) {
		return
	}
	m, next := &y.missing, p.room.log.Number(p.room.log.Head())
	wanted := p.room.epochs.Known(p.has.Epoch, p.has.Number)
	switch {
	case !a.rooms.current.Load():
		*m = missing{}
	case m.number < next || wanted < m.number:
		*m = missing{wanted, a.now}
	default: // it can't come before the other one
		p.isLost = a.now.Sub(m.since) >= lostAfter && a.now.Sub(p.since) >= a.limits.authTimeout/2
	}
}

// waitIfBehind has a connection wait, without being read, while its client is ahead of the
// room, and reports whether it does.
func (a *acceptor) waitIfBehind(p *pendingConn) bool {
	if p.isBehind = p.isAhead(); !p.isBehind {
		return false
	}
	a.behind = append(a.behind, p.conn)
	a.behindAt = earliest(a.behindAt, a.now.Add(behindTick))
	a.wait(p) // which may end it
	return true
}

// SetReopening says that the rooms are closed and opened anew, or that this is done. Meanwhile
// there is no room for a right key, so connections wait whose key would be looked at.
func (s *Server) SetReopening(is bool) { s.rooms.reopening.Store(is) }

// waitIfReopening has a connection wait while the rooms are opened anew, and reports whether it does.
// It still is a pending one, as its key was not looked at.
func (a *acceptor) waitIfReopening(p *pendingConn) bool {
	if p.isEarly = a.rooms.reopening.Load(); !p.isEarly {
		return false
	}
	a.behind = append(a.behind, p.conn)
	a.behindAt = earliest(a.behindAt, a.now.Add(behindTick))
	a.park(p.conn, waiting) // which may end it
	return true
}

// lookAtBehind has those go on whose rooms have what they wait for.
func (a *acceptor) lookAtBehind() {
	if a.behindAt.IsZero() || a.now.Before(a.behindAt) {
		return
	}
	a.behindAt = time.Time{}
	a.behind = slices.DeleteFunc(a.behind, func(c *conn) bool {
		p := a.byConn[c]
		if p == nil || c.state != waiting { // it has ended
			return true
		}
		if p.room != nil {
			a.lookForLost(p)
		}
		if p.isEarly && a.rooms.reopening.Load() || p.room != nil && p.isAhead() {
			a.behindAt = a.now.Add(behindTick)
			return false
		}
		a.identities.retry(c)
		return true
	})
}
