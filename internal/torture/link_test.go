//go:build linux

package torture

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// A state is what a link does with what it is given.
type state uint8

const (
	whole  state = iota // passes it on
	slow                // later
	silent              // not now
	cut                 // breaks, and refuses connections
)

func (s state) String() string { return [...]string{"whole", "slow", "silent", "cut"}[s] }

// latency is by how much a slow link is later, for each piece.
const latency = 120 * time.Millisecond

// A link is what connections between two processes pass through, or between one and any of
// several others, as through a balancer.
type link struct {
	listener net.Listener
	targets  []string

	mu      sync.Mutex
	state   state
	changed chan struct{} // closed at the next change
	conns   map[*net.TCPConn]bool
	closed  bool
	running sync.WaitGroup
}

// newLink returns a link that listens at a free port of a host. Each connection is to one of its
// targets that takes it.
func newLink(t testing.TB, host string, targets ...string) *link {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, targets: targets, changed: make(chan struct{}), conns: make(map[*net.TCPConn]bool)}
	l.running.Go(l.accept)
	t.Cleanup(func() {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		listener.Close()
		l.set(cut)
		l.running.Wait()
	})
	return l
}

func (l *link) address() string { return l.listener.Addr().String() }

// set has the link do something else from now on.
func (l *link) set(s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
	close(l.changed)
	l.changed = make(chan struct{})
	if s == cut {
		for conn := range l.conns {
			conn.SetLinger(0) // what was under way is lost
			conn.Close()
		}
		clear(l.conns)
	}
}

func (l *link) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		if near := conn.(*net.TCPConn); l.keep(near) {
			l.running.Go(func() { l.connect(near) })
		}
	}
}

// keep has a connection closed when the link is cut. It reports false, and closes it,
// if the link is.
func (l *link) keep(conn *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == cut || l.closed {
		conn.SetLinger(0)
		conn.Close()
		return false
	}
	l.conns[conn] = true
	return true
}

func (l *link) drop(conn *net.TCPConn) {
	conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
}

// connect passes on what comes from near to the target, and back.
func (l *link) connect(near *net.TCPConn) {
	defer l.drop(near)
	if !l.pass() {
		return
	}
	far := l.dial()
	if far == nil || !l.keep(far) {
		return
	}
	var directions sync.WaitGroup
	directions.Go(func() { l.copy(far, near) })
	directions.Go(func() { l.copy(near, far) })
	directions.Wait()
	l.drop(far)
}

// dial returns a connection to a target, nil if none takes it.
func (l *link) dial() *net.TCPConn {
	for _, i := range rand.Perm(len(l.targets)) {
		if conn, err := net.DialTimeout("tcp", l.targets[i], 5*time.Second); err == nil {
			return conn.(*net.TCPConn)
		}
	}
	return nil
}

// copy passes on what comes from one connection to another, until one of them ends.
func (l *link) copy(to, from *net.TCPConn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !l.pass() {
			return
		}
		if _, failed := to.Write(buffer[:n]); failed != nil {
			from.Close()
			return
		}
		if err == io.EOF {
			to.CloseWrite()
			return
		} else if err != nil {
			to.Close()
			return
		}
	}
}

// pass waits until something may pass. It reports false if the link is cut.
func (l *link) pass() bool {
	for {
		l.mu.Lock()
		s, changed := l.state, l.changed
		l.mu.Unlock()
		switch s {
		case whole:
			return true
		case cut:
			return false
		case slow:
			timer := time.NewTimer(latency)
			select {
			case <-timer.C:
				return true
			case <-changed:
				timer.Stop()
			}
		case silent:
			<-changed
		}
	}
}

// A link passes on both ways, and the ends of streams; holds back what it is given while
// it is silent; and breaks.
func TestLink(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(conn, conn)
				conn.Close()
			}()
		}
	}()
	l := newLink(t, "127.0.0.1", echo.Addr().String())
	dial := func() *net.TCPConn {
		conn, err := net.Dial("tcp", l.address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn.(*net.TCPConn)
	}
	answers := func(conn net.Conn, within time.Duration) bool {
		conn.SetReadDeadline(time.Now().Add(within))
		n, err := io.ReadFull(conn, make([]byte, 5))
		return n == 5 && err == nil
	}
	a := dial()
	io.WriteString(a, "hello")
	if !answers(a, 10*time.Second) {
		t.Fatal("nothing came back")
	}
	l.set(slow)
	began := time.Now()
	io.WriteString(a, "hello")
	if !answers(a, 10*time.Second) || time.Since(began) < 2*latency {
		t.Errorf("a slow link took %v", time.Since(began))
	}
	l.set(silent)
	io.WriteString(a, "hello")
	b := dial()
	io.WriteString(b, "hello")
	if answers(a, 50*time.Millisecond) || answers(b, 50*time.Millisecond) {
		t.Error("something came through a silent link")
	}
	l.set(whole)
	if !answers(a, 10*time.Second) || !answers(b, 10*time.Second) {
		t.Error("what was said to a silent link is lost")
	}
	a.CloseWrite()
	a.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := a.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at its end came %v, %v", n, err)
	}
	l.set(cut)
	b.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := b.Read(make([]byte, 1)); err == nil {
		t.Error("a connection through a cut link goes on")
	}
	if c, err := net.Dial("tcp", l.address()); err == nil {
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a cut link takes connections")
		}
	}
}
