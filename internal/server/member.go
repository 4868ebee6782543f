//go:build linux

package server

import (
	"context"
	"log/slog"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
)

// hand gives the loop a connection that has authenticated and has its echo.
// The first loop calls it from its own goroutine.
func (l *loop) hand(c *conn) {
	l.inboxMu.Lock()
	l.inbox = append(l.inbox, c)
	l.inboxMu.Unlock()
	l.kernel.Wake()
}

// receive admits the connections that were handed over.
func (l *loop) receive() {
	l.inboxMu.Lock()
	arrived := l.inbox
	l.inbox = nil
	l.inboxMu.Unlock()
	for _, c := range arrived {
		if errno := l.watches(c, netpoll.Readable); errno != 0 {
			l.end(c, causeErrno("epoll_ctl", errno))
			continue
		}
		l.admit(c)
	}
}

// admit makes a connection, which the loop watches, a member: it receives what
// is published from here on.
func (l *loop) admit(c *conn) {
	c.state = member
	c.cursor = l.room.log.Head()
	c.lastOwn = 0
	c.index = int32(len(l.members))
	l.members = append(l.members, c)
	l.announce(broadcast.Notice{Kind: broadcast.Joined, From: &c.Sender})
	l.arm(c)
}

// end marks a connection to be closed at the end of the wake-up, when what it
// sent has been published. From here on it is neither read nor written.
func (l *loop) end(c *conn, why cause) {
	if c.state == closed {
		return
	}
	l.caughtUp(c)
	if c.guest != nil {
		l.door.forget(c)
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
		l.room.leave()
		l.announce(broadcast.Notice{Kind: broadcast.Left, From: &c.Sender, Reason: string(e.cause)})
	}
	level := slog.LevelInfo
	switch {
	case e.cause == causeEnd || e.cause == causeShutdown:
		level = slog.LevelDebug
	case e.cause == causeFull || e.cause == causeKey:
	case e.was >= greeting:
		level = slog.LevelWarn
	}
	l.log(level, "connection ended", c, slog.String("reason", string(e.cause)))
}

// shutdown closes every connection.
func (l *loop) shutdown() {
	l.receive()
	for _, c := range l.conns {
		if c != nil {
			l.end(c, causeShutdown)
		}
	}
	l.closeEnded()
	l.cursor.Leave()
}

func (l *loop) announce(n broadcast.Notice) {
	n.Time = l.now
	l.room.log.Announce(&n)
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
