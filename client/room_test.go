package client_test

import (
	"io"
	"net"
	"slices"
	"sync"

	"sop-chat/internal/wire"
)

// A room is a small server for tests and examples on every system: it admits
// clients that have the key, and forwards messages.
type room struct {
	net.Listener
	key string

	mu      sync.Mutex
	members []net.Conn
	replay  bool // all messages are sent to clients that join
	log     []wire.Message
	all     sync.WaitGroup
}

func newRoom(key string) *room {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return serve(l, key)
}

func serve(l net.Listener, key string) *room {
	r := &room{Listener: l, key: key}
	r.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.all.Go(func() { r.serve(conn) })
		}
	})
	return r
}

func (r *room) addr() string { return r.Addr().String() }

// say sends a message that no member has sent.
func (r *room) say(name, text string) {
	m, err := wire.New(name, text)
	if err != nil {
		panic(err)
	}
	r.forward(nil, &m)
}

// disconnect closes all connections.
func (r *room) disconnect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, member := range r.members {
		member.Close()
	}
	r.members = nil
}

// said returns the texts of a member.
func (r *room) said(name string) (texts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.log {
		if string(m.Name()) == name {
			texts = append(texts, string(m.Text()))
		}
	}
	return texts
}

// stop closes all connections and waits until all goroutines have ended.
func (r *room) stop() {
	r.Close()
	r.mu.Lock()
	for _, member := range r.members {
		member.Close()
	}
	r.mu.Unlock()
	r.all.Wait()
}

func (r *room) serve(conn net.Conn) {
	defer conn.Close()
	var m wire.Message
	if _, err := io.ReadFull(conn, m[:]); err != nil || !m.HasKey(r.key) {
		return
	}
	r.mu.Lock()
	conn.Write(m[:])
	if r.replay {
		for _, m := range r.log {
			conn.Write(m[:])
		}
	}
	r.members = append(r.members, conn)
	r.mu.Unlock()
	for {
		if _, err := io.ReadFull(conn, m[:]); err != nil {
			break
		}
		r.forward(conn, &m)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members = slices.DeleteFunc(r.members, func(c net.Conn) bool { return c == conn })
}

func (r *room) forward(from net.Conn, m *wire.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, *m)
	for _, member := range r.members {
		if member != from {
			member.Write(m[:])
		}
	}
}
