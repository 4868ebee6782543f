//go:build linux

package server

import (
	"sync"

	"sop-chat/internal/broadcast"
)

// A client that comes back may do so before the server has noticed that its former
// connection is gone, or has read all that came over it. What was read later would
// reach the client as if it had never arrived, and it would send that again. And the
// former connection would have a slot. So a client may say which one it is
// (Adopted.Client). Its former connection is then ended, what came over it is
// published, and only then is the new one admitted. In a room that relays, what came over
// it has to come back before, see behind.go.

// identities are the connections of clients that say which one they are, in all rooms.
type identities struct {
	mu     sync.Mutex
	byID   map[identityID]*identity
	byConn map[*conn]*identity // of both that an identity may have
	left   []*identity         // the oldest first; what their connections had sent had not come back when those ended
	ready  []*conn             // they waited, and need not any more
	wake   func()              // wakes the acceptor's loop for those
}

// An identityID is a client's number in a room: in another, the same number is another
// client's.
type identityID struct {
	room *Room
	id   uint64
}

// An identity is a client's number, and the connection that has it.
type identity struct {
	id     identityID
	conn   *conn              // nil if it has ended, and what it had sent has not come back
	sender *broadcast.Sender  // then that of what it had sent; nil: it is not known
	until  broadcast.Position // then all that is before has to, see Room.hasReturned
	loop   *inbox             // of the loop of conn; nil until it is a member
	next   *conn              // waits for the end of conn, or for what that had sent
}

func newIdentities() *identities {
	return &identities{byID: make(map[identityID]*identity), byConn: make(map[*conn]*identity)}
}

// A claimed is what stands in the way of a connection that claims an identity.
type claimed struct {
	former  *conn              // has it, and is to be ended
	of      *inbox             // of the loop of former; nil if that is no member yet
	waiting *conn              // waited for the same, and is to be ended
	until   broadcast.Position // what has to come back; 0: nothing
	isKnown bool               // the identity is that of a member, or of one that has left
}

// claim gives an identity to a connection, or has it wait for that.
func (s *identities) claim(room *Room, number uint64, c *conn) (before claimed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := identityID{room, number}
	i := s.byID[id]
	before.isKnown = i != nil && i.conn != c && (i.conn == nil || i.loop != nil)
	switch {
	case i == nil:
		i = &identity{id: id, conn: c}
		s.byID[id] = i
	case i.conn == c:
	case i.conn == nil && room.hasReturned(i.until):
		before.waiting = i.next
		room.forget(i.sender)
		i.conn, i.sender, i.next = c, nil, nil
	default:
		before.former, before.of, before.waiting = i.conn, i.loop, i.next
		if i.next = c; i.conn == nil {
			before.until = i.until
		}
	}
	if before.waiting == c {
		before.waiting = nil
	}
	s.byConn[c] = i
	return before
}

// assign notes to which loop a connection is assigned, and has that be done by put: what is
// put there for the connection comes after it.
func (s *identities) assign(c *conn, to *inbox, put func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.byConn[c]; i != nil {
		i.loop = to
	}
	put()
}

// leave takes its identity from a connection that is closed. Any loop may call it.
func (s *identities) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.byConn[c]
	delete(s.byConn, c)
	switch {
	case i == nil:
	case i.next == c:
		i.next = nil
	case i.conn == c && !i.id.room.hasReturned(c.lastOwn):
		i.conn, i.loop, i.until, i.sender = nil, nil, c.lastOwn, &c.Sender
		s.left = append(s.left, i)
		if i.next != nil { // it goes on waiting, for that
			s.ready = append(s.ready, i.next)
			s.wake()
		}
	case i.conn == c && i.next == nil:
		delete(s.byID, i.id)
	case i.conn == c:
		i.conn, i.loop, i.next = i.next, nil, nil
		s.ready = append(s.ready, i.conn)
		s.wake()
	}
	if i != nil && i.sender != &c.Sender {
		i.id.room.forget(&c.Sender)
	}
	s.forget()
}

// forget forgets identities whose connections have left and had all that they had sent come
// back. The caller holds the lock.
func (s *identities) forget() {
	for len(s.left) > 0 {
		i := s.left[0]
		if i.conn == nil && (i.next != nil || !i.id.room.hasReturned(i.until)) {
			return
		}
		if i.conn == nil && s.byID[i.id] == i {
			delete(s.byID, i.id)
			i.id.room.forget(i.sender)
		}
		s.left[0] = nil
		s.left = s.left[1:]
	}
	s.left = nil
}

// retry has a connection be ready at the next wake-up.
func (s *identities) retry(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = append(s.ready, c)
	s.wake()
}

// takeReady returns the connections that need not wait any more.
func (s *identities) takeReady() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	ready := s.ready
	s.ready = nil
	return ready
}

// takeOver ends the former connection of a client that has authenticated, and reports
// whether there is none, and nothing else to wait for. Otherwise the connection waits,
// without being read.
func (a *acceptor) takeOver(p *pendingConn) bool {
	if p.conn.framing != numbered {
		return true
	}
	var before claimed
	if p.has.Client != 0 {
		before = a.identities.claim(p.room, p.has.Client, p.conn)
	}
	if before.waiting != nil {
		a.end(before.waiting, causeReplaced)
	}
	p.recallClient(before.isKnown)
	switch p.until = before.until; {
	case before.former == nil:
		return !a.waitIfBehind(p)
	case before.of == nil:
		a.end(before.former, causeReplaced) // it has not had its echo
	default:
		a.put(before.of, assignment{conn: before.former, cause: causeReplaced})
	}
	a.wait(p)
	return false
}

// wait has a connection whose message is complete not be read until it is ready.
func (a *acceptor) wait(p *pendingConn) {
	a.removeFromSets(p)
	a.park(p.conn, waiting)
}

// park has a connection whose message is complete not be read, in another state.
func (a *acceptor) park(c *conn, to state) {
	c.state = to
	c.keep(a.system, a.message[:])
	if errno := a.kernel.Remove(int(c.fd)); errno != 0 {
		a.end(c, causeErrno("epoll_ctl", errno))
	}
}

// admitWaiting lets in the clients that have waited, and need not any more.
func (a *acceptor) admitWaiting() {
	for _, c := range a.identities.takeReady() {
		a.goOn(c)
	}
}

// goOn authenticates a connection that has waited, unless it was closed meanwhile.
func (a *acceptor) goOn(c *conn) {
	if c.state == waiting {
		a.resume(c)
	}
}

// resume goes on with a connection that was parked.
func (a *acceptor) resume(c *conn) {
	copy(a.message[:], c.incomplete())
	c.keep(a.system, nil)
	if errno := a.table.register(a.kernel, c, 0); errno != 0 {
		a.end(c, causeErrno("epoll_ctl", errno))
		return
	}
	a.authenticate(c, &a.message)
}
