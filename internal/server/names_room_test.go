//go:build linux

package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// lowerCase has names look alike that differ by case.
func lowerCase(name string) []string { return []string{strings.ToLower(name)} }

// With VerifyNames each message carries the name its sender joined with, without blanks
// around it and with zeros behind it, however it comes in pieces; the rest is as it was.
func TestVerifyNames(t *testing.T) {
	for _, name := range []string{"alice", "", "żółw", "\xff", strings.Repeat("n", wire.NameSize)} {
		s := chattest.Start(t, server.Config{}, server.RoomConfig{VerifyNames: true, Replay: 3})
		alice, bob := s.Join(t, name), s.Join(t, "bob")
		var sent, want []byte
		for i, given := range []string{"eve", " alice ", name, "", "bob\x00\xffbehind"} {
			var m, verified wire.Message
			copy(m[:], given)
			copy(m[wire.NameSize:], fmt.Sprintf("text %d\x00behind", i))
			m[wire.Size-1] = 0xff
			copy(verified[wire.NameSize:], m[wire.NameSize:])
			copy(verified[:], name)
			sent, want = append(sent, m[:]...), append(want, verified[:]...)
		}
		alice.Write(sent[:700])
		alice.Write(sent[700:])
		expect := func(c *chattest.Client, messages []byte) {
			t.Helper()
			for len(messages) > 0 {
				if got := c.Receive(); got != wire.Message(messages[:wire.Size]) {
					t.Fatalf("%q: received %q, want %q", name, got, messages[:wire.Size])
				}
				messages = messages[wire.Size:]
			}
		}
		expect(bob, want)
		expect(s.Join(t, "carol"), want[2*wire.Size:])
	}
}

// Names are as their senders wrote them in a room that does not verify them, also beside
// one that does; and that can be changed.
func TestVerifyNamesOfRoom(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Name: "a", Key: "1", VerifyNames: true}, server.RoomConfig{Name: "b", Key: "2"})
	a, b := s.Room("1"), s.Room("2")
	say := func(key, want string) {
		t.Helper()
		alice, bob := s.JoinRoom(t, "alice", key), s.JoinRoom(t, "bob", key)
		m, err := wire.New("eve", "hello")
		if err != nil {
			t.Fatal(err)
		}
		alice.Write(m[:])
		bob.Expect(want, "hello")
	}
	say("1", "alice")
	say("2", "eve")
	s.SetNames(a, false, nil)
	s.SetNames(b, true, nil)
	say("1", "eve")
	say("2", "alice")
}

// With UniqueNames a name that looks like that of one in the room is refused, without an
// echo and with a notice; in another room it is not. It is free when its client has left,
// in whatever way.
func TestUniqueNames(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Name: "a", Key: "1", UniqueNames: lowerCase, MaxClients: 2},
		server.RoomConfig{Name: "b", Key: "2", UniqueNames: lowerCase}, server.RoomConfig{Name: "c", Key: "3"})
	notices := s.Log().FollowLossless()
	defer notices.Close()
	for what, end := range map[string]func(*chattest.Client){
		"closes":      func(c *chattest.Client) { c.Close() },
		"half-closes": func(c *chattest.Client) { c.CloseWrite() },
		"is reset":    func(c *chattest.Client) { c.SetLinger(0); c.Close() },
		"is disconnected": func(c *chattest.Client) {
			s.Disconnect(s.Room("1"))
			c.ExpectEnd()
		},
	} {
		for _, name := range []string{"alice", ""} {
			alice := s.JoinRoom(t, name, "1")
			for _, like := range []string{name, strings.ToUpper(name), " " + name} {
				c := s.Guess(t, like, "1")
				c.ExpectEnd()
			}
			s.JoinRoom(t, name, "2").Close()
			s.JoinRoom(t, name, "3").Close()
			s.JoinRoom(t, "bob", "1").Close() // the refused have no slot
			end(alice)
			alice = joinSoon(t, s, strings.ToUpper(name), "1")
			alice.Close()
			if refused := refusals(t, notices, "somebody with this name, or one that looks like it, is in the room"); refused < 3 {
				t.Errorf("%s: %d were refused for their name, and that is announced, want 3", what, refused)
			}
		}
	}
}

// joinSoon joins as soon as the name is free: another end than one of the client's takes a
// moment.
func joinSoon(t *testing.T, s *chattest.Server, name, key string) *chattest.Client {
	t.Helper()
	for deadline := time.Now().Add(chattest.Patience); ; {
		c := s.Guess(t, name, key)
		var echo wire.Message
		if n, err := c.Read(echo[:]); n > 0 && err == nil {
			return c
		}
		if time.Now().After(deadline) {
			t.Fatalf("the name %q is not free again", name)
		}
	}
}

// refusals returns how many refusals for a reason are announced up to when a client that
// was let in has left.
func refusals(t *testing.T, f *broadcast.Follower, reason string) (n int) {
	t.Helper()
	entries := make([]broadcast.Entry, 16)
	for lefts := 0; lefts < 3; {
		got, err := f.Next(t.Context(), entries)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries[:got] {
			switch {
			case e.Notice == nil:
			case e.Notice.Kind == broadcast.Left:
				lefts++
			case e.Notice.Kind == broadcast.Refused && e.Notice.Reason == reason && e.Notice.Key == "1":
				n++
			}
		}
	}
	return n
}

// A client that comes when another has just left gets its name.
func TestNameIsFreeAtOnce(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{UniqueNames: lowerCase})
	for range 300 {
		c := s.Join(t, "alice")
		late := s.Guess(t, "Alice", chattest.Key)
		late.ExpectEnd()
		c.Close() // and the next comes at once
	}
}

// Names that are taken stay so when a room is told to have none twice, or need not any
// more; the others count from then on.
func TestChangeUniqueNames(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Name: "a", Key: "1"})
	room := s.Room("1")
	s.JoinRoom(t, "alice", "1")
	s.SetNames(room, false, lowerCase)
	s.JoinRoom(t, "alice", "1") // the first came before
	s.Guess(t, "Alice", "1").ExpectEnd()
	s.SetNames(room, false, nil)
	s.JoinRoom(t, "Alice", "1")
	s.SetNames(room, false, lowerCase)
	s.Guess(t, "Alice", "1").ExpectEnd()
}
