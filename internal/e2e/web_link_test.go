package e2e

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// A link forwards connections to a port, and fails as networks do.
type link struct {
	port int          // its own
	to   atomic.Int32 // the port

	mu    sync.Mutex
	down  bool
	pairs []*pair
}

// A pair is a connection to a link, and the one that continues it.
type pair struct {
	near, far  net.Conn
	deaf, mute atomic.Bool // what comes back is lost, or what goes there
}

func (p *pair) close() {
	p.near.Close()
	p.far.Close()
}

func startLink(t testing.TB, port int) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{port: listener.Addr().(*net.TCPAddr).Port}
	l.to.Store(int32(port))
	t.Cleanup(func() {
		listener.Close()
		l.cut()
	})
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", l.to.Load()))
			if err != nil {
				near.Close()
				continue
			}
			l.add(&pair{near: near, far: far})
		}
	}()
	return l
}

func (l *link) add(p *pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		p.close()
		return
	}
	l.pairs = append(l.pairs, p)
	go p.forward(p.far, p.near, &p.mute)
	go p.forward(p.near, p.far, &p.deaf)
}

func (p *pair) forward(to io.Writer, from io.Reader, isLost *atomic.Bool) {
	defer p.close()
	for some := make([]byte, 32<<10); ; {
		n, err := from.Read(some)
		if err != nil {
			return
		}
		if isLost.Load() {
			continue
		}
		if _, err := to.Write(some[:n]); err != nil {
			return
		}
	}
}

// lose has the connections that there are lose what goes there, or what comes back, or
// both, and nobody is told.
func (l *link) lose(there, back bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pairs {
		p.mute.Store(there)
		p.deaf.Store(back)
	}
}

// cut ends the connections that there are.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pairs {
		p.close()
	}
	l.pairs = nil
}

// setDown cuts the link for as long as it is down.
func (l *link) setDown(down bool) {
	l.mu.Lock()
	l.down = down
	l.mu.Unlock()
	if down {
		l.cut()
	}
}

// invitation is the link to the page over this one.
func (l *link) invitation() string { return fmt.Sprintf("http://127.0.0.1:%d/#key=%s", l.port, key) }
