//go:build linux

package server

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/handover"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// Restore returns a server that goes on with a state: with its listeners, and with the
// connections and messages of those rooms that are opened before Serve is called. Open
// makes such a room what it was, whatever its configuration says now: its members stay.
// Until Serve is called, nothing is done to any descriptor; so whether a state can be
// restored can be found out in a process that has copies of them, and then ends.
//
// A connection whose descriptor is not one is ended, and costs nobody else anything. The
// connections of rooms that are not opened are closed. An error says that the state can't
// be that of a server.
//
// A follower begins where the one before was, if it is added to a group of the same name
// before Serve is called.
func Restore(config Config, state *handover.State) (*Server, error) {
	var memory fileMemory
	if err := checkMemory(state); err != nil {
		return nil, err
	}
	if m := state.Memory; m != nil {
		opened, err := netpoll.OpenMemory(netpoll.SavedMemory(*m), pieces(state), reportCopies(cmp.Or(config.Logger, slog.New(slog.DiscardHandler))))
		if err != nil {
			return nil, err
		}
		memory = opened
	}
	s, err := newServer(config, func(*slog.Logger) fileMemory { return memory })
	if err != nil {
		return nil, err
	}
	for _, l := range state.Listeners {
		if l.Name != handover.Server {
			continue
		}
		if !netpoll.IsListener(l.FD) {
			return nil, fmt.Errorf("the state's listener, descriptor %d, does not listen", l.FD)
		}
		s.listeners = append(s.listeners, l.FD)
	}
	if s.restoring, err = newRestoring(state, memory, netpoll.IsTCP); err != nil {
		return nil, err
	}
	if err := s.restoring.restoreStrangers(s.rooms.strangers); err != nil {
		return nil, err
	}
	now := time.Now()
	ago := min(max(0, now.Sub(state.SavedAt)), maxHandover) // the clock may have been set since
	if err := s.config.Origins.Restore(state.Origins, now, ago); err != nil {
		s.config.Logger.Warn("some of what is known of addresses is forgotten", "reason", err)
	}
	return s, nil
}

// CheckState returns an error if Restore, or Open of a room, would refuse a state in a
// process that has its descriptors. It needs none of them, so another process can find out.
func CheckState(state *handover.State) error {
	if err := checkMemory(state); err != nil {
		return err
	}
	s, err := newRestoring(state, nil, func(int) bool { return true })
	if err != nil {
		return err
	}
	if state.Strangers != nil {
		if err := state.Strangers.Check(s.senders); err != nil {
			return err
		}
	}
	for i := range state.Rooms {
		if err := state.Rooms[i].Log.Check(s.senders); err != nil {
			return err
		}
		if err := checkRelay(&state.Rooms[i], s.senders); err != nil {
			return err
		}
	}
	return nil
}

// checkMemory returns an error if this program can't use the memory of a state.
func checkMemory(state *handover.State) error {
	if m := state.Memory; m != nil && m.Piece != broadcast.SegmentSize {
		return fmt.Errorf("the state's memory has pieces of size %d, and this program needs %d", m.Piece, broadcast.SegmentSize)
	}
	return nil
}

// maxHandover is how long a hand-over takes at most.
const maxHandover = time.Minute

// restoreRoom makes a room that is about to be opened what it was, if another process has
// handed it over.
func (s *Server) restoreRoom(room *Room, hasEpochs bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.restoring == nil {
		return nil
	}
	kept, replayed := room.log.Retained()
	var err error
	if room.isRestored, err = s.restoring.open(room, hasEpochs); room.isRestored {
		room.log.Retain(kept, replayed)
	}
	return err
}

// restoreConns has the loops go on with the connections that were handed over.
func (s *Server) restoreConns() {
	if s.restoring == nil {
		return
	}
	r := s.running()
	for _, fd := range s.restoring.populate(&r) {
		netpoll.Close(fd)
	}
	s.restoring = nil
	s.RevokePasses() // keys and lists of addresses may be others than before
	s.loops[0].inbox.empty(emptying{cause: causeDenied})
}

// pieces returns the pieces of the memory in which the logs lie.
func pieces(state *handover.State) (taken []int) {
	for i := range state.Rooms {
		for _, p := range piecesOf(&state.Rooms[i]) {
			if p.Number >= 0 {
				taken = append(taken, p.Number)
			}
		}
	}
	return taken
}

// piecesOf returns the segments of a room's logs.
func piecesOf(room *handover.Room) []broadcast.SavedPiece {
	if room.Outgoing == nil {
		return room.Log.Pieces
	}
	return slices.Concat(room.Log.Pieces, room.Outgoing.Pieces)
}

