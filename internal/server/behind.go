//go:build linux

package server

import (
	"log/slog"
	"slices"
	"time"

	"sop-chat/internal/websocket"
)

// In a room that relays, a client that comes back may be ahead of the room's log: what it
// said over its former connection has not come back, or it was sent messages by another
// server that have yet to be delivered to this one, or it has to be recalled from there. If it were admitted, it would take for
// lost what is not, or receive messages twice. So it waits, for as long as connections may
// take to be admitted, and is then told to try again, here or at another server.

// behindTick is how often it is looked whether the rooms have what is waited for.
const behindTick = 20 * time.Millisecond

// causeBehind is for a client for which a room was not ready in time.
var causeBehind = cause{
	words: "the room does not have all that the client has, or has said", reason: roomIsBehind, level: slog.LevelInfo, complete: true,
}.telling(websocket.TryAgainLater)

// isAhead reports whether the client has, or may have said, what its room's log does not have
// yet.
func (p *pendingConn) isAhead() bool {
	return !p.room.hasReturned(p.until) || p.room.lacks(p.has.Epoch, p.has.Number) || p.isRecalling()
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
		if p.isAhead() {
			a.behindAt = a.now.Add(behindTick)
			return false
		}
		a.identities.retry(c)
		return true
	})
}
