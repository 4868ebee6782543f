//go:build linux

package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/handover"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// A stream is the order of what several servers say.
type stream struct {
	mu    sync.Mutex
	grown sync.Cond
	all   []streamed
	ended bool
}

type streamed struct {
	by      *server.Server
	name    string
	message wire.Message
}

func newStream() *stream {
	s := new(stream)
	s.grown.L = &s.mu
	return s
}

func (s *stream) add(all ...streamed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, all...)
	s.grown.Broadcast()
}

func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.grown.Broadcast()
}

// after returns what there is from an index on, one at least, or nothing at the end.
func (s *stream) after(i int) []streamed {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i == len(s.all) && !s.ended {
		s.grown.Wait()
	}
	return s.all[i:]
}

// link has a room say what it says in a stream, and delivers what is there, until the room
// or the stream ends. It returns what waits for that.
func link(t *testing.T, s *server.Server, room *server.Room, through *stream) (wait func()) {
	var running sync.WaitGroup
	follower := broadcast.NewGroup().Named("cluster").FollowLossless(room.Outgoing(), nil)
	running.Go(func() {
		defer follower.Close()
		var entries [64]broadcast.Entry
		for {
			n, err := follower.Next(t.Context(), entries[:])
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
					t.Errorf("the link ends: %v", err)
				}
				return
			}
			for _, e := range entries[:n] {
				through.add(streamed{s, e.From.Name, e.Message})
			}
		}
	})
	running.Go(func() {
		batch, foreign := broadcast.NewBatch(server.MaxDelivery), map[string]*broadcast.Sender{}
		var own [1]broadcast.Entry
		for i := 0; ; {
			next := through.after(i)
			if len(next) == 0 {
				return
			}
			back := 0
			for j := range next[:min(len(next), 100)] {
				from := foreign[next[j].name]
				if next[j].by == s {
					room.CopyUnreturned(own[:], back)
					from = own[0].From
					back++
				} else if from == nil {
					from = &broadcast.Sender{ID: 1, Name: next[j].name}
					foreign[from.Name] = from
				}
				batch.Add(from, copy(batch.Free(), next[j].message[:]))
			}
			i += batch.Len() / wire.Size
			for !room.Deliver(batch, time.Now()) {
				select {
				case <-s.Freed():
				case <-t.Context().Done():
					return
				}
			}
		}
	})
	return running.Wait
}

// All clients of two servers receive all that others say, at either server, once and in one
// order, and nothing of their own.
func TestTwoServersOneOrder(t *testing.T) {
	const clients, messages = 3, 300
	through := newStream()
	var all []*chattest.Client
	var servers []*chattest.Server
	var waits []func()
	about := server.RoomConfig{Relay: true, Backlog: 64 << 10}
	for i := range 2 {
		s := chattest.Start(t, server.Config{Loops: 2}, about)
		servers, waits = append(servers, s), append(waits, link(t, s.Server, s.Rooms()[0], through))
		for j := range clients {
			all = append(all, s.Join(t, fmt.Sprintf("client %d of %d", j, i)))
		}
	}
	for _, s := range servers {
		if number, err := s.Speak(t.Context(), s.Rooms()[0], s.Sender(), mustMessage(t, "server", "hello")); number != 0 || err != nil {
			t.Errorf("what is said has number %d before it comes back, and the error %v", number, err)
		}
	}
	received := make([][]wire.Message, len(all))
	var running sync.WaitGroup
	for i, c := range all {
		running.Go(func() {
			for n := range messages {
				m := mustMessage(t, fmt.Sprint(i), fmt.Sprint(n))
				c.Write(m[:])
			}
		})
		running.Go(func() {
			for range (len(all)-1)*messages + 2 {
				var m wire.Message
				if _, err := io.ReadFull(c, m[:]); err != nil {
					t.Errorf("after %d messages: %v", len(received[i]), err)
					return
				}
				received[i] = append(received[i], m)
			}
		})
	}
	running.Wait()
	through.end()
	for i := range all {
		var want []wire.Message
		for _, m := range through.all {
			if string(m.message.Name()) != fmt.Sprint(i) {
				want = append(want, m.message)
			}
		}
		checkSame(t, i, received[i], want)
	}
	for i, s := range servers {
		s.Stop(t)
		waits[i]()
	}
}

