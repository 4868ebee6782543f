//go:build linux

package server

import (
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
)

// joinAt has the audience read the log, of which it keeps what follows a position until all
// members were sent it. The log has that.
func (a *audience) joinAt(p broadcast.Position) {
	cursor, err := a.room.log.JoinAt(p, a.wakeLoop)
	if err != nil {
		panic("server: a log does not keep what a cursor keeps: " + err.Error())
	}
	a.joined(cursor, a.room.log.Head())
}

// restore makes a connection that the loop has registered a member again.
func (a *audience) restore(c *conn) {
	a.add(c)
	if c.hasReceived() || c.hasEnded() {
		a.unread = append(a.unread, c)
	}
	f := c.frames()
	if c.cursor < a.room.log.Head() || c.pongDue() || c.isBehind() || f != nil && f.outLen > 0 {
		a.writeSoon(c)
	}
	a.arm(c)
}

// restoreDraining makes a connection again one that is read to its end.
func (a *audience) restoreDraining(c *conn, why cause) {
	a.add(c)
	c.state = draining
	a.draining = append(a.draining, drainingConn{c, why})
}

// restore has a member be allowed a burst from a time on.
func (r *rates) restore(c *conn, full, now time.Time) {
	if r.full == nil {
		r.full = make(map[*conn]time.Time)
	}
	r.full[c] = full
	r.sweepLater(now)
}

// firstInterest returns what the poller is to wait for when a connection is registered.
func (c *conn) firstInterest() netpoll.Interest {
	if c.state == echoing {
		return netpoll.Writable
	}
	return netpoll.Readable
}

// hold adds a connection to the table which the poller does not wait for.
func (t *table) hold(c *conn) {
	fd := int(c.fd)
	if fd >= len(t.conns) {
		t.conns = append(t.conns, make([]*conn, fd+1-len(t.conns))...)
	}
	t.conns[fd] = c
}

// restore gives an identity back to a connection, which is at a loop if it is a member.
func (s *identities) restore(room *Room, number uint64, c *conn, loop *inbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := identityID{room, number}
	if s.byID[id] != nil {
		return // another has it, which can't be
	}
	i := &identity{id: id, conn: c, loop: loop}
	s.byID[id], s.byConn[c] = i, i
}

// restore notes the pass of a connection again, which is at a loop if it is a member.
func (s *passes) restore(c *conn, p Pass, loop *inbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byConn[c] = &passage{pass: p, loop: loop}
	s.size.Store(int64(len(s.byConn)))
}
