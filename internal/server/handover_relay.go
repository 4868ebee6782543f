//go:build linux

package server

import (
	"errors"
	"fmt"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/handover"
	"sop-chat/internal/wire"
)

// What is under way in a room that relays is handed over with it: its outgoing log, and where
// what has come back ends. A link follows the log in a group with a name, and so begins
// where the one before was.

// errRelay is returned for a room of a state that relays, and is opened as one that does not.
var errRelay = errors.New("what is said in the room has yet to come back from other servers, so it must still relay when another process takes over")

// saveLeft returns the clients of a room that have left, and of which something has yet to
// come back.
func (s *identities) saveLeft(room *Room, senders *broadcast.SenderTable) (saved []handover.LeftClient) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.left {
		if i.id.room == room && i.conn == nil && !room.hasReturned(i.until) {
			left := handover.LeftClient{Client: i.id.id, Said: uint64(i.until &^ inOutgoing)}
			if i.sender != nil {
				left.Sender = senders.Index(i.sender)
			}
			saved = append(saved, left)
		}
	}
	return saved
}

// restoreLeft gives its identity back to such a client.
func (s *identities) restoreLeft(room *Room, c handover.LeftClient, sender *broadcast.Sender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := identityID{room, c.Client}
	if s.byID[id] == nil {
		i := &identity{id: id, sender: sender, until: broadcast.Position(c.Said) | inOutgoing}
		s.byID[id], s.left = i, append(s.left, i)
	}
}

// leave notes that a member is not handed over, of which something may have yet to come
// back.
func (s *restoring) leave(r *running, m *restoredMember, room *Room) {
	if m.Client != 0 && m.Said > 0 && room.relay != nil {
		r.identities.restoreLeft(room, handover.LeftClient{Client: m.Client, Said: m.Said}, s.senders[m.Sender])
	}
}

// restoreRelay makes the outgoing log of a room that is about to be opened what it was.
func (s *restoring) restoreRelay(room *Room, saved *handover.Room) error {
	y := room.relay
	switch {
	case saved.Outgoing == nil:
		return nil
	case y == nil && saved.Returned == saved.Outgoing.End:
		return nil // nothing is under way
	case y == nil:
		return errRelay
	}
	if err := checkRelay(saved, s.senders); err != nil {
		return err
	}
	y.returned.Leave()
	if err := y.outgoing.Restore(saved.Outgoing, s.senders, s.piece); err != nil {
		return err
	}
	returned, err := y.outgoing.JoinAt(broadcast.Position(saved.Returned), func() {})
	if err != nil {
		return err
	}
	y.returned = returned
	y.restoreVoids(saved, s.senders, s.formersOf(s.byName[room.name]))
	room.epochs = start(saved.Epoch)
	return nil
}

// checkRelay returns an error if what a state has of a room that relays is invalid. Senders
// are those of the state.
func checkRelay(r *handover.Room, senders []*broadcast.Sender) error {
	if r.Outgoing == nil {
		return nil
	}
	if err := r.Outgoing.Check(senders); err != nil {
		return err
	}
	if r.Returned > r.Outgoing.Head || r.Returned < r.Outgoing.Begin() || r.Returned%wire.Size != 0 {
		return fmt.Errorf("the state is invalid: what has come back of %q ends at %d, and its outgoing log is from %d to %d",
			r.Name, r.Returned, r.Outgoing.Begin(), r.Outgoing.Head)
	}
	for _, c := range r.Left {
		if c.Said > r.Outgoing.End {
			return fmt.Errorf("the state is invalid: a client of %q has said something at %d of the outgoing log", r.Name, c.Said)
		}
		if int64(c.Sender) >= int64(len(senders)) {
			return fmt.Errorf("the state is invalid: a client of %q that has left is sender %d", r.Name, c.Sender)
		}
	}
	for _, index := range r.Voids {
		if index == 0 || int64(index) >= int64(len(senders)) {
			return fmt.Errorf("the state is invalid: sender %d of %q is void", index, r.Name)
		}
	}
	return nil
}

// checkSaid returns an error if a member has said something that the outgoing log of its
// room does not have.
func checkSaid(m *handover.Member, r *handover.Room) error {
	if m.Said > 0 && (r.Outgoing == nil || m.Said > r.Outgoing.End) {
		return fmt.Errorf("the state is invalid: sender %d has said something at %d of the outgoing log", m.Sender, m.Said)
	}
	return nil
}
