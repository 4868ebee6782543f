//go:build linux

package server_test

import (
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// A server counts what is said and who comes and goes, of all loops together, and knows it
// still when it has ended.
func TestStats(t *testing.T) {
	s := chattest.Listen(t, server.Config{Loops: 3}, server.RoomConfig{MaxClients: 4})
	if stats := s.Stats(); stats.Serving || len(stats.Loops) > 0 || stats.Rooms != 1 {
		t.Errorf("before the server serves: %+v", stats)
	}
	s.Serve(t)
	alice, bob, carol := s.Join(t, "alice"), s.Join(t, "bob"), s.Join(t, "carol")
	alice.Send("hello")
	bob.Expect("alice", "hello")
	carol.Expect("alice", "hello")
	guess := s.Connect(t)
	guess.Send("guess")
	guess.ExpectEnd()
	carol.Close()
	s.Connect(t) // and sends nothing

	stats := waitForStats(t, s, func(stats server.Stats) bool {
		return stats.Clients == 2 && stats.Pending == 1 && stats.Disconnects["client_closed"] == 1
	})
	switch {
	case !stats.Serving, len(stats.Loops) != 3, stats.Fullest != 0.5, stats.Rooms != 1, stats.Connections != 5,
		stats.Authentications["accepted"] != 3, stats.Authentications["wrong_key"] != 1, stats.Disconnects["wrong_key"] != 1,
		stats.Messages != 1, stats.Deliveries != 2, stats.Copied != 1024, stats.Referred != 0,
		stats.Received != 5*512, stats.Sent != 5*512, stats.WriteLatency.Count() != 1, stats.Lagging != 0, stats.Lag != 0:
		t.Errorf("%+v", stats)
	}
	for i, l := range stats.Loops {
		if !l.Answers || l.Wakeups == 0 {
			t.Errorf("loop %d: %+v", i, l)
		}
	}
	if stats.Loops[0].Busy <= 0 {
		t.Errorf("the first loop was never busy: %+v", stats.Loops)
	}
	s.Stop(t)
	stats = s.Stats()
	if stats.Serving || stats.Clients != 0 || stats.Pending != 0 || stats.Messages != 1 || stats.Disconnects["shutdown"] != 3 {
		t.Errorf("when the server has ended: %+v", stats)
	}
}

// A client that does not read is the slowest, and the time is counted in which the room is
// pressed for it.
func TestStatsOfSlowReader(t *testing.T) {
	s := chattest.Start(t, server.Config{StallTimeout: time.Minute}, server.RoomConfig{Backlog: 256 << 10})
	alice := s.Join(t, "alice")
	bob := s.Join(t, "bob")
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		for err := error(nil); err == nil; { // until it is closed
			_, err = alice.Write(make([]byte, 64<<10))
		}
	}()
	stats := waitForStats(t, s, func(stats server.Stats) bool { return stats.RoomsPressed == 1 && stats.Pressed > 0 })
	if stats.Lagging != 1 || stats.Lag < 64<<10 || stats.LagTime <= 0 {
		t.Errorf("while a client does not read: %+v", stats)
	}
	bob.Close()
	waitForStats(t, s, func(stats server.Stats) bool { return stats.RoomsPressed == 0 && stats.Clients == 1 && stats.Lag == 0 })
	alice.Close()
	<-flooded
}

// waitForStats waits until a server has certain numbers, and returns them.
func waitForStats(t *testing.T, s *chattest.Server, ok func(server.Stats) bool) server.Stats {
	t.Helper()
	var stats server.Stats
	defer func() {
		if t.Failed() {
			t.Logf("the numbers are %+v", stats)
		}
	}()
	chattest.Eventually(t, "other numbers", chattest.Patience, func() bool {
		stats = s.Stats()
		return ok(stats)
	})
	return stats
}
