//go:build linux

package server_test

import (
	"strings"
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// Clients at other servers take slots and names here, as long as they are there.
func TestElsewhere(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{UniqueNames: lowerCase, MaxClients: 3})
	room := s.Room(chattest.Key)
	s.SetElsewhere(room, "one", []server.OtherClient{
		{Server: "two", Name: "Bob", NamedSince: time.Now().Add(time.Hour)}, // whatever the clocks say
		{Server: "two", Name: "carol"},                                      // others may have its name, too
	})
	s.Guess(t, "BOB", chattest.Key).ExpectEnd()
	carol := s.Join(t, "carol")
	s.Guess(t, "dave", chattest.Key).ExpectEnd() // the room is full
	s.SetElsewhere(room, "one", nil)
	s.Join(t, "bob")
	s.Join(t, "dave")
	s.SetElsewhere(room, "one", []server.OtherClient{{Server: "two", Name: "eve"}})
	carol.Close() // and there are three
	s.Guess(t, "frank", chattest.Key).ExpectEnd()
	if stats := s.Stats(); stats.Fullest != 1 {
		t.Errorf("the room is full to %v", stats.Fullest)
	}
}

// Of two clients that have taken one name at two servers, that which has it for longer stays.
// The other one is disconnected, but not at once, and its name is free here.
func TestSettleNames(t *testing.T) {
	for _, loops := range []int{1, 3} {
		s := chattest.Start(t, server.Config{Loops: loops}, server.RoomConfig{UniqueNames: lowerCase, Relay: true}, server.RoomConfig{Name: "other", Key: "other", UniqueNames: lowerCase})
		room := s.Room(chattest.Key)
		alice, bob := s.Join(t, "alice"), s.Join(t, "bob")
		s.JoinRoom(t, "alice", "other")
		var since [2]time.Time
		all, err := s.Members(asked(t), server.Who{Room: room})
		for _, m := range all {
			since[strings.Index("ab", m.Name[:1])] = m.NamedSince
		}
		if err != nil || len(all) != 2 || since[0].IsZero() || since[1].IsZero() {
			t.Fatalf("there are %v, %v", all, err)
		}
		now := time.Now()
		s.SetElsewhere(room, "b", []server.OtherClient{
			{Server: "a", Name: "Alice", NamedSince: since[0]}, {Server: "c", Name: "Bob", NamedSince: since[1]},
		})
		settle := func(after time.Duration, want string) {
			t.Helper()
			lost, err := s.SettleNames(asked(t), room, now.Add(after))
			got := ""
			for _, m := range lost {
				got += m.Name
			}
			if err != nil || got != want {
				t.Errorf("after %v %q were disconnected, %v; want %q", after, got, err, want)
			}
		}
		settle(0, "")
		settle(2*time.Second, "")
		settle(3*time.Second, "alice")
		alice.ExpectEnd()
		s.Guess(t, "alice", chattest.Key).ExpectEnd() // it is the other's
		settle(6*time.Second, "")
		s.SetElsewhere(room, "b", nil)
		joinSoon(t, s, "alice", chattest.Key)
		s.SetElsewhere(room, "b", []server.OtherClient{{Server: "a", Name: "Bob", NamedSince: since[1]}})
		settle(9*time.Second, "")
		s.SetElsewhere(room, "b", nil) // the other has left
		settle(12*time.Second, "")
		s.SetElsewhere(room, "b", []server.OtherClient{{Server: "a", Name: "Bob", NamedSince: since[1]}})
		settle(15*time.Second, "")
		s.SetNames(room, false, nil)
		settle(18*time.Second, "")
		bob.Close()
	}
}
