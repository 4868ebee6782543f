//go:build linux

package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// A client's key decides which room it is in, and it hears of no other.
func TestRooms(t *testing.T) {
	const rooms = 30
	for _, loops := range []int{1, 3} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			var configs []server.RoomConfig
			for i := range rooms {
				configs = append(configs, server.RoomConfig{Name: fmt.Sprint("room ", i), Key: fmt.Sprint("key ", i), Replay: 1})
			}
			s := chattest.Start(t, server.Config{Loops: loops}, configs...)
			var alices, bobs []*chattest.Client
			for i := range rooms {
				alices = append(alices, s.JoinRoom(t, "alice", fmt.Sprint("key ", i)))
				bobs = append(bobs, s.JoinRoom(t, "bob", fmt.Sprint("key ", i)))
			}
			for i, alice := range alices {
				alice.Send(fmt.Sprint("of room ", i))
			}
			for i, bob := range bobs {
				bob.Expect("alice", fmt.Sprint("of room ", i))
				bob.Send("heard")
			}
			for i, alice := range alices {
				alice.Expect("bob", "heard")
				s.JoinRoom(t, "carol", fmt.Sprint("key ", i)).Expect("bob", "heard") // replayed
			}
		})
	}
}

// A room's rate can be changed while members wait for it, and counts at once.
func TestSetRate(t *testing.T) {
	const wait = 10 * time.Second // for the next message at the first rate
	s := chattest.Start(t, server.Config{Loops: 2}, server.RoomConfig{Name: "a", Key: "1", Rate: server.Rate{Messages: 6, Per: time.Minute, Burst: 1}})
	alice, bob := s.JoinRoom(t, "alice", "1"), s.JoinRoom(t, "bob", "1")
	begin := time.Now()
	for i := range 3 {
		alice.Send(fmt.Sprint("message ", i))
	}
	bob.Expect("alice", "message 0")
	s.SetRate(s.Room("1"), server.Rate{})
	bob.Expect("alice", "message 1")
	bob.Expect("alice", "message 2")
	if took := time.Since(begin); took >= wait {
		t.Errorf("the former rate counts for %v", took)
	}
}

// Two rooms can't have one name or one key.
func TestOpenTwice(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Name: "a", Key: "1"})
	for _, c := range []server.RoomConfig{{Name: "a", Key: "2"}, {Name: "b", Key: "1"}, {Name: "c", Key: "\x00"}, {Name: "c", Key: strings.Repeat("k", 449)}} {
		isPrepared := false
		if _, err := s.Server.Open(c, func(*server.Room) error { isPrepared = true; return nil }); err == nil || isPrepared {
			t.Errorf("%q with the key %q: %v; prepared: %t", c.Name, c.Key, err, isPrepared)
		}
	}
	fails := errors.New("it is not prepared")
	if _, err := s.Server.Open(server.RoomConfig{Name: "b", Key: "2", Backlog: 64 << 10}, func(*server.Room) error { return fails }); err != fails {
		t.Errorf("got %v, want %v", err, fails)
	}
	b := s.Open(t, server.RoomConfig{Name: "b", Key: "2"})
	if err := s.SetKey(b, "1"); err == nil {
		t.Error("two rooms have one key")
	}
	if got := s.Room("2"); got != b || s.Room("3") != nil || s.Room("") != nil {
		t.Errorf("the room is %v", got)
	}
}

// A room that is closed ends the connections of its clients, and its log; no other room
// notices. Its name and its key can be had again.
func TestCloseRoom(t *testing.T) {
	for _, loops := range []int{1, 3} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			s := chattest.Start(t, server.Config{Loops: loops}, server.RoomConfig{Name: "a", Key: "1"})
			alice, bob := s.JoinRoom(t, "alice", "1"), s.JoinRoom(t, "bob", "1")
			for round := range 20 {
				b := s.Open(t, server.RoomConfig{Name: "b", Key: "2"})
				follower := b.Log().FollowLossless()
				var inside []*chattest.Client
				for i := range 10 {
					inside = append(inside, s.JoinRoom(t, fmt.Sprint("client ", i), "2"))
				}
				inside[0].Send("the last words")
				for _, c := range inside[1:] {
					c.Expect("client 0", "the last words")
				}
				s.Server.Close(b)
				for _, c := range inside {
					c.ExpectEnd()
				}
				expectLogEnd(t, follower)
				c := s.Guess(t, "late", "2")
				c.ExpectEnd()
				alice.Send(fmt.Sprint("round ", round))
				bob.Expect("alice", fmt.Sprint("round ", round))
			}
		})
	}
}

// expectLogEnd waits until a log has ended.
func expectLogEnd(t *testing.T, f *broadcast.Follower) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), chattest.Patience)
	defer cancel()
	defer f.Close()
	entries := make([]broadcast.Entry, 16)
	for {
		switch _, err := f.Next(ctx, entries); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.Fatalf("the log does not end: %v", err)
		}
	}
}

