package cluster

import (
	"errors"
	"time"

	"sop-chat/internal/broadcast"
)

// A State is what a link leaves to another that goes on in its place, in the same server. It
// can be written as JSON.
type State struct {
	Instance [16]byte
	Created  time.Time // of the stream
	Position uint64
	Mark     time.Time
	// Claim is the server's claim of its name in the stream, and ClaimedAt when that took it.
	Claim     uint64      `json:",omitempty"`
	ClaimedAt time.Time   `json:",omitzero"`
	Rooms     []RoomState `json:",omitempty"`
}

// A RoomState is what a link leaves of a room. What is under way is the first Count
// unreturned messages of the outgoing log.
type RoomState struct {
	Name       []byte // any bytes
	Seq        uint64 // the place after what was delivered
	Number     uint64
	From       uint64
	Spoken     time.Time
	Expected   uint64
	IsKnown    bool
	Counter    uint64
	IsUnderWay bool `json:",omitempty"`
	Count      int  `json:",omitempty"`
}

// State returns what another link needs to go on. Run must have returned, and the rooms must
// not be used by another link before.
func (l *Link) State() *State {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.core
	s := &State{Instance: c.instance, Created: l.info.Created, Position: c.position, Mark: c.mark, Claim: c.claimSeq, ClaimedAt: c.claimedAt}
	for _, r := range c.rooms {
		saved := RoomState{
			Name: []byte(r.name), Seq: r.at.seq, Number: r.at.number, From: r.from, Spoken: r.spoken,
			Expected: r.expected, IsKnown: r.isKnown, Counter: r.counter,
		}
		if len(r.queue) == 0 && r.until == 0 {
			saved.Seq = max(r.at.seq, c.position)
		}
		if r.out != nil {
			saved.IsUnderWay, saved.Count = true, len(r.out.senders)
		}
		s.Rooms = append(s.Rooms, saved)
	}
	return s
}

// room returns what is left of a room, or nil.
func (s *State) room(name string) *RoomState {
	if s == nil {
		return nil
	}
	for i := range s.Rooms {
		if string(s.Rooms[i].Name) == name {
			return &s.Rooms[i]
		}
	}
	return nil
}

// restore has the room go on where it was. What was under way may have been published, so the
// same messages are published again, as the same batch.
func (r *room) restore(s *RoomState, server string, id instance) error {
	r.at, r.from, r.spoken = place{s.Seq, s.Number}, s.From, s.Spoken
	r.expected, r.isKnown, r.counter = s.Expected, s.IsKnown, s.Counter
	before := r.counter
	if s.IsUnderWay && s.Count > 0 {
		before--
	}
	r.peers = map[string]peer{server: {id, before}}
	if !s.IsUnderWay {
		return nil
	}
	if s.Count < 0 || s.Count > maxMessages {
		return errors.New("the state of the link has too many messages under way")
	}
	entries := make([]broadcast.Entry, s.Count)
	if n := r.sink.CopyUnreturned(entries, 0); n != s.Count {
		return errors.New("the state of the link has messages under way that the room has not")
	}
	counter := s.Counter
	if s.Count == 0 {
		counter = 0
	}
	r.out = pack(counter, entries)
	return nil
}

// resume has everything be tried again that was under way when the core was last used.
func (c *core) resume() {
	c.actions = nil
	c.closed()
	c.isClaiming = false
	c.resumeRecalls()
	for _, r := range c.rooms {
		r.isAsking, r.asked = false, false
		if r.out != nil {
			r.out.attempt++
			r.out.isTried, r.out.retry = false, time.Time{}
		}
		c.pending[r] = struct{}{}
	}
}