// A restoring server is a state of which some rooms have been opened.
type restoring struct {
	state   *handover.State
	memory  fileMemory // nil: all messages are in the state
	senders []*broadcast.Sender
	members []restoredMember
	pending []restoredPending
	byName  map[string]int       // the rooms of the state
	rooms   []*Room              // of the state; nil: not opened
	oldest  []broadcast.Position // of each room: where what its members have yet to be sent begins
	keepers []*broadcast.Cursor  // of each room: keeps that
	spares  websocket.Spares
	formers map[int]map[uint64]*broadcast.Sender // see formersOf
}

// A restoredMember is a member of a state.
type restoredMember struct {
	*handover.Member
	conn *conn // nil if it has ended
}

// A restoredPending is a pending connection of a state.
type restoredPending struct {
	*handover.Pending
	conn *conn
}

// newRestoring checks a state and makes its connections. isOpen reports whether a
// descriptor is a connection.
func newRestoring(state *handover.State, memory fileMemory, isOpen func(fd int) bool) (s *restoring, err error) {
	s = &restoring{
		state: state, memory: memory, senders: make([]*broadcast.Sender, 1+len(state.Senders)),
		byName: make(map[string]int), rooms: make([]*Room, len(state.Rooms)), oldest: make([]broadcast.Position, len(state.Rooms)),
		keepers: make([]*broadcast.Cursor, len(state.Rooms)),
	}
	for i := range state.Rooms {
		s.byName[state.Rooms[i].Name] = i
		s.oldest[i] = broadcast.Position(state.Rooms[i].Log.Head)
	}
	used := map[int]bool{}
	for _, l := range state.Listeners {
		used[l.FD] = true
	}
	if state.Memory != nil {
		used[state.Memory.FD] = true
	}
	mayUse := func(fd int) bool {
		if fd < 0 || used[fd] || !isOpen(fd) {
			return false
		}
		used[fd] = true
		return true
	}
	for i := range state.Members {
		m := restoredMember{Member: &state.Members[i]}
		if m.Room < 0 || m.Room >= len(state.Rooms) || m.Sender == 0 || int64(m.Sender) > int64(len(state.Senders)) {
			return nil, fmt.Errorf("the state is invalid: member %d is sender %d, in room %d", i, m.Sender, m.Room)
		}
		if err := checkSaid(m.Member, &state.Rooms[m.Room]); err != nil {
			return nil, err
		}
		if m.Ended == "" && !mayUse(m.FD) {
			m.Ended = causeDescriptor.words
		}
		if len(m.Message) >= wire.Size {
			return nil, fmt.Errorf("the state is invalid: member %d is at byte %d of a message", i, len(m.Message))
		}
		if m.Ended == "" {
			if m.conn, err = s.makeConn(&m.Conn); err != nil {
				return nil, err
			}
			m.conn.cursor, m.conn.lastOwn = broadcast.Position(m.Cursor), broadcast.Position(m.LastOwn)
		}
		if m.Ended == "" && m.Draining == nil { // or it is sent nothing more
			log := state.Rooms[m.Room].Log
			if err := m.conn.checkRestored(broadcast.Position(log.Head), broadcast.Position(log.End)); err != nil {
				return nil, err
			}
			s.oldest[m.Room] = min(s.oldest[m.Room], m.conn.cursor)
		}
		s.members = append(s.members, m)
	}
	for i := range state.Pending {
		p := restoredPending{Pending: &state.Pending[i]}
		if e := p.Echoing; e != nil && (e.Room < 0 || e.Room >= len(state.Rooms)) {
			return nil, fmt.Errorf("the state is invalid: connection %d is to be in room %d", i, e.Room)
		}
		if isWhole := len(p.Message) == wire.Size; p.Echoing == nil && isWhole != p.IsWhole || p.IsDelayed && !p.IsWhole || p.Echoing != nil && len(p.Message)+len(p.Greeting) == 0 {
			return nil, fmt.Errorf("the state is invalid: connection %d is at byte %d of its first message", i, len(p.Message))
		}
		if !mayUse(p.FD) {
			if p.Echoing != nil { // its key was announced
				s.members = append(s.members, restoredMember{Member: &handover.Member{
					Conn: handover.Conn{Sender: p.Sender}, Room: p.Echoing.Room, IsNew: true, Ended: causeDescriptor.words,
				}})
			}
			continue
		}
		if p.conn, err = s.makeConn(&p.Conn); err != nil {
			return nil, err
		}
		if e := p.Echoing; e != nil {
			s.oldest[e.Room] = min(s.oldest[e.Room], broadcast.Position(e.Cursor))
		}
		s.pending = append(s.pending, p)
	}
	for i := range state.Senders {
		if s.senders[i+1] == nil {
			sender := state.Senders[i].Sender()
			s.senders[i+1] = &sender
		}
	}
	return s, nil
}

