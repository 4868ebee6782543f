//go:build linux

package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/handover"
	"sop-chat/internal/server"
	"sop-chat/internal/testenv"
	"sop-chat/internal/wire"
)

// A handed server is one of several that go on with the same clients, one after another.
type handed struct {
	*chattest.Server
	t      *testing.T
	room   *server.Room
	config server.Config
	about  server.RoomConfig
	spoil  func(*handover.State) // what another process is to find wrong; nil: nothing
}

func startHanded(t *testing.T, config server.Config, about server.RoomConfig) *handed {
	t.Helper()
	about.Key, about.Backlog = chattest.Key, 1<<20
	s := chattest.Listen(t, config, about)
	s.Serve(t)
	return &handed{s, t, s.Rooms()[0], config, about, nil}
}

// freeze returns the state of the server, as another process reads it.
func (s *handed) freeze() *handover.State {
	s.t.Helper()
	state, err := s.Freeze(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var file bytes.Buffer
	if err := handover.Write(&file, state); err != nil {
		s.t.Fatal(err)
	}
	again, err := handover.Decode(file.Bytes())
	if err != nil {
		s.t.Fatal(err)
	}
	return again
}

// exec has a new server go on with the state of a frozen one, as after an exec: all that the
// former has left are descriptors, which the new one has now.
func (s *handed) exec(state *handover.State, config server.Config, prepare func(*server.Room) error) {
	s.t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer null.Close()
	state.Descriptors(func(fd int) int {
		copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return fd // it is a bad one
		}
		if err := unix.Dup3(int(null.Fd()), fd, unix.O_CLOEXEC); err != nil {
			s.t.Fatal(err)
		}
		return copied
	})
	s.EndUnpassed()
	if s.spoil != nil {
		s.spoil(state)
	}
	next, err := server.Restore(config, state)
	if err != nil {
		s.t.Fatal(err)
	}
	room, err := next.Open(s.about, prepare)
	if err != nil || !room.Restored() {
		s.t.Fatalf("the room is restored: %v, %v", room != nil && room.Restored(), err)
	}
	s.Thaw() // it ends, and finds nothing to do harm with
	s.Stop(s.t)
	s.Server.Server, s.room, s.config = next, room, config
	s.Serve(s.t)
}

// Clients that talk all the time notice nothing of one hand-over after another, to servers
// with other numbers of loops: each receives all that the others say, once and in order.
// So does a reader in the program, and clients that come in between.
func TestHandOverUnderLoad(t *testing.T) {
	const clients, messages, handovers = 8, 3000, 12
	s := startHanded(t, server.Config{Loops: 2}, server.RoomConfig{Kept: 100})
	r := &counter{t: t, next: make(map[string]int)}
	r.follow(s.room)
	var all []*chattest.Client
	for i := range clients {
		all = append(all, s.Join(t, fmt.Sprint("client ", i)))
	}
	var running sync.WaitGroup
	for i, c := range all {
		running.Go(func() {
			for n := range messages {
				m, err := wire.New(fmt.Sprint("client ", i), fmt.Sprint(n))
				if err != nil {
					t.Error(err)
				}
				if _, err := c.Write(m[:]); err != nil {
					t.Errorf("client %d, message %d: %v", i, n, err)
					return
				}
			}
		})
		running.Go(func() {
			next := make([]int, clients)
			var m wire.Message
			for range (clients - 1) * messages {
				if _, err := io.ReadFull(c, m[:]); err != nil {
					t.Errorf("client %d, %v: %v", i, next, err)
					return
				}
				from, n := -1, -1
				fmt.Sscanf(string(m.Name()), "client %d", &from)
				fmt.Sscanf(string(m.Text()), "%d", &n)
				if from < 0 || from == i || from >= clients || n != next[from] {
					t.Errorf("client %d receives message %q of %q, want %v", i, m.Text(), m.Name(), next)
					return
				}
				next[from]++
			}
		})
	}
	for range handovers {
		r.take(clients * messages / (handovers + 1))
		state := s.freeze()
		config := server.Config{Loops: 3 - s.config.Loops, AuthTimeout: 10 * time.Second, StallTimeout: 10 * time.Second}
		s.exec(state, config, r.follow)
		late := s.Join(t, "late")
		late.CloseWrite()
	}
	r.take(clients*messages - r.taken)
	running.Wait()
	if len(r.next) != clients {
		t.Errorf("the reader has heard of %d clients", len(r.next))
	}
}

