//go:build linux

package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/names"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// message returns a message.
func message(t testing.TB, name, text string) wire.Message {
	t.Helper()
	m, err := wire.New(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What the server says in a room all members receive, in one order with what they say.
func TestSpeak(t *testing.T) {
	for _, loops := range []int{1, 3} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			s := chattest.Listen(t, server.Config{Loops: loops}, server.RoomConfig{Name: "a", Key: "1"}, server.RoomConfig{Name: "b", Key: "2"})
			follower := s.Log().FollowLossless()
			s.Serve(t)
			alice, bob, other := s.JoinRoom(t, "alice", "1"), s.JoinRoom(t, "bob", "1"), s.JoinRoom(t, "other", "2")
			by := &broadcast.Sender{Name: "ci"}
			for i := range 3 {
				number, err := s.Speak(asked(t), s.RoomNamed("a"), by, message(t, "ci", "one"), message(t, "jenkins", "two"))
				if want := uint64(1 + 3*i); err != nil || number != want {
					t.Fatalf("got the number %d, %v; want %d", number, err, want)
				}
				for _, c := range []*chattest.Client{alice, bob} {
					c.Expect("ci", "one")
					c.Expect("jenkins", "two")
				}
				alice.Send("heard")
				bob.Expect("alice", "heard")
			}
			if _, err := s.Speak(asked(t), s.RoomNamed("b"), by, message(t, "ci", "three")); err != nil {
				t.Fatal(err)
			}
			other.Expect("ci", "three")

			room := s.RoomNamed("b")
			s.Close(room)
			if _, err := s.Speak(asked(t), room, by, message(t, "ci", "four")); !errors.Is(err, server.ErrRoomClosed) {
				t.Errorf("in a closed room: %v", err)
			}
			s.Stop(t)
			if _, err := s.Speak(asked(t), s.RoomNamed("a"), by, message(t, "ci", "five")); !errors.Is(err, server.ErrEnded) {
				t.Errorf("after the end: %v", err)
			}
			var said []string
			entries := make([]broadcast.Entry, 64)
			for {
				n, err := follower.Next(t.Context(), entries)
				for _, e := range entries[:n] {
					if e.Notice == nil && e.From == by {
						said = append(said, string(e.Message.Text()))
					}
				}
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if got, want := strings.Join(said, " "), "one two one two one two"; got != want {
				t.Errorf("the log has %q, want %q", got, want)
			}
		})
	}
}

// What the server says is counted, and those that join later receive it with all else that was
// said before. Where names are unique, no client has the server's.
func TestSpeakAsServer(t *testing.T) {
	s := chattest.Start(t, server.Config{Name: "house"}, server.RoomConfig{Replay: 2, UniqueNames: names.Skeletons}, server.RoomConfig{Name: "free", Key: "2"})
	alice := s.Join(t, "alice")
	for _, text := range []string{"anybody here?", "welcome"} {
		if _, err := s.Speak(asked(t), s.RoomNamed(""), s.Sender(), message(t, s.Sender().Name, text)); err != nil {
			t.Fatal(err)
		}
		alice.Expect("house", text)
	}
	alice.Send("thanks")
	s.Join(t, "bob").Expect("house", "welcome")
	if got := s.Stats().Messages; got != 3 {
		t.Errorf("%d messages are counted, want 3", got)
	}
	if impostor := s.Connect(t); !isRefused(t, impostor, "House", chattest.Key) {
		t.Error("a client joins under the server's name")
	}
	other := s.JoinRoom(t, "other", "2")
	s.JoinRoom(t, "House", "2").Send("hello")
	other.Expect("House", "hello")
}

