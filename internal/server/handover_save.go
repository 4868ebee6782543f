//go:build linux

package server

import (
	"slices"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/handover"
)

// A running server is what a state is made of, while its loops stand still.
type running struct {
	loops      []*loop
	rooms      *rooms
	identities *identities
	passes     *passes
	handoff    *handoffQueue
	listeners  []int
	memory     fileMemory // nil if the logs lie in the program's own memory
}

// isQuiet reports whether no clients are about to be disconnected.
func (r *running) isQuiet() bool {
	r.passes.mu.Lock()
	defer r.passes.mu.Unlock()
	return len(r.passes.revoked) == 0 && !slices.ContainsFunc(r.loops, func(l *loop) bool { return !l.isQuiet() })
}

func (l *loop) isQuiet() bool {
	b := &l.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	ends := func(as assignment) bool { return as.join == nil }
	return len(l.endings) == 0 && len(l.requests)+len(b.requests) == 0 && len(b.emptying) == 0 && !slices.ContainsFunc(b.waiting, ends)
}

// A saver makes a state.
type saver struct {
	*running
	state   *handover.State
	senders broadcast.SenderTable
	index   map[*Room]int // in the state
}

// save returns the state, without what the origins know.
func (r *running) save() *handover.State {
	s := &saver{running: r, state: new(handover.State), index: make(map[*Room]int)}
	for _, fd := range r.listeners {
		s.state.Listeners = append(s.state.Listeners, handover.Listener{Name: handover.Server, FD: fd})
	}
	s.state.Drains = s.rooms.draining.Load()
	s.state.Counts = s.saveCounts()
	s.saveLogs()
	for _, l := range r.loops {
		s.saveMembers(l)
	}
	s.savePending(r.loops[0].acceptor)
	s.state.Senders = s.senders.Saved
	return s.state
}

// saveLogs saves the logs, and the memory in which they lie.
func (s *saver) saveLogs() {
	piece := func([]byte) (int, bool) { return -1, false }
	if s.memory != nil {
		if m, ok := s.memory.Save(); ok {
			s.state.Memory = (*handover.Memory)(&m)
			piece = s.memory.Number
		}
	}
	s.state.Strangers = s.rooms.strangers.Save(&s.senders, func([]byte) (int, bool) { return -1, false })
	for i, room := range s.rooms.all() {
		s.index[room] = i
		saved := handover.Room{
			Name: room.name, Epoch: room.epochs.Current(), Log: room.log.Save(&s.senders, piece), Arrivals: room.saveArrivals(),
		}
		if room.relay != nil {
			saved.Outgoing, saved.Returned = room.relay.outgoing.Save(&s.senders, piece), uint64(room.relay.returned.Position())
			saved.Left, saved.Voids = s.identities.saveLeft(room, &s.senders), room.relay.saveVoids(&s.senders)
		}
		s.state.Rooms = append(s.state.Rooms, saved)
	}
}

// saveMembers saves the members of a loop, and those that are assigned to it.
func (s *saver) saveMembers(l *loop) {
	for _, a := range l.audiences.all {
		if a == nil {
			continue
		}
		ending := make(map[*conn]cause)
		if a.work != nil {
			for _, d := range a.draining {
				ending[d.conn] = d.cause
			}
		}
		for _, c := range a.members {
			m := handover.Member{Conn: s.conn(c, a.room), Room: s.index[a.room], Cursor: uint64(c.cursor)}
			if own := c.lastOwn; own < inOutgoing {
				m.LastOwn = uint64(own)
			} else {
				m.Said = uint64(own &^ inOutgoing)
			}
			if why, isDraining := ending[c]; isDraining {
				m.Draining = &handover.Cause{Words: why.words, Level: int(why.level), Reset: why.reset, Complete: why.complete, Failed: why.failed}
			}
			if a.work != nil && a.rates.limit != nil {
				m.FullIn = max(0, a.rates.full[c].Sub(l.now))
			}
			s.addMember(m)
		}
	}
	l.inbox.mu.Lock()
	defer l.inbox.mu.Unlock()
	for _, as := range l.inbox.waiting {
		s.addMember(handover.Member{Conn: s.conn(as.conn, as.room), Room: s.index[as.room], Cursor: uint64(as.join.Position()), IsNew: true})
	}
}