// A counter is a reader in the program, which must not lose anything either.
type counter struct {
	t        *testing.T
	follower *broadcast.Follower
	next     map[string]int // the number of the next message of each client
	taken    int
	left     []string // who has left
}

func (r *counter) follow(room *server.Room) error {
	r.follower = broadcast.NewGroup().Named("counter").FollowLossless(room.Log(), nil)
	return nil
}

// take takes that many messages, and what comes between them.
func (r *counter) take(messages int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), chattest.Patience)
	defer cancel()
	var entries [64]broadcast.Entry
	for messages > 0 {
		n, err := r.follower.Next(ctx, entries[:min(messages, len(entries))])
		if err != nil {
			r.t.Fatalf("after %d messages: %v", r.taken, err)
		}
		for _, e := range entries[:n] {
			if e.Notice != nil {
				if e.Notice.Kind == broadcast.Left {
					r.left = append(r.left, e.Notice.From.Name)
				}
				continue
			}
			messages--
			r.taken++
			if name := e.From.Name; e.Skipped > 0 || string(e.Message.Text()) != fmt.Sprint(r.next[name]) || string(e.Message.Name()) != name {
				r.t.Fatalf("the reader takes %q of %q, and skips %d; want %d", e.Message.Text(), name, e.Skipped, r.next[name])
			} else {
				r.next[name]++
			}
		}
	}
}

// A server that thaws goes on as if nothing had happened, and can be frozen again. What was
// said meanwhile arrives then.
func TestThaw(t *testing.T) {
	s := startHanded(t, server.Config{Loops: 2}, server.RoomConfig{})
	ann, bob := s.Join(t, "ann"), s.Join(t, "bob")
	for i := range 3 {
		s.freeze()
		if _, err := s.Freeze(nil); err == nil {
			t.Error("it is frozen twice")
		}
		ann.Send(fmt.Sprint(i))
		bob.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if n, err := bob.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("bob reads %d bytes while the server is frozen: %v", n, err)
		}
		bob.SetReadDeadline(time.Now().Add(chattest.Patience))
		s.Thaw()
		bob.Expect("ann", fmt.Sprint(i))
	}
	refused := errors.New("the disk is full")
	if _, err := s.Freeze(func() error { ann.Send("settling"); return refused }); !errors.Is(err, refused) {
		t.Errorf("%v, want %v", err, refused)
	}
	bob.Expect("ann", "settling")
	s.Stop(t)
	if _, err := s.Freeze(nil); err == nil {
		t.Error("a server that has ended is frozen")
	}
}

// A server that is stopped while it is frozen ends when it thaws.
func TestStopWhileFrozen(t *testing.T) {
	s := startHanded(t, server.Config{}, server.RoomConfig{})
	ann := s.Join(t, "ann")
	s.freeze()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.Stop(t)
	}()
	s.Thaw()
	<-stopped
	ann.ExpectEnd()
}

// What clients have sent in part goes on where it was, and so do those that have not given
// their key, or were handed to the server.
func TestHandOverParts(t *testing.T) {
	s := startHanded(t, server.Config{}, server.RoomConfig{MaxClients: 4})
	ann, bob := s.Join(t, "ann"), s.Join(t, "bob")
	m, err := wire.New("ann", "in two parts")
	if err != nil {
		t.Fatal(err)
	}
	ann.Write(m[:100])
	key, err := wire.New("cat", chattest.Key)
	if err != nil {
		t.Fatal(err)
	}
	cat := s.Connect(t)
	cat.Write(key[:200])
	bob.Send("before")
	ann.Expect("bob", "before")
	s.exec(s.freeze(), server.Config{AuthTimeout: 10 * time.Second, StallTimeout: 10 * time.Second}, nil)
	ann.Write(m[100:])
	bob.Expect("ann", "in two parts")
	cat.Write(key[200:])
	if got := cat.Receive(); got != key {
		t.Errorf("the echo is %q", got.Text())
	}
	bob.Send("after")
	ann.Expect("bob", "after")
	if got := cat.Receive(); string(got.Text()) != "after" {
		t.Errorf("cat receives %q", got.Text())
	}
	s.Join(t, "dan")
	late := s.Connect(t)
	late.Write(key[:])
	late.ExpectEnd() // the slots of those that were handed over are taken
}

