package client

import (
	"fmt"
	"slices"
	"sync"

	"sop-chat/internal/wire"
)

// A room is what a client of the subprotocol knows of its room and of its own
// messages in it. It does no I/O.
//
//	    ◀──────── has ────────▶│◀─ missed ─▶│◀──────── comes ────────▶
//	… n-2   n-1   n = position │            │ next, if nothing is missed
//
// Own messages don't come. A frame whose number is greater than expected acknowledges
// as many, the oldest first.
type room struct {
	name    string // the client's
	own     bool   // own messages are returned, too
	resumed bool

	mu       sync.Mutex
	epoch    uint64
	next     uint64   // number of the first message that is not returned yet
	missed   uint64   // messages before next, not reported yet
	caughtUp bool     // all that was there when the client joined was returned
	server   uint64   // of this connection
	from     uint64   // the server at which the client had caught up before, see State.Server
	former   []string // sent over the former connection and not acknowledged
	sent     []string // sent over this connection and not acknowledged
	acked    int      // messages of both that were acknowledged

	frame frame // of which the rest is to be returned
}

// A protocolError says how a server breaks the rules of the subprotocol.
type protocolError struct{ rule string }

func (e *protocolError) Error() string {
	return "the server breaks the rules of " + Subprotocol + ": " + e.rule
}

// newRoom returns the room of a client that was admitted and knows a state.
func newRoom(name string, own bool, a admission, s State) *room {
	r := &room{
		name: name, own: own, epoch: a.epoch, next: a.number, server: a.server, from: s.Server,
		former: slices.Clone(s.Unacknowledged),
		// A client that has come into an empty room has number 0 of its epoch.
		// What it gets from the first number on is all there is.
		resumed: a.known > 0 || s.Number == 0 && (s.Epoch == a.epoch || s.Epoch != 0 && a.number == 1),
	}
	if r.resumed {
		r.next = a.known + 1
	}
	return r
}

// position returns what the client has.
func (r *room) position() (epoch, number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.epoch, r.next - 1
}

// isAt returns the server that may have yet to deliver something that was sent.
func (r *room) isAt() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.caughtUp {
		return r.server
	}
	return r.from
}

// add adds messages that are about to be sent. Those of the former connection that
// did not arrive are no longer counted as such when they are sent again.
func (r *room) add(texts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range texts {
		if r.caughtUp && len(r.former) > 0 && r.former[0] == text {
			r.former = r.former[1:]
		}
		r.sent = append(r.sent, text)
	}
}

// unacknowledged returns the messages that were not acknowledged, oldest first.
func (r *room) unacknowledged() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.caughtUp {
		return slices.Concat(r.former, r.sent)
	}
	return slices.Concat(r.sent, r.former) // the rest of the former is sent again later, if at all
}

// acknowledged returns how many messages were acknowledged.
func (r *room) acknowledged() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.acked
}

// settled reports whether everything that was sent over this connection is
// acknowledged, and nothing from before it is in doubt.
func (r *room) settled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.caughtUp && len(r.sent) == 0
}

// hasCaughtUp reports whether all that was there when the client joined was returned.
func (r *room) hasCaughtUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.caughtUp
}

// buffered returns how many messages of the frame are not returned yet.
func (r *room) buffered() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.own && !r.caughtUp && len(r.former) > 0 {
		return 0 // they may all be one's own, which are not returned
	}
	return len(r.frame.messages) / wire.Size
}

// take sets the frame that has come.
func (r *room) take(f frame) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.outside = f.number == 0 && !f.empty; f.outside {
		r.frame = f
		return nil
	}
	if f.number < r.next {
		return &protocolError{fmt.Sprintf("number %d comes where %d is the next", f.number, r.next)}
	}
	if gap := f.number - r.next; gap > uint64(len(r.sent)) {
		return &protocolError{fmt.Sprintf("before number %d, %d are left out, and %d were sent", f.number, gap, len(r.sent))}
	}
	r.frame = f
	return nil
}

// message returns the next message of the frame, if it has any more.
func (r *room) message() (m Message, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := &r.frame
	for !f.outside && r.next < f.number { // one's own, which are left out
		text := r.sent[0]
		r.sent = r.sent[1:]
		if m, ok = r.ownMessage(Message{Name: r.name, Text: text, Time: f.time}); ok {
			return m, true
		}
	}
	for len(f.messages) > 0 {
		content := wire.Message(f.messages[:wire.Size])
		f.messages = f.messages[wire.Size:]
		f.number++
		m = Message{Name: string(content.Name()), Text: string(content.Text()), Time: f.time, From: f.from}
		if !f.named {
			m.From = string(content.TrimmedName())
		}
		if f.outside {
			return m, true
		}
		if m, ok = r.arrive(m); ok {
			return m, true
		}
	}
	if f.empty {
		f.empty, r.caughtUp = false, true
	}
	return Message{}, false
}

// recall returns a message of the history, which has the number next.
func (r *room) recall(m Message) (Message, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.arrive(m)
}

// arrive completes the message with the number next, and reports whether it is to be
// returned. It may be the oldest one of the former connection that is not acknowledged.
func (r *room) arrive(m Message) (Message, bool) {
	if !r.caughtUp && len(r.former) > 0 && m.From == r.name && m.Name == r.name && m.Text == r.former[0] {
		r.former = r.former[1:]
		return r.ownMessage(m)
	}
	return r.finish(m), true
}

// ownMessage acknowledges the message with the number next, and reports whether it
// is to be returned.
func (r *room) ownMessage(m Message) (Message, bool) {
	r.acked++
	m.From, m.Own = r.name, true
	if !r.own {
		r.next++
		return Message{}, false
	}
	return r.finish(m), true
}

// finish returns a message with what all messages have.
func (r *room) finish(m Message) Message {
	m.Number, m.Old = r.next, !r.caughtUp
	m.Missed, r.missed = r.missed, 0
	r.next++
	return m
}

// skip gives up all messages up to a number.
func (r *room) skip(to uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to >= r.next {
		r.missed += to + 1 - r.next
		r.next = to + 1
	}
}