// A server that is about to end takes nothing more in, and waits until all that it has taken
// in has come back, or for as long as it may.
func TestFinishRelays(t *testing.T) {
	through := newStream()
	s := chattest.Start(t, server.Config{}, server.RoomConfig{Relay: true})
	room := s.Rooms()[0]
	wait := link(t, s.Server, room, through)
	c := s.Join(t, "somebody")
	hello := mustMessage(t, "somebody", "hello")
	through.mu.Lock() // nothing comes back
	if _, err := c.Write(hello[:]); err != nil {
		t.Fatal(err)
	}
	chattest.Eventually(t, "the message is taken in", 10*time.Second, func() bool { return room.Unreturned() == 1 })
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if n := s.FinishRelays(over); n != 1 {
		t.Errorf("%d messages have not come back, want 1", n)
	}
	if _, err := c.Write(hello[:]); err != nil {
		t.Fatal(err)
	}
	through.mu.Unlock()
	if n := s.FinishRelays(t.Context()); n != 0 || len(through.after(0)) != 1 {
		t.Errorf("%d messages have not come back, of %d", n, len(through.after(0)))
	}
	s.Stats() // after which the loop has looked at what was written
	if n := len(through.after(0)); n != 1 {
		t.Errorf("%d messages were taken in after that", n-1)
	}
	through.end()
	s.Stop(t)
	wait()
}

// What a client has said is known after a hand-over, also if that has disconnected it: when it
// comes back, it waits for that.
func TestHandOverSaid(t *testing.T) {
	s := startHanded(t, server.Config{}, server.RoomConfig{Relay: true})
	follower := broadcast.NewGroup().Named("cluster").FollowLossless(s.room.Outgoing(), nil)
	web, fd := far(t) // which is no TCP connection, so it is not handed over
	s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr(), WebSocket: true, Numbered: true, Has: server.Since{Client: 7}})
	frame := []byte{0x82, 0xfe, 2, 0, 0, 0, 0, 0}
	key, hello := mustMessage(t, "web", chattest.Key), mustMessage(t, "web", "hello")
	web.Write(append(frame, key[:]...))
	web.Write(append(frame, hello[:]...))
	var entries [2]broadcast.Entry
	if n, err := follower.Next(t.Context(), entries[:]); n != 1 || err != nil || entries[0].Message != hello {
		t.Fatalf("the link takes %d messages, %q: %v", n, entries[0].Message.Text(), err)
	}
	state := s.freeze()
	defer s.Thaw()
	room, m := &state.Rooms[0], &state.Members[0]
	if m.Client != 7 || m.Said != wire.Size || m.Ended == "" || room.Returned != 0 || room.Outgoing.End != wire.Size {
		t.Errorf("%+v is handed over, of a room of which %d of %d bytes have come back", m, room.Returned, room.Outgoing.End)
	}
	for what, spoil := range map[string]func(*handover.State){
		"said more than there is":         func(s *handover.State) { s.Members[0].Said++ },
		"said something where none is":    func(s *handover.State) { s.Rooms[0].Outgoing, s.Rooms[0].Returned = nil, 0 },
		"more has come back":              func(s *handover.State) { s.Rooms[0].Returned += wire.Size + wire.Size },
		"a part has come back":            func(s *handover.State) { s.Rooms[0].Returned++ },
		"somebody has said more and left": func(s *handover.State) { s.Rooms[0].Left = []handover.LeftClient{{Client: 1, Said: 2 * wire.Size}} },
		"an invalid log":                  func(s *handover.State) { s.Rooms[0].Outgoing.Head++ },
	} {
		spoiled := *state
		outgoing := *room.Outgoing
		spoiled.Rooms, spoiled.Members = slices.Clone(state.Rooms), slices.Clone(state.Members)
		spoiled.Rooms[0].Outgoing = &outgoing
		if err := server.CheckState(&spoiled); err != nil {
			t.Fatal(err)
		}
		if spoil(&spoiled); server.CheckState(&spoiled) == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

// checkSame checks that a client has received what it is to.
func checkSame(t *testing.T, client int, got, want []wire.Message) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("client %d has %d messages, want %d", client, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("client %d receives %q of %q as message %d, want %q of %q", client, got[i].Text(), got[i].Name(), i, want[i].Text(), want[i].Name())
		}
	}
}

func mustMessage(t *testing.T, name, text string) wire.Message {
	m, err := wire.New(name, text)
	if err != nil {
		t.Error(err)
	}
	return m
}
