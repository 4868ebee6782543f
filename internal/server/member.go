//go:build linux

package server

import (
	"context"
	"log/slog"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
)

// An arrival is a connection on its way from the first loop to another, and
// the cursor that keeps for it what is published meanwhile.
type arrival struct {
	conn  *conn
	place *broadcast.Cursor
}

// hand gives the loop a connection that has authenticated and has its echo.
// The first loop calls it from its own goroutine.
func (l *loop) hand(c *conn, place *broadcast.Cursor) {
	l.inboxMu.Lock()
	l.inbox = append(l.inbox, arrival{c, place})
	l.inboxMu.Unlock()
	l.kernel.Wake()
}

// receive admits the connections that were handed over.
func (l *loop) receive() {
	l.inboxMu.Lock()
	arrived := l.inbox
	l.inbox = nil
	l.inboxMu.Unlock()
	for _, a := range arrived {
		if errno := l.watches(a.conn, netpoll.Readable); errno != 0 {
			l.vacate(a.place)
			l.end(a.conn, causeErrno("epoll_ctl", errno))
			continue
		}
		l.admit(a.conn, a.place)
	}
}

// admit makes a connection, which the loop watches, a member: it receives what
// was published since its place was taken.
func (l *loop) admit(c *conn, place *broadcast.Cursor) {
	if l.cursor == nil {
		l.cursor = l.room.log.Join(l.kernel.Wake)
		l.written = l.cursor.Position()
	}
	c.state = member
	c.cursor = place.Position()
	c.index = int32(len(l.members))
	l.members = append(l.members, c)
	l.announce(broadcast.Notice{Kind: broadcast.Joined, From: &c.Sender})
	l.vacate(place)
	if c.cursor < l.room.log.Head() { // and perhaps nothing new will come
		l.noteLag(c)
		l.again(c)
	}
	l.arm(c)
}

// vacate gives a place up at the end of the wake-up, when the loop's own cursor
// is where the log is to be kept from.
func (l *loop) vacate(place *broadcast.Cursor) { l.places = append(l.places, place) }

// vacated gives up the places that are no longer needed.
func (l *loop) vacated() {
	for _, place := range l.places {
		place.Leave()
	}
	clear(l.places)
	l.places = l.places[:0]
}

// end marks a connection to be closed at the end of the wake-up, when what it
// sent has been published. From here on it is neither read nor written.
func (l *loop) end(c *conn, why cause) {
	if c.state == closed {
		return
	}
	l.caughtUp(c)
	delete(l.stalls, c)
	delete(l.shares.marks, c)
	if l.door != nil {
		l.door.turnAway(c)
	}
	l.ended = append(l.ended, ending{c, c.state, why})
	c.state = closed
}

// closeEnded closes the connections that ended.
func (l *loop) closeEnded() {
	for _, e := range l.ended {
		l.close(e)
	}
	clear(l.ended)
	l.ended = l.ended[:0]
}

// close closes a connection fully, in both directions, and gives back all that
// belongs to it.
func (l *loop) close(e ending) {
	c := e.conn
	if c.fd < len(l.conns) && l.conns[c.fd] == c {
		l.conns[c.fd] = nil
	}
	l.farewell(e)
	l.kernel.Close(c.fd) // whatever it returns: the descriptor is gone
	l.dropPartial(c)
	if e.was >= member && c.index >= 0 {
		last := len(l.members) - 1
		moved := l.members[last]
		l.members[c.index] = moved
		moved.index = c.index
		l.members[last] = nil
		l.members = l.members[:last]
	}
	if e.was >= greeting {
		l.seated.Add(-1)
		l.room.leave()
		l.announce(broadcast.Notice{Kind: broadcast.Left, From: &c.Sender, Reason: e.cause.words})
	}
	l.log(e.cause.level, "connection ended", c, slog.String("reason", e.cause.words))
}

// shutdown closes every connection.
func (l *loop) shutdown() {
	l.receive()
	if l.door != nil {
		l.door.abandon()
	}
	for _, c := range l.conns {
		if c != nil {
			l.end(c, causeShutdown)
		}
	}
	l.closeEnded()
	l.advance()
	l.vacated()
}

// announce tells those who follow the room. If nobody does, nothing is made
// for it: thousands may come and go.
func (l *loop) announce(n broadcast.Notice) {
	if !l.room.log.Followed() {
		return
	}
	kept := n
	kept.Time = l.wall
	l.room.log.Announce(&kept)
}

func (l *loop) log(level slog.Level, msg string, c *conn, attrs ...slog.Attr) {
	if !l.logger.Enabled(context.Background(), level) {
		return
	}
	about := []slog.Attr{slog.Uint64("connection", c.ID), slog.String("address", c.Addr.String())}
	if c.state != pending && c.Name != "" {
		about = append(about, slog.String("name", c.Name))
	}
	l.logger.LogAttrs(context.Background(), level, msg, append(about, attrs...)...)
}
