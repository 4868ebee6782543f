//go:build linux

package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// far makes a pair of sockets, and returns one end and the descriptor of the
// other.
func far(t *testing.T) (net.Conn, int) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(pair[0]), "far end")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(chattest.Patience))
	return conn, pair[1]
}

func authenticate(t *testing.T, conn net.Conn, name, key string) {
	t.Helper()
	m, err := wire.New(name, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(m[:]); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, conn net.Conn) (name, text string) {
	t.Helper()
	var m wire.Message
	if _, err := io.ReadFull(conn, m[:]); err != nil {
		t.Fatal(err)
	}
	return string(m.Name()), string(m.Text())
}

func expectEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || os.IsTimeout(err) {
		t.Fatalf("read %d bytes, %v; want the end", n, err)
	}
}

var peer = netip.MustParseAddrPort("192.0.2.7:4711")

// A connection that is handed over takes a slot, and sends and receives like any
// other; also if it was handed over before the server began to serve.
func TestAdopt(t *testing.T) {
	s := chattest.Listen(t, server.Config{}, server.RoomConfig{MaxClients: 3})
	early, fd := far(t)
	s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr()})
	authenticate(t, early, "early", chattest.Key)
	s.Serve(t)
	if name, key := receive(t, early); name != "early" || key != chattest.Key {
		t.Fatalf("the echo is %q %q", name, key)
	}
	late, fd := far(t)
	s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr()})
	authenticate(t, late, "late", chattest.Key)
	receive(t, late)
	alice := s.Join(t, "alice")
	alice.Send("hello")
	for _, conn := range []net.Conn{early, late} {
		if name, text := receive(t, conn); name != "alice" || text != "hello" {
			t.Errorf("received %q from %q", text, name)
		}
	}
	authenticate(t, late, "late", "hello, alice")
	alice.Expect("late", "hello, alice")

	s.Connect(t).ExpectEnd() // the room is full
	another, fd := far(t)
	s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr()})
	expectEnd(t, another)
}

// A connection that was handed over is ended for a wrong key, and for none, like
// any other.
func TestAdoptRefuses(t *testing.T) {
	s := chattest.Start(t, server.Config{AuthTimeout: 50 * time.Millisecond})
	for _, key := range []string{"guess", ""} {
		conn, fd := far(t)
		s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr()})
		if key != "" {
			authenticate(t, conn, "eve", key)
		}
		expectEnd(t, conn)
	}
}

// No connection is left when the server has ended, however late it is handed over.
func TestAdoptAtTheEnd(t *testing.T) {
	s := chattest.Start(t, server.Config{})
	waiting, fd := far(t)
	s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr()})
	s.Stop(t)
	expectEnd(t, waiting)
	late, fd := far(t)
	s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr()})
	expectEnd(t, late)
}

// A connection that is assigned to another loop belongs to it at once. The race
// detector would report a shared one.
func TestAssignToOtherLoops(t *testing.T) {
	s := chattest.Start(t, server.Config{Loops: 4})
	var last *chattest.Client
	for i := range 300 {
		c := s.Join(t, fmt.Sprint("client ", i))
		if last != nil {
			c.Send("hello")
			last.Expect(fmt.Sprint("client ", i), "hello")
			last.Close()
		}
		last = c
		if i < 200 {
			last = nil // stays
		}
	}
}

// Connections that were handed over are evicted when descriptors run short, also by a
// server that has no listener.
func TestAdoptedAreEvictedForDescriptors(t *testing.T) {
	s, err := server.New(server.Config{AuthTimeout: chattest.Patience, Descriptors: server.Descriptors{Short: 3, ForPending: 2, Full: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(server.RoomConfig{Key: chattest.Key, Backlog: 1 << 20}, nil); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx) }()
	conns := make([]net.Conn, 5)
	for i := range conns {
		var fd int
		conns[i], fd = far(t)
		s.Adopt(server.Adopted{FD: fd, Peer: peer, Remote: peer.Addr()})
	}
	expectEnd(t, conns[0])
	last := conns[len(conns)-1]
	authenticate(t, last, "alice", chattest.Key)
	receive(t, last)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
