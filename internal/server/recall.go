//go:build linux

package server

import (
	"log/slog"
	"sync/atomic"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/handover"
)

// A client that comes back may have been at another server, and have said something there
// that is under way, or that this other server has yet to read. It is told by numbers what
// has arrived, and sends the rest again; so nothing of the rest may arrive any more. So it
// says at which server it was (Since.From), and is recalled from there before it is admitted:
//
//   - Here it waits, see behind.go, until the link says that the room has all that arrived
//     from there, and that nothing more will.
//   - There the link says that what the client has said and what has not come back is void
//     (Room.Void). It is never taken by the link, and passed as if it had come back; and so is
//     what is read from the client's connection later.
//
// A client that was at this server is recalled, too, if the server knows no former connection
// of it: it may have been that of a process which has ended, with something under way.

// A Recaller has clients be recalled from other servers. Its methods may be called by any
// goroutine, and do not block.
type Recaller interface {
	// ID returns the number by which clients know this server. It is not 0.
	ID() uint64
	// Recall has nothing more arrive of what a client of a room has said at a server, by the
	// number of that, but what has been delivered here when done is called. That is called
	// by any goroutine, once or never.
	Recall(room string, client, from uint64, done func())
}

// causeRecalled is for the connection of a client that has gone to another server.
var causeRecalled = cause{words: "went to another server", reason: replacedByClient, level: slog.LevelInfo, reset: true}

// A recalling is what a connection waits for whose client is being recalled.
type recalling struct{ done atomic.Bool }

// recallClient has a client be recalled, if it comes from somewhere and has to be. isKnown says
// that this server knows a former connection of it, or did when it was called before.
func (p *pendingConn) recallClient(isKnown bool) {
	p.isKnown = p.isKnown || isKnown
	y := p.room.relay
	if p.recalling != nil || p.has.From == 0 || p.has.Client == 0 || y == nil || y.recaller == nil {
		return
	}
	if p.isKnown && p.has.From == y.recaller.ID() {
		return
	}
	r := new(recalling)
	p.recalling = r
	y.recaller.Recall(p.room.name, p.has.Client, p.has.From, func() { r.done.Store(true) })
}

// isRecalling reports whether the client has yet to be recalled.
func (p *pendingConn) isRecalling() bool { return p.recalling != nil && !p.recalling.done.Load() }

// serverID returns by which number the client is to know this server; 0: by none.
func (p *pendingConn) serverID() uint64 {
	if y := p.room.relay; p.has.Roams && y != nil && y.recaller != nil {
		return y.recaller.ID()
	}
	return 0
}

// Void has what a client has said, and what has not come back, be void, as the client has gone
// to another server, and its connection ended. Client is the number by which it says which
// one it is; one that is about to join has said nothing yet, and is left alone. Like Deliver,
// it is called by the goroutine of the link.
func (r *Room) Void(client uint64) {
	y, s := r.relay, r.relay.identities
	s.mu.Lock()
	defer s.mu.Unlock()
	y.mu.Lock()
	defer y.mu.Unlock() // so that it wakes no loop that has been destroyed
	switch i := s.byID[identityID{r, client}]; {
	case y.isClosed.Load():
	case i == nil && y.formers[client] != nil: // its connection has yet to be restored
		y.void(y.formers[client])
	case i == nil:
	case i.conn == nil && i.sender != nil:
		y.void(i.sender)
	case i.conn != nil && i.loop != nil:
		y.void(&i.conn.Sender)
		i.loop.put(assignment{conn: i.conn, cause: causeRecalled})
		i.loop.wake()
	}
}

// void has what a sender has said be void. The caller holds the lock.
func (y *relay) void(from *broadcast.Sender) {
	if y.voids == nil {
		y.voids = make(broadcast.Voids)
	}
	y.voids[from] = struct{}{}
	y.pass()
}

// pass passes what is void next. The caller holds the lock.
func (y *relay) pass() {
	before := y.returned.Position()
	if after := y.outgoing.Pass(before, y.voids); after > before {
		y.returned.Advance(after)
	}
}

// forget forgets a sender whose connection has ended, and of which all has come back or was
// passed.
func (r *Room) forget(from *broadcast.Sender) {
	if r == nil || r.relay == nil || from == nil {
		return
	}
	r.relay.mu.Lock()
	defer r.relay.mu.Unlock()
	delete(r.relay.voids, from)
}

// saveVoids returns the senders whose messages are void.
func (y *relay) saveVoids(senders *broadcast.SenderTable) (saved []uint32) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for from := range y.voids {
		saved = append(saved, senders.Index(from))
	}
	return saved
}

// restoreVoids has the messages of senders be void again. formers are the clients of which
// something has yet to come back: the link may recall them before their connections are
// restored.
func (y *relay) restoreVoids(saved *handover.Room, senders []*broadcast.Sender, formers map[uint64]*broadcast.Sender) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.formers = formers
	for _, index := range saved.Voids {
		y.void(senders[index])
	}
}

// formersOf returns the clients of a room of the state, by its index, of which something has
// yet to come back, and the senders of that.
func (s *restoring) formersOf(room int) map[uint64]*broadcast.Sender {
	if s.formers == nil {
		s.formers = make(map[int]map[uint64]*broadcast.Sender)
		add := func(room int, client uint64, sender uint32) {
			if s.formers[room] == nil {
				s.formers[room] = make(map[uint64]*broadcast.Sender)
			}
			s.formers[room][client] = s.senders[sender]
		}
		for i := range s.members {
			if m := s.members[i]; m.Client != 0 && m.Said > 0 {
				add(m.Room, m.Client, m.Sender)
			}
		}
		for i := range s.state.Rooms {
			for _, c := range s.state.Rooms[i].Left {
				if c.Sender != 0 && int64(c.Sender) < int64(len(s.senders)) {
					add(i, c.Client, c.Sender)
				}
			}
		}
	}
	return s.formers[room]
}

// endVoid ends a connection that was just restored, if its client was recalled before.
func (s *restoring) endVoid(c *conn, room *Room, to *inbox) {
	y := room.relay
	if y == nil {
		return
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if _, is := y.voids[&c.Sender]; is {
		to.put(assignment{conn: c, cause: causeRecalled})
	}
}

// forgetFormers says that all connections are restored.
func (r *Room) forgetFormers() {
	if r.relay != nil {
		r.relay.mu.Lock()
		r.relay.formers = nil
		r.relay.mu.Unlock()
	}
}
