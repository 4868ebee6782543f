//go:build linux

package secure

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// Clients over TLS and plain ones are in the same room.
func TestRoom(t *testing.T) {
	r := openRoom(t, server.Config{}, Config{})
	alice, bob := r.join("alice"), r.Join(t, "bob")
	carol := r.join("carol")
	for i := range 50 {
		text := fmt.Sprint(i)
		alice.send(text)
		bob.Expect("alice", text)
		carol.expect("alice: " + text)
		bob.Send(text)
		alice.expect("bob: " + text)
		carol.expect("bob: " + text)
	}
	carol.Close()
	chattest.Eventually(t, "its pipe ends", chattest.Patience, func() bool { return r.live() == 1 })
}

// What a client sent before it ended TLS, or just its connection, is published.
func TestLastWords(t *testing.T) {
	r := openRoom(t, server.Config{}, Config{})
	alice := r.Join(t, "alice")
	for _, end := range []func(*member){
		func(m *member) { m.CloseWrite() },
		func(m *member) { m.Close() },
		func(m *member) { m.NetConn().(*net.TCPConn).CloseWrite() },
		func(m *member) { m.Write(make([]byte, 100)); m.Close() }, // an incomplete message, which is dropped
	} {
		m := r.join("bob")
		const messages = 1000
		for range messages {
			m.send("bye")
		}
		end(m)
		for range messages {
			alice.Expect("bob", "bye")
		}
	}
	alice.Send("still here")
	chattest.Eventually(t, "all pipes end", chattest.Patience, func() bool { return r.live() == 0 })
}

// A wrong key ends TLS in order, without an echo.
func TestWrongKey(t *testing.T) {
	r := openRoom(t, server.Config{}, Config{})
	eve := &member{Conn: r.dial(), t: t, name: "eve"}
	eve.send("guess")
	eve.expectEnd()
}

// When the server ends, its clients receive what they have yet to receive, and then the end
// of TLS, also one that reads slowly. One that reads nothing keeps the server for some
// seconds.
func TestStop(t *testing.T) {
	r := openRoom(t, server.Config{}, Config{})
	alice, slow, deaf := r.join("alice"), r.join("slow"), r.join("deaf")
	deaf.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	const messages = 200 // all of them fit in what is between
	for i := range messages {
		alice.send(fmt.Sprint(i))
	}
	slow.expect("alice: 0")
	chattest.Eventually(t, "all was read", chattest.Patience, func() bool {
		return r.Log().Number(r.Log().Head()) > messages
	})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.port.stop()
	}()
	for i := range messages - 1 {
		slow.expect(fmt.Sprintf("alice: %d", i+1))
	}
	slow.expectEnd()
	alice.expectEnd()
	select {
	case <-stopped:
	case <-time.After(chattest.Patience):
		t.Fatal("the server does not end")
	}
	if n := r.live(); n != 0 {
		t.Errorf("%d pipes are left", n)
	}
}

// A client that reads slowly stays, and receives everything. One that never reads is ended
// by the server's rule for that, and so is its pipe.
func TestSlowAndDeaf(t *testing.T) {
	r := openRoom(t, server.Config{StallTimeout: 300 * time.Millisecond}, Config{overdue: overdueChecks}, server.RoomConfig{Backlog: 128 << 10})
	deaf := r.join("deaf")
	deaf.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	slow, alice := r.join("slow"), r.join("alice")
	const messages = 8000
	go func() {
		for range messages {
			m, _ := wire.New("alice", "more")
			if _, err := alice.Write(m[:]); err != nil {
				return
			}
		}
	}()
	for i := range messages {
		if i%1000 == 0 {
			time.Sleep(10 * time.Millisecond) // it is slow
		}
		slow.expect("alice: more")
	}
	chattest.Eventually(t, "the deaf client's pipe ends", chattest.Patience, func() bool { return r.live() == 2 })
	slow.send("still here")
	alice.expect("slow: still here")
}

// However clients go, at whatever point of the handshake or after it, nothing stays: no
// descriptor, no pipe, nothing that is counted.
func TestComeAndGo(t *testing.T) {
	visits := 1500
	if testing.Short() {
		visits = 200
	}
	r := openRoom(t, server.Config{AuthTimeout: 50 * time.Millisecond}, Config{MaxPending: 64, MaxPendingPerAddress: 64})
	before := chattest.Sockets(t)
	const visitors = 4
	var running sync.WaitGroup
	var joined atomic.Int64
	for i := range visitors {
		running.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 0))
			for range visits / visitors {
				if r.comeAndGo(rng) {
					joined.Add(1)
				}
			}
		})
	}
	running.Wait()
	chattest.Eventually(t, "all is closed", chattest.Patience, func() bool { return r.live() == 0 && r.limiter.Count() == 0 && chattest.Sockets(t) <= before })
	if joined.Load() == 0 {
		t.Error("none has joined")
	}
	r.join("alice")
}

// comeAndGo connects and leaves in some way. It reports whether it has joined.
func (r *room) comeAndGo(rng *rand.Rand) (joined bool) {
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(chattest.Patience))
	if rng.IntN(3) == 0 {
		conn.(*net.TCPConn).SetLinger(0) // a reset
	}
	m, _ := wire.New("visitor", []string{chattest.Key, "guess"}[rng.IntN(2)])
	// The connection ends after so many bytes of its own.
	cut := &cutConn{Conn: conn, left: []int{rng.IntN(300), rng.IntN(3000), 1 << 20}[rng.IntN(3)]}
	secure := tls.Client(cut, r.clientConfig())
	if _, err := secure.Write(m[:]); err != nil {
		return false
	}
	switch rng.IntN(4) {
	case 0:
		return false
	case 1:
		secure.CloseWrite()
	case 2:
		secure.Write(m[:rng.IntN(len(m))])
	}
	n, _ := io.ReadFull(secure, m[:])
	return n == len(m)
}

// A cutConn is closed after so many bytes were written.
type cutConn struct {
	net.Conn
	left int
}

func (c *cutConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b[:min(len(b), c.left)])
	if c.left -= n; err == nil && n < len(b) {
		c.Close()
		err = net.ErrClosed
	}
	return n, err
}
