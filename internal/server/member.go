//go:build linux

package server

import (
	"context"
	"log/slog"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
)

// An assignment is a connection on its way from the first loop to another one,
// with its join cursor; or one that the loop has and is to end, without one.
//
// A join cursor is a reader of the log on behalf of a connection that is about
// to be a member: it stays where that member begins, so that the log keeps all
// that is published until then.
type assignment struct {
	conn *conn
	join *broadcast.Cursor
}

// enqueue assigns the loop a connection that has authenticated and has its echo, or
// has it end one.
// The first loop calls it, from its own goroutine.
func (l *loop) enqueue(c *conn, join *broadcast.Cursor) {
	l.inboxMu.Lock()
	l.inbox = append(l.inbox, assignment{c, join})
	l.inboxMu.Unlock()
	l.kernel.Wake()
}

// admitAssigned admits the connections that were assigned to the loop.
func (l *loop) admitAssigned() {
	l.inboxMu.Lock()
	assigned := l.inbox
	l.inbox = nil
	l.inboxMu.Unlock()
	for _, a := range assigned {
		if a.join == nil {
			l.startDraining(a.conn, causeReplaced)
			continue
		}
		if errno := l.register(a.conn, netpoll.Readable); errno != 0 {
			l.release(a.join)
			l.end(a.conn, causeErrno("epoll_ctl", errno))
			continue
		}
		l.admit(a.conn, a.join)
	}
}

// admit makes a connection that the loop has registered a member. It receives
// what was published since its join cursor was set.
func (l *loop) admit(c *conn, join *broadcast.Cursor) {
	if l.cursor == nil {
		l.cursor = l.room.log.Join(l.kernel.Wake)
		l.written = l.cursor.Position()
	}
	c.state = member
	c.cursor = join.Position()
	c.index = int32(len(l.members))
	l.members = append(l.members, c)
	l.output.members = len(l.members)
	if c.isWebSocket() {
		l.webSockets++
	}
	l.announce(broadcast.Notice{Kind: broadcast.Joined, From: &c.Sender})
	l.release(join)
	if c.hasReceived() || c.hasEnded() {
		l.unread = append(l.unread, c)
	}
	if c.framing == numbered {
		c.catchUp(&l.system, l.room.log)
	}
	if c.cursor < l.room.log.Head() || c.pongDue() || c.isBehind() { // and perhaps nothing new will come
		l.beginLag(c)
		l.markReady(c)
	}
	l.arm(c)
}

// release has a join cursor leave the log at the end of the wake-up, when the
// loop's own cursor has moved back to keep what the member has yet to receive.
func (l *loop) release(join *broadcast.Cursor) { l.released = append(l.released, join) }

// leaveReleased has the released join cursors leave the log.
func (l *loop) leaveReleased() {
	for _, join := range l.released {
		join.Leave()
	}
	clear(l.released)
	l.released = l.released[:0]
}

// end marks a connection to be closed when what it sent has been published. From
// here on it is neither read nor written.
func (l *loop) end(c *conn, why cause) {
	if c.state == closed {
		return
	}
	e := ending{c, c.state, why, c.lag != nil}
	l.endLag(c)
	delete(l.stalls, c)
	delete(l.shares.marks, c)
	if l.acceptor != nil {
		l.acceptor.unregister(c)
	}
	l.ended = append(l.ended, e)
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

// close closes a connection in both directions and gives back all that belongs
// to it.
func (l *loop) close(e ending) {
	c := e.conn
	if c.fd < len(l.conns) && l.conns[c.fd] == c {
		l.conns[c.fd] = nil
	}
	l.prepareClose(e)
	l.kernel.Close(c.fd) // whatever it returns: the descriptor is gone
	if c.framing == numbered {
		l.room.identities.leave(c)
	}
	c.dropPartial(&l.system)
	if e.was >= member && c.index >= 0 {
		last := len(l.members) - 1
		moved := l.members[last]
		l.members[c.index] = moved
		moved.index = c.index
		l.members[last] = nil
		l.members = l.members[:last]
		l.output.members = last
		if c.isWebSocket() {
			l.webSockets--
		}
	}
	if e.was >= echoing {
		l.assigned.Add(-1)
		l.room.leave()
		l.announce(broadcast.Notice{Kind: broadcast.Left, From: &c.Sender, Reason: e.cause.words})
	}
	l.log(e.cause.level, "connection ended", c, slog.String("reason", e.cause.words))
}

// shutdown closes every connection.
func (l *loop) shutdown() {
	l.admitAssigned()
	if l.acceptor != nil {
		l.acceptor.closeAdopted()
	}
	for _, c := range l.conns {
		if c != nil {
			l.end(c, causeShutdown)
		}
	}
	l.closeEnded()
	l.advance()
	l.leaveReleased()
}

// announce announces a notice to the followers of the room. It costs nothing
// while there are none: thousands of clients may come and go.
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