// Nobody waits for a server that does not serve for longer than they want to.
func TestSpeakTooEarly(t *testing.T) {
	s := chattest.Listen(t, server.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Speak(ctx, s.RoomNamed(""), s.Sender(), message(t, "server", "hello")); !errors.Is(err, context.Canceled) {
		t.Errorf("before it serves: %v", err)
	}
}

// While a room is held nothing is said in it, and nobody waits for that.
func TestSpeakWhileHeld(t *testing.T) {
	s := chattest.Listen(t, server.Config{}, server.RoomConfig{Backlog: 64 << 10})
	follower := s.Log().FollowLossless() // holds the room until it reads
	s.Serve(t)
	room, by := s.RoomNamed(""), &broadcast.Sender{Name: "ci"}
	said := 0
	for {
		_, err := s.Speak(asked(t), room, by, message(t, "ci", fmt.Sprint(said)))
		if errors.Is(err, server.ErrHeld) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		said++
	}
	if want := (64 << 10) / wire.Size; said != want {
		t.Errorf("%d messages were said before the room was held, want %d", said, want)
	}
	entries := make([]broadcast.Entry, said)
	for n := 0; n < said; {
		m, err := follower.Next(t.Context(), entries)
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if _, err := s.Speak(asked(t), room, by, message(t, "ci", "again")); err != nil {
		t.Errorf("when the room goes on: %v", err)
	}
}

// A room that announces says who joins and who leaves, to those that join, too.
func TestAnnounce(t *testing.T) {
	s := chattest.Start(t, server.Config{Name: "the server"}, server.RoomConfig{Announce: true, UniqueNames: names.Skeletons}, server.RoomConfig{Name: "quiet", Key: "2"})
	alice := s.Join(t, "alice")
	alice.Expect("the server", `"alice" joined`)
	bob := s.Join(t, "bob")
	alice.Expect("the server", `"bob" joined`)
	bob.Expect("the server", `"bob" joined`)
	bob.Close()
	alice.Expect("the server", `"bob" left`)
	if impostor := s.Connect(t); !isRefused(t, impostor, "The Server", chattest.Key) {
		t.Error("somebody joins under the server's name")
	}

	quiet := s.JoinRoom(t, "the server", "2")
	other := s.JoinRoom(t, "other", "2")
	other.Send("hello")
	quiet.Expect("other", "hello")

	s.SetAnnounce(s.RoomNamed(""), false)
	carol := s.Join(t, "carol")
	carol.Send("hello")
	alice.Expect("carol", "hello")
}

// isRefused reports whether a client gets no echo.
func isRefused(t testing.TB, c *chattest.Client, name, key string) bool {
	t.Helper()
	m := message(t, name, key)
	if _, err := c.Write(m[:]); err != nil {
		return true
	}
	_, err := io.ReadFull(c, m[:])
	return err != nil
}

// Many clients that join at the same time are announced in few messages.
func TestAnnounceCrowd(t *testing.T) {
	const clients = 200
	s := chattest.Listen(t, server.Config{Loops: 2}, server.RoomConfig{Announce: true})
	follower := s.Log().FollowLossless()
	s.Serve(t)
	begin := time.Now()
	joined := make(chan *chattest.Client, clients)
	for i := range clients {
		go func() { joined <- s.Join(t, fmt.Sprint("client ", i)) }()
	}
	for range clients {
		<-joined
	}
	announced, messages := 0, 0
	entries := make([]broadcast.Entry, 64)
	for announced < clients {
		n, err := follower.Next(t.Context(), entries)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries[:n] {
			if e.Notice != nil {
				continue
			}
			messages++
			text := string(e.Message.Text())
			n := strings.Count(text, `"`) / 2
			if n == 0 {
				if _, err := fmt.Sscanf(text, "%d joined", &n); err != nil {
					t.Fatalf("%q is announced", text)
				}
			}
			announced += n
		}
	}
	if most := 2 + int(time.Since(begin)/time.Second); announced != clients || messages > most {
		t.Errorf("%d of %d clients are announced in %d messages, want %d at most", announced, clients, messages, most)
	}
}

// The message of the day comes behind the echo and before all that was said in the room.
func TestMotd(t *testing.T) {
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Replay: 10})
	alice := s.Join(t, "alice")
	alice.Send("before")
	echoed := s.Join(t, "bob") // the first has arrived when it is replayed
	echoed.Expect("alice", "before")

	s.SetMotd(message(t, "server", "welcome"), message(t, "server", "to the room"))
	carol := s.Join(t, "carol")
	carol.Expect("server", "welcome")
	carol.Expect("server", "to the room")
	carol.Expect("alice", "before")
	carol.Send("hello")
	alice.Expect("carol", "hello") // and nothing of what was sent to carol alone

	s.SetMotd()
	dave := s.Join(t, "dave")
	dave.Expect("alice", "before")
}