// canPass reports whether another process can go on with a connection.
func (r *running) canPass(fd int) bool { return r.loops[0].kernel.IsTCP(fd) }

// addMember adds a member, or that it has ended if it can't be passed on.
func (s *saver) addMember(m handover.Member) {
	if !s.canPass(m.FD) {
		m = handover.Member{
			Conn: handover.Conn{FD: -1, Sender: m.Sender, Client: m.Client}, Room: m.Room, Said: m.Said, IsNew: m.IsNew, Ended: causeRestart.words,
		}
	}
	s.state.Members = append(s.state.Members, m)
}

// conn saves what all connections have in common. room is nil if its key is not known.
func (s *saver) conn(c *conn, room *Room) handover.Conn {
	saved := handover.Conn{
		FD: int(c.fd), Sender: s.senders.Index(&c.Sender), Framing: uint8(c.framing), Message: slices.Clone(c.incomplete()), Greeting: slices.Clone(c.greeting()),
		UserTimeoutOff: c.userTimeoutOff,
	}
	if f := c.frames(); f != nil && !f.isIdle() {
		saved.Frames = &handover.Frames{
			Decoder: f.decoder.Save(), Received: slices.Clone(f.received), Out: slices.Clone(f.out[:f.outLen]), End: uint64(f.end),
			Unanswered: f.unanswered, Target: uint64(f.target), Ended: f.ended, Status: uint16(f.status), Violation: f.violation,
		}
	}
	s.identities.mu.Lock()
	if i := s.identities.byConn[c]; i != nil && i.conn == c && room != nil {
		saved.Client = i.id.id
	}
	s.identities.mu.Unlock()
	s.passes.mu.Lock()
	if p := s.passes.byConn[c]; p != nil && room != nil {
		saved.Pass = &handover.Pass{Label: []byte(p.pass.Label), Room: p.pass.Room, ID: []byte(p.pass.ID)}
	}
	s.passes.mu.Unlock()
	if room != nil {
		room.names.mu.Lock()
		var name takenName
		name, saved.HasName = room.names.byConn[c]
		saved.NamedSince = name.claim.since
		room.names.mu.Unlock()
	}
	return saved
}

// savePending saves the connections that are no members yet.
func (s *saver) savePending(a *acceptor) {
	s.state.LastID = a.lastID
	for e := a.conns.Front(); e != nil; e = e.Next() {
		p := e.Value.(*pendingConn)
		saved := handover.Pending{
			Age: max(0, a.now.Sub(p.since)), Remote: p.remote, Has: handover.Since(p.has), Proxied: p.proxied, Header: slices.Clone(p.header),
			Waited: p.waited, Looked: p.looked, Judged: p.judged,
			IsWhole: p.conn.state == waiting || p.conn.state == delayed, IsDelayed: p.conn.state == delayed,
		}
		isEchoing := p.conn.state == echoing
		if isEchoing {
			saved.Conn = s.conn(p.conn, p.room)
			saved.Echoing = &handover.EchoingMember{Room: s.index[p.room], Cursor: uint64(p.join.Position())}
		} else {
			saved.Conn = s.conn(p.conn, nil)
		}
		switch canPass := s.canPass(saved.FD); {
		case canPass:
			s.state.Pending = append(s.state.Pending, saved)
		case isEchoing: // its key was announced
			s.addMember(handover.Member{Conn: saved.Conn, Room: saved.Echoing.Room, IsNew: true})
		}
	}
	s.handoff.mu.Lock()
	defer s.handoff.mu.Unlock()
	for _, c := range slices.Concat(a.adopted, s.handoff.waiting) {
		if s.canPass(c.FD) {
			s.state.Adopted = append(s.state.Adopted, handover.Adopted{
				FD: c.FD, Peer: c.Peer, Remote: c.Remote, WebSocket: c.WebSocket, Numbered: c.Numbered, Has: handover.Since(c.Has),
				Screened: c.Screened, Received: slices.Clone(c.Received),
			})
		}
	}
}
