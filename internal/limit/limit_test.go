//go:build linux

package limit

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"sop-chat/internal/chattest"
)

// A connection whose request nobody has begun to read is not evicted for newer ones,
// because it is the server that is slow. Once it has been read it is, if the request is
// not complete.
func TestUnreadRequestStays(t *testing.T) {
	l := listen(t, Config{InAll: 2, PerAddress: 2})
	l.limiter.patience = chattest.Patience
	browsers := []net.Conn{l.dial(), l.dial(), l.dial()}
	conns := []net.Conn{<-l.accept(), <-l.accept()}
	third := l.accept()
	chattest.Eventually(t, "the third is counted", chattest.Patience, func() bool { return l.count() != 2 })
	select {
	case <-third:
		t.Fatal("a third connection is accepted though the request of the first was not read")
	default:
	}
	b := make([]byte, 100)
	if n, err := conns[0].Read(b); n == 0 || err != nil {
		t.Fatalf("the first connection was evicted: %v", err)
	}
	conns = append(conns, <-third)
	if _, err := browsers[0].Read(b); err == nil {
		t.Error("something came over the first connection")
	}
	for i, conn := range conns[1:] {
		if n, err := conn.Read(b); n == 0 || err != nil {
			t.Errorf("connection %d was evicted: %v", i+2, err)
		}
	}
}

// An address may have more connections than its bound within their grace, and no more
// after that.
func TestGrace(t *testing.T) {
	l := listen(t, Config{InAll: 8, PerAddress: 2})
	l.limiter.grace = time.Hour
	var conns []net.Conn
	b := make([]byte, 100)
	for range 5 {
		l.dial()
		conn := <-l.accept()
		conn.Read(b) // so that it is the browser that is waited for
		conns = append(conns, conn)
	}
	l.limiter.evictLate()
	if n := l.count(); n != 5 {
		t.Errorf("%d connections are open within their grace, want 5", n)
	}
	l.limiter.mu.Lock()
	l.limiter.grace = time.Millisecond
	l.limiter.mu.Unlock()
	chattest.Eventually(t, "the grace is over", chattest.Patience, func() bool {
		l.limiter.evictLate()
		return l.count() == 2
	})
	if _, err := conns[2].Read(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the last but two is still open: %v", err)
	}
}

// A limited is a limiter's listener whose connections nobody serves.
type limited struct {
	listener
	t *testing.T
}

func listen(t *testing.T, c Config) limited {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() })
	return limited{New(c).Listener(inner).(listener), t}
}

// dial opens a connection with half a request.
func (l limited) dial() net.Conn {
	l.t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(chattest.Patience))
	io.WriteString(conn, "GET / HTTP/1.1\r\nHo")
	return conn
}

// accept accepts the next connection.
func (l limited) accept() <-chan net.Conn {
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			l.t.Error(err)
			close(accepted)
			return
		}
		l.t.Cleanup(func() { conn.Close() })
		accepted <- conn
	}()
	return accepted
}

func (l limited) count() int { return l.limiter.Count() }