// A client that is handed over has had its name since it joined, also as other servers see it.
func TestHandOverKeepsNames(t *testing.T) {
	s := startHanded(t, server.Config{}, server.RoomConfig{UniqueNames: lowerCase, Relay: true})
	s.Join(t, "ann")
	since := func() time.Time {
		<-s.Serving()
		all, err := s.Members(asked(t), server.Who{})
		if err != nil || len(all) != 1 || all[0].NamedSince.IsZero() {
			t.Fatalf("there are %+v, %v", all, err)
		}
		return all[0].NamedSince
	}
	before := since()
	s.exec(s.freeze(), server.Config{AuthTimeout: 10 * time.Second, StallTimeout: 10 * time.Second}, nil)
	if after := since(); !after.Equal(before) {
		t.Errorf("ann has her name since %v, and had it since %v", after, before)
	}
	s.Guess(t, "Ann", chattest.Key).ExpectEnd()
}

// A descriptor that is none, or another's, ends the connection that has it, and costs nobody
// else anything.
func TestBadDescriptors(t *testing.T) {
	s := startHanded(t, server.Config{}, server.RoomConfig{})
	all := make(map[string]*chattest.Client)
	for i := range 6 {
		name := fmt.Sprint("client ", i)
		all[name] = s.Join(t, name)
	}
	state := s.freeze()
	bad := map[int]int{0: -1, 1: 1 << 20, 3: state.Listeners[0].FD, 5: state.Members[2].FD}
	var kept, lost []string
	for i := range state.Members {
		name := string(state.Senders[state.Members[i].Sender-1].Name)
		if _, isBad := bad[i]; isBad {
			lost = append(lost, name)
		} else {
			kept = append(kept, name)
		}
	}
	s.spoil = func(state *handover.State) {
		bad[3], bad[5] = state.Listeners[0].FD, state.Members[2].FD
		for i, fd := range bad {
			unix.Close(state.Members[i].FD)
			state.Members[i].FD = fd
		}
	}
	r := &counter{t: t, next: make(map[string]int)}
	s.exec(state, server.Config{AuthTimeout: 10 * time.Second, StallTimeout: 10 * time.Second}, r.follow)
	for _, name := range lost {
		all[name].ExpectEnd()
	}
	all[kept[0]].Send("0")
	all[kept[1]].Expect(kept[0], "0")
	r.take(1)
	slices.Sort(lost)
	if slices.Sort(r.left); !slices.Equal(r.left, lost) {
		t.Errorf("the reader hears that %q have left, want %q", r.left, lost)
	}
}

// Connections that can't be handed over are told so: over a WebSocket with the status for a
// restart. The others hear that they have left.
func TestUnpassedAreTold(t *testing.T) {
	s := startHanded(t, server.Config{}, server.RoomConfig{})
	ann := s.Join(t, "ann")
	web, fd := far(t)
	s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr(), WebSocket: true})
	frame := []byte{0x82, 0xfe, 2, 0, 0, 0, 0, 0}
	key, err := wire.New("web", chattest.Key)
	if err != nil {
		t.Fatal(err)
	}
	web.Write(append(frame, key[:]...))
	if _, err := io.ReadFull(web, make([]byte, 4+wire.Size)); err != nil {
		t.Fatal(err)
	}
	plain, fd := far(t)
	s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr()})
	authenticate(t, plain, "plain", chattest.Key)
	receive(t, plain)
	for range 2 { // both are members then
		ann.Send("hello")
		receive(t, plain)
		if _, err := io.ReadFull(web, make([]byte, 4+wire.Size)); err != nil {
			t.Fatal(err)
		}
	}
	r := &counter{t: t, next: make(map[string]int)}
	s.exec(s.freeze(), server.Config{AuthTimeout: 10 * time.Second, StallTimeout: 10 * time.Second}, r.follow)
	last, err := io.ReadAll(web)
	if err != nil || len(last) < 4 || last[0] != 0x88 || int(last[2])<<8|int(last[3]) != 1012 {
		t.Errorf("the browser receives %q, %v; want a close frame with 1012", last, err)
	}
	expectEnd(t, plain)
	bob := s.Join(t, "bob")
	bob.Send("0")
	ann.Expect("bob", "0")
	r.take(1)
	if slices.Sort(r.left); !slices.Equal(r.left, []string{"plain", "web"}) {
		t.Errorf("the reader hears that %q have left", r.left)
	}
}

