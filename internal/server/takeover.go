//go:build linux

package server

import "sync"

// A client that comes back may do so before the server has noticed that its former
// connection is gone, or has read all that came over it. What was read later would
// reach the client as if it had never arrived, and it would send that again. And the
// former connection would have a slot. So a client may say which one it is
// (Adopted.Client). Its former connection is then ended, what came over it is
// published, and only then is the new one admitted.

// identities are the connections of clients that say which one they are, in all rooms.
type identities struct {
	mu     sync.Mutex
	byID   map[identityID]*identity
	byConn map[*conn]*identity // of both that an identity may have
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
	id   identityID
	conn *conn
	loop *inbox // of the loop of conn; nil until it is a member
	next *conn  // waits for the end of conn
}

func newIdentities() *identities {
	return &identities{byID: make(map[identityID]*identity), byConn: make(map[*conn]*identity)}
}

// claim gives an identity to a connection. If another has it, that is returned, with
// its loop, and has to be ended; and one that waited for the same, too.
func (s *identities) claim(room *Room, number uint64, c *conn) (former *conn, of *inbox, waiting *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := identityID{room, number}
	i := s.byID[id]
	switch {
	case i == nil:
		i = &identity{id: id, conn: c}
		s.byID[id] = i
	case i.conn != c:
		former, of, waiting = i.conn, i.loop, i.next
		i.next = c
	}
	s.byConn[c] = i
	return former, of, waiting
}

// has reports whether a connection has an identity.
func (s *identities) has(room *Room, number uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[identityID{room, number}] != nil
}

// assign notes to which loop a connection was assigned.
func (s *identities) assign(c *conn, to *inbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.byConn[c]; i != nil {
		i.loop = to
	}
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
	case i.conn == c && i.next == nil:
		delete(s.byID, i.id)
	case i.conn == c:
		i.conn, i.loop, i.next = i.next, nil, nil
		s.ready = append(s.ready, i.conn)
		s.wake()
	}
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
// whether there is none. Otherwise the connection waits, without being read.
func (a *acceptor) takeOver(p *pendingConn) bool {
	if p.has.Client == 0 || p.conn.framing != numbered {
		return true
	}
	c := p.conn
	former, of, waiting := a.identities.claim(p.room, p.has.Client, c)
	if former == nil {
		return true
	}
	a.wait(p)
	if waiting != nil {
		a.end(waiting, causeReplaced)
	}
	if of == nil {
		a.end(former, causeReplaced) // it has not had its echo
	} else {
		a.put(of, assignment{conn: former, cause: causeReplaced})
	}
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
