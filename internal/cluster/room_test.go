package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A fakeRoom is a room over real logs, as far as the link sees it. It fails the test if what is
// its own does not come back once each and in its order, with its senders.
type fakeRoom struct {
	t          testing.TB
	outgoing   *broadcast.Log
	own        *broadcast.Log
	follower   *broadcast.Follower
	unreturned []broadcast.Entry
	batch      *broadcast.Batch
	first      uint64 // the number of the first message that was delivered
	texts      []string
	clients    map[uint64]*simConn // that say which one they are
	conns      map[*broadcast.Sender]*simConn
	void       map[*broadcast.Sender]bool
	voided     int // messages
	refuses    bool
	claims     bool // messages may have other names than their senders
	begun      bool
}

func newFakeRoom(t testing.TB) *fakeRoom {
	own := broadcast.New(4<<20, 4<<20)
	return &fakeRoom{
		t: t, outgoing: broadcast.New(4<<20, 4<<20), own: own, follower: own.FollowLossless(),
		batch: broadcast.NewBatch(wire.Size), clients: make(map[uint64]*simConn), conns: make(map[*broadcast.Sender]*simConn), void: make(map[*broadcast.Sender]bool),
	}
}

// say appends a message to the outgoing log.
func (r *fakeRoom) say(from *broadcast.Sender, text string) {
	m, err := wire.New(from.Name, text)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.void[from] {
		r.voided++
	} else {
		r.unreturned = append(r.unreturned, broadcast.Entry{From: from, Message: m})
	}
	copy(r.batch.Free(), m[:])
	r.batch.Add(from, wire.Size)
	r.outgoing.Append(r.batch, time.Unix(0, 0))
	r.outgoing.Wake(nil)
}

func (r *fakeRoom) Outgoing() *broadcast.Log { return r.outgoing }

func (r *fakeRoom) CopyUnreturned(dst []broadcast.Entry, skip int) int {
	return copy(dst, r.unreturned[min(skip, len(r.unreturned)):])
}

// enter has a client be in the room by a connection.
func (r *fakeRoom) enter(client uint64, n *simConn) { r.clients[client], r.conns[n.sender] = n, n }

func (r *fakeRoom) Void(client uint64) {
	n := r.clients[client]
	if n == nil {
		return
	}
	n.ended, r.void[n.sender] = true, true
	before := len(r.unreturned)
	r.unreturned = slices.DeleteFunc(r.unreturned, func(e broadcast.Entry) bool { return e.From == n.sender })
	r.voided += before - len(r.unreturned)
}

func (r *fakeRoom) hasUnreturned(from *broadcast.Sender) bool {
	return slices.ContainsFunc(r.unreturned, func(e broadcast.Entry) bool { return e.From == from })
}

func (r *fakeRoom) BeginAt(number, epoch uint64) {
	if r.begun || number == 0 || epoch == 0 {
		r.t.Fatalf("the room begins at %d in the epoch %d, begun: %v", number, epoch, r.begun)
	}
	r.begun, r.first = true, number
}

func (r *fakeRoom) Deliver(b *broadcast.Batch, at time.Time) bool {
	if r.refuses {
		return false
	}
	if at.IsZero() {
		r.t.Fatal("a delivery has no time")
	}
	r.own.Append(b, at)
	entries := make([]broadcast.Entry, 64)
	for {
		n := r.follower.Take(entries)
		if n == 0 {
			return true
		}
		for _, e := range entries[:n] {
			r.texts = append(r.texts, string(e.Message.Text()))
			if e.From.Addr.IsValid() { // one of this server's, see newMember
				if len(r.unreturned) == 0 || r.unreturned[0].From != e.From || r.unreturned[0].Message != e.Message {
					r.t.Fatalf("%q of %v came back, but is not the next that is unreturned", e.Message.Text(), e.From)
				}
				r.unreturned = r.unreturned[1:]
				if n := r.conns[e.From]; n != nil {
					n.returned(r.t, string(e.Message.Text()))
				}
			} else if !r.claims && e.From.Name != string(e.Message.TrimmedName()) {
				r.t.Fatalf("%q has the name %q", e.Message.Text(), e.From.Name)
			}
		}
	}
}

// at returns what is delivered with a number.
func (r *fakeRoom) next() uint64 { return r.first + uint64(len(r.texts)) }

func (r *fakeRoom) String() string { return fmt.Sprintf("%d to %d", r.first, r.next()) }
