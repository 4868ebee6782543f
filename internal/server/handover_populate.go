//go:build linux

package server

import (
	"cmp"
	"log/slog"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/handover"
)

// populate has the loops, which do not run yet, go on with the connections of the rooms that
// were opened. It returns the descriptors of the others, which are to be closed.
func (s *restoring) populate(r *running) (others []int) {
	for _, l := range r.loops {
		l.update(l.kernel.Now(), time.Time{})
	}
	a := r.loops[0].acceptor
	a.lastID = max(a.lastID, s.state.LastID)
	r.loops[0].restoreCounts(s.state.Counts)
	r.rooms.draining.Store(s.state.Drains)
	for i, room := range s.rooms {
		if room != nil && room.relay != nil && s.state.Rooms[i].Outgoing != nil {
			for _, c := range s.state.Rooms[i].Left {
				r.identities.restoreLeft(room, c, s.senders[c.Sender])
			}
		}
	}
	for i := range s.members {
		m := &s.members[i]
		room := s.rooms[m.Room]
		switch {
		case room == nil && m.conn != nil:
			others = append(others, m.FD)
		case room == nil:
		case m.conn == nil:
			s.leave(r, m, room)
			a.counts.ended[serverRestart]++
			announce(room.log, broadcast.Notice{Kind: broadcast.Left, From: s.senders[m.Sender], Reason: m.Ended}, a.wall)
			switch name := s.senders[m.Sender].Name; {
			case m.IsNew: // nobody knows it
			case m.Ended == causeRestart.words:
				room.speaker.absent.add(room, name)
			default:
				room.note(name, true)
			}
		default:
			s.addMember(r, m, room)
		}
	}
	for i := range s.pending {
		if p := &s.pending[i]; !s.addPending(r, a, p) {
			others = append(others, p.FD)
		}
	}
	for i := range s.state.Adopted {
		r.handoff.put(connectionOf(&s.state.Adopted[i]))
	}
	a.firstInGrace = a.conns.Front()
	for _, l := range r.loops {
		l.startRestored()
	}
	s.finish(r)
	return others
}

// addMember adds a member to the loop that the acceptor chooses.
func (s *restoring) addMember(r *running, m *restoredMember, room *Room) {
	a, c := r.loops[0].acceptor, m.conn
	s.enter(r, room, c, &m.Conn)
	to := a.choose(room)
	if to != a.inbox {
		a.inbox.count(room, -1)
		to.count(room, 1)
	}
	s.identify(r, room, c, &m.Conn, to)
	if m.IsNew {
		c.state = echoing
		to.put(assignment{conn: c, room: room, join: s.join(room, m.Cursor)})
		return
	}
	r.loops[to.loop].restoreMember(s, m, room)
	s.endVoid(c, room, to)
}

// enter has a connection take its slot and its name again, however many there may be now.
func (s *restoring) enter(r *running, room *Room, c *conn, from *handover.Conn) {
	room.taken.Add(1)
	if from.HasName {
		since := cmp.Or(from.NamedSince, r.loops[0].wall.UnixMilli())
		room.names.take(c, claim{since, clientToken(from.Client)}, func() *otherClients { return nil }) // see Server.SettleNames
	}
	r.loops[0].inbox.count(room, 1)
}

// identify notes which client a connection is of, and by which pass it came.
func (s *restoring) identify(r *running, room *Room, c *conn, from *handover.Conn, to *inbox) {
	if from.Client != 0 && c.framing == numbered {
		r.identities.restore(room, from.Client, c, to)
	}
	if p := from.Pass; p != nil {
		r.passes.restore(c, Pass{string(p.Label), p.Room, string(p.ID)}, to)
	}
}

// join returns a cursor at a position that the keeper of the room keeps.
func (s *restoring) join(room *Room, at uint64) *broadcast.Cursor {
	join, err := room.log.JoinAt(broadcast.Position(at), func() {})
	if err != nil {
		return room.log.Join(func() {}) // it can't be, and the room has it from here on
	}
	return join
}

// finish has the logs keep nothing more for what was not restored.
func (s *restoring) finish(r *running) {
	for i, room := range s.rooms {
		if room != nil {
			s.keepers[i].Leave()
			room.forgetFormers()
			room.log.DropFollowers()
			room.input().DropFollowers()
		}
		for _, p := range s.unused(i) {
			if data := s.piece(p.Number); data != nil {
				s.memory.Give(data, p.Lent)
			}
		}
	}
	r.rooms.strangers.DropFollowers()
}