// Rooms are opened and closed while clients join them, talk and leave; nothing is left.
func TestCloseRoomsAlways(t *testing.T) {
	s := chattest.Start(t, server.Config{Loops: 3}, server.RoomConfig{Name: "stays", Key: "stays"})
	stop := make(chan struct{})
	done := make(chan struct{})
	for i := range 4 {
		key := fmt.Sprint("key ", i%2)
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
					c := s.Guess(t, "somebody", key)
					c.Write(make([]byte, 512)) // or it is refused
					c.Close()
				}
			}
		}()
	}
	for round := range 200 {
		room := s.Open(t, server.RoomConfig{Name: "comes and goes", Key: fmt.Sprint("key ", round%2)})
		follower := room.Log().FollowLossless()
		if round%3 == 0 {
			s.Disconnect(room)
		}
		s.Server.Close(room)
		expectLogEnd(t, follower)
	}
	close(stop)
	for range 4 {
		<-done
	}
	if got := s.Rooms(); len(got) != 1 || got[0].Name() != "stays" {
		t.Errorf("the rooms are %v", got)
	}
}

// A changed key lets in, the former doesn't, and nobody is disconnected unless that is
// asked for.
func TestSetKey(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Name: "a", Key: "old"}, server.RoomConfig{Name: "b", Key: "other"})
	room := s.Room("old")
	alice := s.JoinRoom(t, "alice", "old")
	if err := s.SetKey(room, "new"); err != nil {
		t.Fatal(err)
	}
	late := s.Guess(t, "late", "old")
	late.ExpectEnd()
	bob := s.JoinRoom(t, "bob", "new")
	bob.Send("hello")
	alice.Expect("bob", "hello")
	s.Disconnect(room)
	alice.ExpectEnd()
	bob.ExpectEnd()
	s.JoinRoom(t, "alice", "new")
}

// How many messages a room replays, and how many clients it takes, can be changed while it
// is open.
func TestChangeLimits(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Name: "a", Key: "1", MaxClients: 1})
	room := s.Room("1")
	alice := s.JoinRoom(t, "alice", "1")
	late := s.Guess(t, "late", "1")
	late.ExpectEnd()
	s.SetMaxClients(room, 3)
	bob := s.JoinRoom(t, "bob", "1")
	alice.Send("before")
	bob.Expect("alice", "before")
	s.SetReplay(room, 2, 2)
	alice.Send("after")
	bob.Expect("alice", "after")
	carol := s.JoinRoom(t, "carol", "1") // nothing was kept before
	carol.Expect("alice", "after")
	s.SetMaxClients(room, 1)
	bob.Close()
	carol.Send("still here")
	alice.Expect("carol", "still here")
	late = s.Guess(t, "late", "1")
	late.ExpectEnd()
}

// A client that comes when another has just left gets its slot, in whatever room.
func TestSlotsOfRooms(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Name: "a", Key: "1", MaxClients: 1}, server.RoomConfig{Name: "b", Key: "2", MaxClients: 1})
	deadline := time.Now().Add(chattest.Patience)
	for range 300 {
		if time.Now().After(deadline) {
			t.Fatal("it takes too long")
		}
		for _, key := range []string{"1", "2"} {
			c := s.JoinRoom(t, "somebody", key)
			full := s.Guess(t, "late", key)
			full.ExpectEnd()
			c.Close() // and the next comes at once
		}
	}
}

// A refusal for a wrong key is announced in the room if there is one, and else in none.
func TestStrangers(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Name: "a", Key: "1"})
	strangers, room := s.Strangers().FollowSkipping(), s.Log().FollowSkipping()
	guess := func(f *broadcast.Follower) {
		t.Helper()
		c := s.Guess(t, "stranger", "guess")
		c.ExpectEnd()
		entries := make([]broadcast.Entry, 1)
		ctx, cancel := context.WithTimeout(context.Background(), chattest.Patience)
		defer cancel()
		if _, err := f.Next(ctx, entries); err != nil || entries[0].Notice == nil || entries[0].Notice.Key != "guess" {
			t.Fatalf("%v: %+v", err, entries[0])
		}
	}
	guess(room)
	s.Open(t, server.RoomConfig{Name: "b", Key: "2"})
	guess(strangers)
}

// The log says of a client that ends in which room it was, if that has a name.
func TestLogTellsRoom(t *testing.T) {
	var log bytes.Buffer
	s := chattest.Start(t, server.Config{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		server.RoomConfig{Name: "maths", Key: "1"}, server.RoomConfig{Name: "", Key: "2"})
	s.JoinRoom(t, "alice", "1")
	s.JoinRoom(t, "bob", "2")
	s.Guess(t, "eve", "3").ExpectEnd()
	s.Stop(t)
	if n := strings.Count(log.String(), "connection ended"); n != 3 {
		t.Errorf("%d connections ended, want 3", n)
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "name=alice room=maths ") != strings.Contains(line, "alice") || strings.Contains(line, "room=") != strings.Contains(line, "alice") {
			t.Errorf("logged %s", line)
		}
	}
	if n := strings.Count(log.String(), "room=maths"); n != 1 {
		t.Errorf("%d lines are of the room:\n%s", n, log.String())
	}
}