// makeConn makes a connection, whose own sender is that of the messages that it has sent.
func (s *restoring) makeConn(from *handover.Conn) (*conn, error) {
	if from.Sender == 0 || int64(from.Sender) > int64(len(s.state.Senders)) || s.senders[from.Sender] != nil {
		return nil, fmt.Errorf("the state is invalid: descriptor %d is sender %d of %d, or another is", from.FD, from.Sender, len(s.state.Senders))
	}
	if framing(from.Framing) > numbered || len(from.Message) > wire.Size {
		return nil, fmt.Errorf("the state is invalid: descriptor %d has framing %d, and is at byte %d of a message", from.FD, from.Framing, len(from.Message))
	}
	c := &conn{fd: int32(from.FD), audience: -1, index: -1, framing: framing(from.Framing), userTimeoutOff: from.UserTimeoutOff}
	c.Sender = s.state.Senders[from.Sender-1].Sender()
	s.senders[from.Sender] = &c.Sender
	if f := from.Frames; f != nil {
		if len(f.Out) > len((&frames{}).out) || f.Unanswered < 0 || f.Unanswered > maxUnanswered || !c.isWebSocket() && len(f.Out) > 0 {
			return nil, fmt.Errorf("the state is invalid: descriptor %d has a header of size %d to be sent, and %d unanswered pings", from.FD, len(f.Out), f.Unanswered)
		}
		decoder, err := f.Decoder.Restore(&s.spares)
		if err != nil {
			return nil, err
		}
		c.partial = &partial{frames: frames{
			decoder: decoder, received: f.Received, outLen: len(f.Out), end: broadcast.Position(f.End), unanswered: f.Unanswered,
			target: broadcast.Position(f.Target), ended: f.Ended, status: websocket.Status(f.Status), violation: f.Violation,
		}}
		copy(c.partial.frames.out[:], f.Out)
	}
	if len(from.Message) > 0 {
		if c.partial == nil {
			c.partial = new(partial)
		}
		c.partial.have = copy(c.partial.message[:], from.Message)
	}
	if len(from.Greeting) > 0 {
		if c.partial == nil {
			c.partial = new(partial)
		}
		c.partial.greeting = from.Greeting
	}
	return c, nil
}

// restoreStrangers restores the log of no room.
func (s *restoring) restoreStrangers(log *broadcast.Log) error {
	if s.state.Strangers == nil {
		return nil
	}
	return log.Restore(s.state.Strangers, s.senders, func(int) []byte { return nil })
}

// open makes a room that is about to be opened what it was, if it is in the state. Then it
// reports true.
func (s *restoring) open(room *Room, hasEpochs bool) (bool, error) {
	i, is := s.byName[room.name]
	if !is || s.rooms[i] != nil {
		return false, nil
	}
	saved := &s.state.Rooms[i]
	if err := room.log.Restore(saved.Log, s.senders, s.piece); err != nil {
		return false, err
	}
	keeper, err := room.log.JoinAt(s.oldest[i], func() {})
	if err != nil {
		return false, err
	}
	if err := s.restoreRelay(room, saved); err != nil {
		return false, err
	}
	if !hasEpochs {
		room.epochs = start(saved.Epoch)
	}
	room.restoreArrivals(saved.Arrivals)
	s.rooms[i], s.keepers[i] = room, keeper
	return true, nil
}

// piece returns a piece of the memory.
func (s *restoring) piece(number int) []byte {
	if s.memory == nil {
		return nil
	}
	return s.memory.At(number)
}

// checkRestored returns an error if what is kept of a member does not fit its room's log.
func (c *conn) checkRestored(head, end broadcast.Position) error {
	isValid := c.cursor <= head && c.lastOwn <= end
	if f := c.frames(); f != nil {
		isValid = isValid && (f.end == 0 || c.cursor < f.end && f.end <= head && f.end%wire.Size == 0)
		isValid = isValid && (f.target == 0 || f.target <= end+1 && (f.target-1)%wire.Size == 0)
	}
	if f := c.frames(); c.isWebSocket() && (f == nil || f.end == 0) {
		isValid = isValid && c.cursor%wire.Size == 0
	}
	if !isValid {
		return fmt.Errorf("the state is invalid: connection %d is at %d of %d", c.ID, c.cursor, head)
	}
	return nil
}