// unused returns the segments of the logs of a room, by its index, that were not restored.
func (s *restoring) unused(i int) []broadcast.SavedPiece {
	switch saved, room := &s.state.Rooms[i], s.rooms[i]; {
	case room == nil:
		return piecesOf(saved)
	case saved.Outgoing == nil:
		return nil
	case room.relay == nil:
		return saved.Outgoing.Pieces
	}
	return nil
}

// restoreMember makes a connection a member again.
func (l *loop) restoreMember(s *restoring, m *restoredMember, room *Room) {
	a, c := l.audiences.get(room), m.conn
	if m.Said > 0 && room.relay != nil {
		c.lastOwn = broadcast.Position(m.Said) | inOutgoing
	}
	if a.cursor == nil {
		a.joinAt(s.keepers[m.Room].Position())
	}
	c.state, c.audience = member, a.index
	if c.isWebSocket() {
		l.webSockets++
	}
	if a.rates.limit != nil && m.FullIn > 0 {
		a.rates.restore(c, l.now.Add(m.FullIn), l.now)
	}
	if d := m.Draining; d != nil {
		l.table.hold(c)
		a.restoreDraining(c, cause{words: d.Words, reason: drainingReason(d), level: slog.Level(d.Level), reset: d.Reset, complete: d.Complete, failed: d.Failed})
		return
	}
	if errno := l.table.register(l.kernel, c, c.firstInterest()); errno != 0 {
		l.endings.add(c, causeErrno("epoll_ctl", errno))
		a.add(c)
		return
	}
	a.restore(c)
	if l.common.limits.peer > 0 {
		a.checkWindow(c) // its turn begins anew
	}
}

// drainingReason returns the reason of a draining connection's cause, if it has one.
func drainingReason(c *handover.Cause) reason {
	switch {
	case c.Failed:
		return callFailed
	case c.Words == causeReplaced.words:
		return causeReplaced.reason
	}
	return otherReason
}

// startRestored has the loop do what there is to do for its audiences as soon as it runs.
func (l *loop) startRestored() {
	l.closeEnded() // those that the poller does not take
	touched := append([]*audience(nil), l.audiences.touched...)
	l.audiences.settle()
	for _, a := range touched {
		if !a.woken.Swap(true) {
			l.inbox.wakeFor(a.room)
		}
	}
	l.kernel.Wake()
}

// addPending adds a connection that is no member yet. It reports false if it is to be in a
// room that is not there.
func (s *restoring) addPending(r *running, a *acceptor, from *restoredPending) bool {
	c := from.conn
	e := from.Echoing
	if e != nil && s.rooms[e.Room] == nil {
		return false
	}
	p := a.spares.take()
	p.conn, p.since, p.remote, p.has = c, a.now.Add(-min(from.Age, a.limits.authTimeout)), from.Remote, Since(from.Has)
	p.proxied, p.header, p.waited, p.looked, p.judged = from.Proxied, from.Header, from.Waited, from.Looked, from.Judged
	p.element = a.conns.PushBack(p)
	a.byConn[c] = p
	switch {
	case e != nil:
		p.room = s.rooms[e.Room]
		p.join = s.join(p.room, e.Cursor)
		s.enter(r, p.room, c, &from.Conn)
		s.identify(r, p.room, c, &from.Conn, nil)
		c.state = echoing
	case from.IsDelayed:
		c.state = delayed
		p.inAll = a.all.add(p)
		a.delays.add(p, a.wall)
	case from.IsWhole:
		c.state = waiting
		a.identities.retry(c)
	default:
		p.inAll = a.all.add(p)
	}
	if from.IsWhole {
		a.table.hold(c)
		return true
	}
	if errno := a.table.register(a.kernel, c, c.firstInterest()); errno != 0 {
		a.end(c, causeErrno("epoll_ctl", errno))
	}
	return true
}

// connectionOf returns a connection that was handed to the server.
func connectionOf(c *handover.Adopted) Adopted {
	return Adopted{
		FD: c.FD, Peer: c.Peer, Remote: c.Remote, WebSocket: c.WebSocket, Numbered: c.Numbered, Has: Since(c.Has),
		Screened: c.Screened, Received: c.Received,
	}
}
