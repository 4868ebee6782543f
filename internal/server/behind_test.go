//go:build linux

package server

import (
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// What a client has had, and the room has not, is lost if it does not come for a minute in which the
// room had all that the cluster has, and the client waited for it.
func TestLost(t *testing.T) {
	const epoch = 7
	pool, batch := broadcast.NewPool(nil), broadcast.NewBatch(wire.Size)
	room := newRoom(RoomConfig{Relay: true, Backlog: 1 << 20, Epochs: start(epoch)}, 1, pool)
	room.relay.freed = make(chan struct{}, 1)
	room.BeginAt(100, epoch)
	a := &acceptor{system: new(system), rooms: newRooms(), limits: acceptorLimits{authTimeout: 10 * time.Second}}
	a.now = time.Unix(1000, 0)
	says := func(number uint64) *pendingConn {
		return &pendingConn{room: room, since: a.now, has: Since{Epoch: epoch, Number: number}}
	}
	// look has a client wait for some time, and reports whether what it has is lost.
	look := func(p *pendingConn, wait time.Duration) bool {
		for until := a.now.Add(wait); ; a.now = a.now.Add(time.Second) {
			if a.lookForLost(p); !a.now.Before(until) {
				return p.isLost
			}
		}
	}
	deliver := func() {
		batch.Add(&broadcast.Sender{ID: 1}, wire.Size)
		if !room.Deliver(batch, a.now) {
			t.Fatal("it was refused")
		}
	}
	if look(says(150), 2*lostAfter) {
		t.Error("it is lost although the room may lack something")
	}
	a.rooms.current.Store(true)
	far := says(150)
	switch {
	case look(far, lostAfter-time.Second):
		t.Error("it is lost at once")
	case look(says(140), 10*time.Second):
		t.Error("it is lost although another one was waited for")
	}
	a.now = a.now.Add(lostAfter)
	switch p := says(141); {
	case look(p, 0):
		t.Error("it is lost although the client has not waited")
	case !look(p, 5*time.Second) || p.isAhead():
		t.Error("it is never lost")
	}
	for range 41 {
		deliver()
	}
	if look(says(141), 10*time.Second) {
		t.Error("it is lost although the one before has come")
	}
	if p := says(100); look(p, 2*lostAfter) || p.isAhead() {
		t.Error("what the room has is lost")
	}
	a.now = a.now.Add(lostAfter)
	a.rooms.current.Store(false)
	look(says(150), 0)
	a.rooms.current.Store(true)
	if look(says(150), 10*time.Second) {
		t.Error("it is lost although the room lacked something meanwhile")
	}
}

// An outage and its end are announced where wrong keys are.
func TestAnnounceWaiting(t *testing.T) {
	s := &Server{rooms: newRooms()}
	follower := s.Strangers().FollowLossless()
	s.AnnounceWaiting("away")
	s.AnnounceWaiting("")
	var entries [3]broadcast.Entry
	if n := follower.Take(entries[:]); n != 2 || entries[0].Notice.Kind != broadcast.Waiting || entries[0].Notice.Reason != "away" || entries[1].Notice.Kind != broadcast.Resumed {
		t.Errorf("%d entries, %+v", n, entries)
	}
}
