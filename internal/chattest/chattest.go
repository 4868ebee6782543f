//go:build linux

// Package chattest runs a chat server inside a test and speaks to it as a
// client of the specification does: whole 512-byte messages over TCP, the
// authentication first, then the echo.
package chattest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// Patience is how long a test waits for what must happen before it fails. It
// says nothing about how long anything takes.
const Patience = 30 * time.Second

// Key is the key of the rooms that Start makes, unless the configuration has one.
const Key = "key"

// A Server is a running server on a free port of the loopback interface. It
// stops when the test ends.
type Server struct {
	*server.Server
	Addr netip.AddrPort
	room *server.Room
	stop context.CancelFunc
	done chan error
}

// Start runs a server with a room or several. What the configurations leave out has the
// command line's default, except that there is no limit on clients.
func Start(t testing.TB, config server.Config, rooms ...server.RoomConfig) *Server {
	t.Helper()
	s := Listen(t, config, rooms...)
	s.Serve(t)
	return s
}

// Listen returns a server that listens but does not serve yet, so that a test can
// follow its logs first.
func Listen(t testing.TB, config server.Config, rooms ...server.RoomConfig) *Server {
	t.Helper()
	if config.AuthTimeout == 0 {
		config.AuthTimeout = 10 * time.Second
	}
	if config.StallTimeout == 0 {
		config.StallTimeout = 10 * time.Second
	}
	srv, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen(netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	s := &Server{Server: srv, Addr: srv.Addrs()[0]}
	if len(rooms) == 0 {
		rooms = []server.RoomConfig{{}}
	}
	for _, room := range rooms {
		s.Open(t, room)
	}
	return s
}

// Open opens a room.
func (s *Server) Open(t testing.TB, config server.RoomConfig) *server.Room {
	t.Helper()
	if config.Key == "" {
		config.Key = Key
	}
	if config.Backlog == 0 {
		config.Backlog = 32 << 20
	}
	room, err := s.Server.Open(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.room == nil {
		s.room = room
	}
	return room
}

// Log returns the log of the first room.
func (s *Server) Log() *broadcast.Log { return s.room.Log() }

// Serve begins to serve.
func (s *Server) Serve(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.done = cancel, make(chan error, 1)
	go func() { s.done <- s.Server.Serve(ctx) }()
	t.Cleanup(func() { s.Stop(t) })
}

// Stop stops the server and waits until it has returned.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.done == nil {
		return
	}
	s.stop()
	select {
	case err := <-s.done:
		if err != nil {
			t.Errorf("the server ended with: %v", err)
		}
	case <-time.After(Patience):
		t.Error("the server does not stop")
	}
	s.done = nil
}

// A Client is one connection to a server.
type Client struct {
	*net.TCPConn
	t    testing.TB
	name string
}

// Connect connects without authenticating.
func (s *Server) Connect(t testing.TB) *Client {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	return &Client{TCPConn: conn.(*net.TCPConn), t: t}
}

// Join connects, authenticates with Key, and takes the echo.
func (s *Server) Join(t testing.TB, name string) *Client {
	t.Helper()
	return s.JoinRoom(t, name, Key)
}

// JoinRoom is Join for the room with a key.
func (s *Server) JoinRoom(t testing.TB, name, key string) *Client {
	t.Helper()
	c := s.Connect(t)
	c.name = name
	c.Send(key)
	if got := c.Receive(); got != c.message(key) {
		t.Fatalf("%s: the echo is %q %q", name, got.Name(), got.Text())
	}
	return c
}

// Guess connects, authenticates with a key that may be wrong, and expects nothing.
func (s *Server) Guess(t testing.TB, name, key string) *Client {
	t.Helper()
	c := s.Connect(t)
	c.name = name
	c.Send(key)
	return c
}

// Send sends a message under the name the client joined with.
func (c *Client) Send(text string) {
	c.t.Helper()
	m := c.message(text)
	if _, err := c.Write(m[:]); err != nil {
		c.t.Fatalf("%s: %v", c.name, err)
	}
}

func (c *Client) message(text string) wire.Message {
	c.t.Helper()
	m, err := wire.New(c.name, text)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// Receive takes the next message.
func (c *Client) Receive() wire.Message {
	c.t.Helper()
	var m wire.Message
	if _, err := io.ReadFull(c, m[:]); err != nil {
		c.t.Fatalf("%s waits for a message: %v", c.name, err)
	}
	return m
}

// Expect takes the next message and checks its sender and text.
func (c *Client) Expect(name, text string) {
	c.t.Helper()
	m := c.Receive()
	if string(m.Name()) != name || string(m.Text()) != text {
		c.t.Fatalf("%s received %.40q from %q, want %.40q from %q", c.name, m.Text(), m.Name(), text, name)
	}
}

// ExpectEnd checks that the connection ends, in whatever way, and that no byte
// comes before.
func (c *Client) ExpectEnd() {
	c.t.Helper()
	var b [1]byte
	n, err := c.Read(b[:])
	if n > 0 {
		c.t.Fatalf("%s received a byte, want the end of the connection", c.name)
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatalf("%s: the connection does not end: %v", c.name, err)
	}
}

// Text returns a text of the given length that starts with mark.
func Text(mark string, length int) string {
	return mark + strings.Repeat(".", max(0, length-len(mark)))
}
