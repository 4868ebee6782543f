//go:build linux

package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/origin"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// asked returns a context that ends when a test has waited for long enough.
func asked(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), chattest.Patience)
	t.Cleanup(cancel)
	return ctx
}

// members returns the names of those that are in a room, or in all, in order.
func members(t *testing.T, s *chattest.Server, who server.Who) string {
	t.Helper()
	all, err := s.Members(asked(t), who)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range all {
		names = append(names, m.Room+"/"+m.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Members are those of all loops, of all rooms or of one.
func TestMembers(t *testing.T) {
	for _, loops := range []int{1, 3} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			s := chattest.Start(t, server.Config{Loops: loops}, server.RoomConfig{Name: "a", Key: "1"}, server.RoomConfig{Name: "b", Key: "2"})
			alice := s.JoinRoom(t, "alice", "1")
			if got := members(t, s, server.Who{Room: s.Room("2")}); got != "" {
				t.Errorf("there are %s", got)
			}
			before := s.MemberChanges()
			s.Connect(t) // no member
			if got := members(t, s, server.Who{}); got != "a/alice" || s.MemberChanges() != before {
				t.Errorf("there are %s, and %d changes after %d", got, s.MemberChanges(), before)
			}
			s.JoinRoom(t, "bob", "2")
			if joined := s.MemberChanges(); joined == before {
				t.Error("that bob has joined is no change")
			}
			s.JoinRoom(t, "carol", "2")
			if got := members(t, s, server.Who{}); got != "a/alice b/bob b/carol" {
				t.Errorf("there are %s", got)
			}
			if got := members(t, s, server.Who{Room: s.Room("2")}); got != "b/bob b/carol" {
				t.Errorf("in one room there are %s", got)
			}
			all, err := s.Members(asked(t), server.Who{Room: s.Room("1")})
			if err != nil || len(all) != 1 {
				t.Fatalf("%v, %v", all, err)
			}
			if at := all[0].Addr.String(); at != alice.LocalAddr().String() || all[0].ID == 0 || all[0].WebSocket || all[0].Unsent != 0 {
				t.Errorf("alice is %+v, from %v", all[0], alice.LocalAddr())
			}
		})
	}
}

// A client that is kicked receives what was said, and the end; nobody else notices.
func TestKick(t *testing.T) {
	for _, loops := range []int{1, 3} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			s := chattest.Start(t, server.Config{Loops: loops})
			follower := s.Log().FollowLossless()
			defer follower.Close()
			alice, eve, bob := s.Join(t, "alice"), s.Join(t, "eve"), s.Join(t, "bob")
			all, err := s.Members(asked(t), server.Who{})
			if err != nil {
				t.Fatal(err)
			}
			var id uint64
			for _, m := range all {
				if m.Name == "eve" {
					id = m.ID
				}
			}
			alice.Send("hello")
			bob.Expect("alice", "hello")
			changes := s.MemberChanges()
			kicked, err := s.Kick(asked(t), server.Who{IDs: []uint64{id}}, "spam")
			if err != nil || len(kicked) != 1 || kicked[0].Name != "eve" {
				t.Fatalf("kicked %v: %v", kicked, err)
			}
			eve.Expect("alice", "hello")
			eve.ExpectEnd()
			expectLeft(t, follower, "eve", "was disconnected by an operator: spam")
			if s.MemberChanges() == changes {
				t.Error("that eve has left is no change")
			}
			alice.Send("is she gone?")
			bob.Expect("alice", "is she gone?")
			if kicked, err := s.Kick(asked(t), server.Who{IDs: []uint64{id}}, ""); err != nil || len(kicked) != 0 {
				t.Errorf("kicked %v again: %v", kicked, err)
			}
			s.Join(t, "eve") // and may come again
			if _, err := s.Kick(asked(t), server.Who{}, strings.Repeat("x", server.MaxReason+1)); err == nil {
				t.Error("a reason may be of any length")
			}
		})
	}
}

// expectLeft waits until a log says that a client has left, and why.
func expectLeft(t *testing.T, f *broadcast.Follower, name, reason string) {
	t.Helper()
	entries := make([]broadcast.Entry, 16)
	for {
		n, err := f.Next(asked(t), entries)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries[:n] {
			if n := e.Notice; n != nil && n.Kind == broadcast.Left {
				if n.From.Name != name || n.Reason != reason {
					t.Errorf("%s left: %s; want %s: %s", n.From.Name, n.Reason, name, reason)
				}
				return
			}
		}
	}
}

// A network that is banned has no connection left, member or not, and gets none.
func TestKickBanned(t *testing.T) {
	table := origin.NewTable(origin.Config{})
	s := chattest.Start(t, server.Config{Loops: 2, Origins: table})
	alice, pending := s.Join(t, "alice"), s.Connect(t)
	s.Join(t, "bob").Send("hello")
	alice.Expect("bob", "hello")
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	if err := table.Ban(origin.Listed{Network: loopback}, time.Now()); err != nil {
		t.Fatal(err)
	}
	kicked, err := s.KickBanned(asked(t), loopback, "")
	if err != nil || len(kicked) != 2 {
		t.Errorf("disconnected %v: %v", kicked, err)
	}
	alice.ExpectEnd()
	pending.ExpectEnd()
	if late, err := net.Dial("tcp", s.Addr.String()); err == nil { // or it is reset before
		late.SetDeadline(time.Now().Add(chattest.Patience))
		m, _ := wire.New("late", chattest.Key)
		late.Write(m[:])
		if n, err := late.Read(m[:]); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a banned client receives %d bytes: %v", n, err)
		}
		late.Close()
	}
	table.Unban(loopback, time.Now())
	s.Join(t, "carol")
}

// A server that drains lets nobody in, and keeps those that are in.
func TestDraining(t *testing.T) {
	s := chattest.Start(t, server.Config{})
	alice, bob, waiting := s.Join(t, "alice"), s.Join(t, "bob"), s.Connect(t)
	s.SetDraining(true)
	if !s.IsDraining() {
		t.Error("it is not draining")
	}
	s.Connect(t).ExpectEnd()
	m, _ := wire.New("late", chattest.Key)
	waiting.Write(m[:]) // or it has ended before
	waiting.ExpectEnd()
	alice.Send("still here")
	bob.Expect("alice", "still here")
	s.SetDraining(false)
	s.Join(t, "carol").Send("me too")
	alice.Expect("carol", "me too")
}

// A server that does not serve, or has ended, says so.
func TestAskWithoutServer(t *testing.T) {
	s := chattest.Listen(t, server.Config{})
	if _, err := s.Members(asked(t), server.Who{}); err == nil {
		t.Error("one that does not serve has members")
	}
	s.Serve(t)
	s.Join(t, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { // until the server ends, and then not for ever
		defer close(stopped)
		for {
			if _, err := s.Members(ctx, server.Who{}); err != nil {
				return
			}
		}
	}()
	s.Stop(t)
	select {
	case <-stopped:
	case <-time.After(chattest.Patience):
		t.Error("a server that has ended is asked for ever")
	}
	cancel()
}
