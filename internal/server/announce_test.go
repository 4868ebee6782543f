//go:build linux

package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// Rooms that are held, however many, have the loop look again after a while, and not in
// each wake-up.
func TestAnnounceWhileHeld(t *testing.T) {
	f := newFanOut(t, 0, raw)
	s := newSpeaker("server")
	f.loop.useSpeaker(s)
	pool, batch := newPool(nil), broadcast.NewBatch(batchSize)
	for range mostAnnounced + 1 {
		room := newRoom(RoomConfig{Backlog: broadcast.SegmentSize, Announce: true}, 1, pool)
		t.Cleanup(room.log.Close)
		room.speaker = s
		room.log.FollowLossless() // and takes nothing
		for !room.log.Held() {
			batch.Add(s.sender, min(len(batch.Free()), wire.Size))
			room.log.Append(batch, time.Time{})
		}
		room.note("alice", false)
	}
	for range 3 {
		f.loop.update(f.loop.now.Add(announceInterval), time.Time{})
		for looks := 0; !s.deadline().After(f.loop.now); looks++ {
			if looks > 2 {
				t.Fatalf("nothing can be announced in %d rooms, and the loop does not wait", len(s.due))
			}
			f.loop.speak()
		}
	}
}

// An announcement names a few clients, and counts more.
func TestArrivals(t *testing.T) {
	joined := func(names ...string) (all []arrival) {
		for _, name := range names {
			all = append(all, arrival{name, false})
		}
		return all
	}
	left := func(names ...string) (all []arrival) {
		for _, name := range names {
			all = append(all, arrival{name, true})
		}
		return all
	}
	var many []arrival
	for i := range 100 {
		many = append(many, arrival{fmt.Sprint("client ", i), i%10 == 9})
	}
	for _, test := range []struct {
		all  []arrival
		want string
	}{
		{nil, ""},
		{joined("alice"), `"alice" joined`},
		{left("alice"), `"alice" left`},
		{joined("alice", "bob"), `"alice" and "bob" joined`},
		{joined("alice", "bob", "carol"), `"alice", "bob" and "carol" joined`},
		{append(joined("alice", "bob"), left("carol")...), `"alice" and "bob" joined, "carol" left`},
		{joined("a", "b", "c", "d"), "4 joined"},
		{append(joined("a", "b"), left("c", "d")...), "2 joined, 2 left"},
		{many, "90 joined, 10 left"},
		{joined(`bob" joined, "alice`), `"bob\" joined, \"alice" joined`},
		{joined("\x1b[31m\xff\u202e"), `"\x1b[31m\xff\u202e" joined`},
		{joined(""), `"" joined`},
		{joined(strings.Repeat("\x01", 64), strings.Repeat("\x02", 64)), "2 joined"}, // too long
		{append(left("alice"), joined("alice")...), ""},                              // is back
		{append(joined("alice"), left("alice")...), ""},
		{append(joined("alice", "alice"), left("alice")...), `"alice" joined`},
	} {
		var s arrivals
		for _, a := range test.all {
			s.add(a)
		}
		if got := s.take(); got != test.want {
			t.Errorf("%v: got %q, want %q", test.all, got, test.want)
		}
		if again := s.take(); again != "" {
			t.Errorf("%v: then it is %q", test.all, again)
		}
	}
}
