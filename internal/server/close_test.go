//go:build linux

package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// A client that is refused, because the room is full or its key is wrong, reads
// the end of the stream and no reset, although it has sent more than the server
// needs to read.
func TestRefusalIsAnEnd(t *testing.T) {
	for _, test := range []struct {
		what, key string
		config    server.RoomConfig
	}{
		{"full room", chattest.Key, server.RoomConfig{MaxClients: 1}},
		{"wrong key", "guess", server.RoomConfig{}},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := chattest.Start(t, server.Config{}, test.config)
			s.Join(t, "alice")
			for i := range 300 {
				c := s.Connect(t)
				authentication, err := wire.New("late", test.key)
				if err != nil {
					t.Fatal(err)
				}
				c.Write([]byte(strings.Repeat(string(authentication[:]), 1+i%20))) // or it has ended already
				if n, err := c.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
					t.Fatalf("client %d reads %d bytes, %v; want the end", i, n, err)
				}
				c.Close()
			}
		})
	}
}

// A WebSocket that is refused, whatever its client sends, is closed when its message was
// read: before, nothing that the client does can lose the frame that says why.
func TestRefusedWebSocketIsToldWhy(t *testing.T) {
	for _, test := range []struct {
		what   string
		slots  int
		status int
		why    string
	}{
		{"draining", 0, 1013, "the server lets nobody in for now"},
		{"full", 1, 4503, "the room is full"},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := chattest.Start(t, server.Config{}, server.RoomConfig{MaxClients: test.slots})
			s.Join(t, "alice")
			s.SetDraining(test.what == "draining")
			conn, fd := far(t)
			s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr(), WebSocket: true})
			chattest.Eventually(t, "it is taken in", chattest.Patience, func() bool { return s.Stats().Connections == 2 })
			m := mustMessage(t, "late", chattest.Key)
			if _, err := conn.Write(append([]byte{0x82, 0xfe, 2, 0, 0, 0, 0, 0}, m[:]...)); err != nil {
				t.Fatalf("the connection was closed before: %v", err)
			}
			expectClose(t, conn, test.status, test.why)
		})
	}
}

// A WebSocket whose client sends no key in time is told to try again.
func TestLateWebSocketIsToldWhy(t *testing.T) {
	s := chattest.Start(t, server.Config{AuthTimeout: time.Millisecond})
	conn, fd := far(t)
	s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr(), WebSocket: true})
	expectClose(t, conn, 1013, "did not authenticate in time")
}

// expectClose expects a WebSocket to end with a close frame, and nothing before it.
func expectClose(t *testing.T, conn net.Conn, status int, why string) {
	t.Helper()
	got, err := io.ReadAll(conn)
	want := string([]byte{0x88, byte(2 + len(why)), byte(status >> 8), byte(status)}) + why
	if err != nil || string(got) != want {
		t.Errorf("received %q, %v; want %q", got, err, want)
	}
}

// When the server stops, it resets no client whose messages it has not read: all
// that was sent to the client arrives.
func TestShutdownIsAnEnd(t *testing.T) {
	s := chattest.Start(t, server.Config{StallTimeout: time.Hour}, server.RoomConfig{Backlog: 64 << 10})
	stalled, alice, bob := s.Join(t, "stalled"), s.Join(t, "alice"), s.Join(t, "bob")
	bob.Send("hello")
	stalled.Expect("bob", "hello")
	fill(t, alice) // now stalled holds the room, and nobody is read
	bob.Send("unread")
	s.Stop(t)
	bob.SetReadDeadline(time.Now().Add(chattest.Patience))
	if n, err := io.Copy(io.Discard, bob); err != nil || n == 0 {
		t.Errorf("after %d bytes bob reads %v, want the end", n, err)
	}
}

// A client that is disconnected for not reading is reset: the kernel keeps nothing
// for it.
func TestStallIsAReset(t *testing.T) {
	s := chattest.Listen(t, server.Config{StallTimeout: 100 * time.Millisecond}, server.RoomConfig{Backlog: 64 << 10})
	follower := s.Log().FollowSkipping()
	defer follower.Close()
	s.Serve(t)
	stalled, alice := s.Join(t, "stalled"), s.Join(t, "alice")
	go io.Copy(alice, zeros{}) // until the test ends
	ctx, cancel := context.WithTimeout(t.Context(), chattest.Patience)
	defer cancel()
	var entries [64]broadcast.Entry
	for left := false; !left; {
		n, err := follower.Next(ctx, entries[:])
		if err != nil {
			t.Fatal(err)
		}
		left = slices.ContainsFunc(entries[:n], func(e broadcast.Entry) bool {
			return e.Notice != nil && e.Notice.Kind == broadcast.Left && e.Notice.From.Name == "stalled"
		})
	}
	stalled.SetReadDeadline(time.Now().Add(chattest.Patience))
	if _, err := io.Copy(io.Discard, stalled); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client that did not read gets %v, want a reset", err)
	}
}

// zeros is an endless stream of messages without name or text.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// fill has a client send until the server no longer reads from it.
func fill(t *testing.T, c *chattest.Client) {
	t.Helper()
	const quiet = 200 * time.Millisecond
	m, err := wire.New("flood", strings.Repeat("x", wire.TextSize))
	if err != nil {
		t.Fatal(err)
	}
	many := []byte(strings.Repeat(string(m[:]), 64))
	begun := time.Now()
	for time.Since(begun) < chattest.Patience {
		c.SetWriteDeadline(time.Now().Add(quiet))
		_, err := c.Write(many)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the server never stops reading")
}