// A room that is not opened again loses its clients, and the others none.
func TestHandOverWithoutARoom(t *testing.T) {
	s := startHanded(t, server.Config{}, server.RoomConfig{})
	if _, err := s.Server.Server.Open(server.RoomConfig{Name: "other", Key: "other", Backlog: 1 << 20}, nil); err != nil {
		t.Fatal(err)
	}
	ann, bob, cat := s.Join(t, "ann"), s.Join(t, "bob"), s.JoinRoom(t, "cat", "other")
	cat.Send("is kept in memory")
	ann.Send("hello")
	bob.Expect("ann", "hello")
	s.exec(s.freeze(), server.Config{AuthTimeout: 10 * time.Second, StallTimeout: 10 * time.Second}, nil)
	cat.ExpectEnd()
	bob.Send("still here")
	ann.Expect("bob", "still here")
	s.Join(t, "dan")
}

// A state that can't be a server's is refused.
func TestRestoreRefuses(t *testing.T) {
	s := startHanded(t, server.Config{}, server.RoomConfig{})
	s.Join(t, "ann").Write(make([]byte, 10))
	s.Connect(t)
	state := s.freeze()
	defer s.Thaw()
	var file bytes.Buffer
	if err := handover.Write(&file, state); err != nil {
		t.Fatal(err)
	}
	if state.Memory == nil {
		testenv.Lacks(t, "memory that can be sent by reference")
	}
	if len(state.Members) != 1 {
		t.Fatalf("there are %d members, want 1", len(state.Members))
	}
	for what, spoil := range map[string]func(s *handover.State){
		"a listener that does not listen": func(s *handover.State) { s.Listeners[0].FD = s.Members[0].FD },
		"pieces of another size":          func(s *handover.State) { s.Memory.Piece *= 2 },
		"a memory that is none":           func(s *handover.State) { s.Memory.FD = s.Members[0].FD },
		"a member of no room":             func(s *handover.State) { s.Members[0].Room = 1 },
		"a member that is nobody":         func(s *handover.State) { s.Members[0].Sender = 0 },
		"a sender that is not there":      func(s *handover.State) { s.Members[0].Sender = 9 },
		"a framing that is not there":     func(s *handover.State) { s.Members[0].Framing = 3 },
		"a whole message in part":         func(s *handover.State) { s.Members[0].Message = make([]byte, wire.Size) },
		"a header too long": func(s *handover.State) {
			s.Members[0].Framing, s.Members[0].Frames = 1, &handover.Frames{Out: make([]byte, 1000)}
		},
		"a cursor behind the log": func(s *handover.State) { s.Members[0].Cursor = wire.Size },
		"a frame that ends nowhere": func(s *handover.State) {
			s.Members[0].Framing, s.Members[0].Frames = 1, &handover.Frames{End: wire.Size}
		},
		"a target that is nowhere": func(s *handover.State) { s.Members[0].Framing, s.Members[0].Frames = 2, &handover.Frames{Target: 2} },
		"a log that is invalid":    func(s *handover.State) { s.Rooms[0].Log.Head = 1 },
		"a log of strangers, too":  func(s *handover.State) { s.Strangers.End = 1 },
	} {
		spoiled, err := handover.Decode(file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := server.CheckState(spoiled); err != nil {
			t.Fatal(err)
		}
		spoil(spoiled)
		isOfState := what != "a listener that does not listen" && what != "a memory that is none"
		if err := server.CheckState(spoiled); isOfState != (err != nil) {
			t.Errorf("%s: another process that is to take over finds %v", what, err)
		}
		next, err := server.Restore(server.Config{}, spoiled)
		if err == nil {
			_, err = next.Open(s.about, nil)
		}
		if err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}
