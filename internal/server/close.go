//go:build linux

package server

import (
	"context"
	"log/slog"
	"time"

	"sop-chat/internal/broadcast"
)

// endings are connections to be closed when what they sent has been published.
type endings []ending

// An ending is such a connection.
type ending struct {
	conn  *conn
	room  *Room // whose key it gave; nil if it did not, or is a member
	was   state
	cause cause
}

// add has a connection closed, unless it is to be already. From here on it is neither
// read nor written.
func (e *endings) add(c *conn, why cause) { e.addOf(nil, c, why) }

// addOf is add for a connection that is no member yet, but has given a room's key.
func (e *endings) addOf(room *Room, c *conn, why cause) {
	if c.state != closed {
		*e = append(*e, ending{c, room, c.state, why})
		c.state = closed
	}
}

// closeEnded closes the connections that ended.
func (l *loop) closeEnded() {
	for _, e := range l.endings {
		l.close(e)
	}
	clear(l.endings)
	l.endings = l.endings[:0]
}

// close closes a connection in both directions and gives back all that belongs
// to it.
func (l *loop) close(e ending) {
	c, room := e.conn, e.room
	l.counts.ended[e.cause.reason]++
	l.table.remove(c)
	l.prepareClose(e)
	l.kernel.Close(int(c.fd)) // whatever it returns: the descriptor is gone
	c.dropPartial(&l.system)
	if l.acceptor != nil && room == nil {
		room = l.acceptor.drop(c)
	}
	if a := l.audiences.at(c); a != nil {
		room = a.room
		l.audiences.touch(a)
		a.remove(c)
		if c.isWebSocket() {
			l.webSockets--
		}
	}
	if e.was >= echoing {
		l.inbox.count(room, -1)
		announce(room.log, broadcast.Notice{Kind: broadcast.Left, From: &c.Sender, Reason: e.cause.words}, l.wall)
		if e.was >= member {
			room.note(c.Name, true)
		}
		room.leave(c)
	}
	if c.framing == numbered {
		l.identities.leave(c) // has one be let in that waits for the slot and the name
	}
	attrs := []slog.Attr{slog.String("reason", e.cause.words)}
	if label := l.passes.label(c); label != "" {
		attrs = append(attrs, slog.String("label", label))
	}
	logAbout(l.logger, e.cause.level, "connection ended", c, room, attrs...)
	l.passes.leave(c)
}

// What close does to bytes that are under way depends on which side has not read
// them. If bytes of the client are unread at the server, the kernel resets the
// connection, and what the client has yet to receive is lost. If the client does
// not read, the kernel keeps what was sent to it for minutes.

// maxDiscards is how often what a client had sent is read before its connection
// is closed, a batch at a time.
const maxDiscards = 4

// lingerTimeout is for how long the kernel offers what is left to a client that
// has closed its own direction and reads none of it.
const lingerTimeout = 10 * time.Second

// prepareClose prepares a connection for being closed. A client that is refused,
// and every client when its room or the server ends, receives all that was sent to it and
// then the end of the stream. A client that is disconnected because it did not
// read is reset.
func (l *loop) prepareClose(e ending) {
	fd := int(e.conn.fd)
	isWebSocket := e.conn.isWebSocket() && !e.cause.reset && !e.cause.failed
	if isWebSocket && e.conn.lag == nil { // or the socket has no space
		e.conn.sendClose(&l.system, e.was, e.cause)
	}
	switch {
	case e.cause.complete, isWebSocket:
		l.discard(fd)
	case e.cause.reset:
		l.kernel.Reset(fd)
	case e.was >= member:
		l.kernel.SetUserTimeout(fd, lingerTimeout)
	}
}

// discard ends the stream to a client, then reads what it has sent and throws it
// away. In this order the end comes before a reset, whatever arrives meanwhile.
func (l *loop) discard(fd int) {
	l.kernel.EndStream(fd)
	space := l.common.batch.Free()
	for range maxDiscards {
		if len(space) == 0 {
			return
		}
		if n, errno := l.readFrom(fd, space); n == 0 || errno != 0 {
			return
		}
	}
}

// shutdown closes every connection.
func (l *loop) shutdown() {
	l.admitAssigned()
	if l.acceptor != nil {
		l.acceptor.closeAdopted()
		l.acceptor.reportRefusals(true)
	}
	for _, c := range l.table.conns {
		if c != nil {
			l.endings.add(c, causeShutdown)
		}
	}
	l.closeEnded()
	l.audiences.settle()
}

// logAbout logs what happened to a connection, in a room if that is not nil.
func logAbout(logger *slog.Logger, level slog.Level, msg string, c *conn, room *Room, attrs ...slog.Attr) {
	if !logger.Enabled(context.Background(), level) {
		return
	}
	about := []slog.Attr{slog.Uint64("connection", c.ID), slog.String("address", c.Addr.String())}
	if c.state != pending && c.Name != "" {
		about = append(about, slog.String("name", c.Name))
	}
	if room != nil && room.name != "" {
		about = append(about, slog.String("room", room.name))
	}
	logger.LogAttrs(context.Background(), level, msg, append(about, attrs...)...)
}
