package command

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"sop-chat/internal/handover"
)

// ports are the sockets at which a server listens besides those of its loops. If the server
// is replaced by another program (upgrade), they are passed on: nobody is refused meanwhile.
type ports struct {
	mu   sync.Mutex
	open []*port // guarded by mu
}

// A port is a listener that can stop to accept without being closed.
type port struct {
	socketListener
	name string // what it is for, as a socket of systemd says it

	mu     sync.Mutex
	held   chan struct{} // guarded by mu; closed when it goes on; nil while it is not held
	waits  bool          // guarded by mu; Accept does, because it is held
	used   bool          // guarded by mu; Accept was called
	closed bool          // guarded by mu
}

// A socketListener is a *net.TCPListener or a *net.UnixListener.
type socketListener interface {
	net.Listener
	SetDeadline(time.Time) error
	SyscallConn() (syscall.RawConn, error)
}

var (
	_ socketListener = (*net.TCPListener)(nil)
	_ socketListener = (*net.UnixListener)(nil)
)

// add adds a listener, and returns what is to be used in its place.
func (p *ports) add(name string, l net.Listener) net.Listener {
	socket, is := l.(socketListener)
	if !is {
		return l
	}
	opened := &port{socketListener: socket, name: name}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, opened)
	return opened
}

// all returns the ports that are open.
func (p *ports) all() (all []*port) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.open {
		if !l.isClosed() {
			all = append(all, l)
		}
	}
	p.open = all
	return append([]*port(nil), all...)
}

// hold has nothing more be accepted: new connections wait in the kernel. It returns when
// those that call Accept wait, too, so that they know of all that was accepted before, or
// when ctx is done. release ends that.
func (p *ports) hold(ctx context.Context) {
	all := p.all()
	for _, l := range all {
		l.hold()
	}
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for slices.ContainsFunc(all, (*port).mayAccept) {
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *ports) release() {
	for _, l := range p.all() {
		l.release()
	}
}

// passOn returns the ports for the program that takes this one's place.
func (p *ports) passOn() (all []handover.Listener, err error) {
	for _, l := range p.all() {
		raw, err := l.SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) { all = append(all, handover.Listener{Name: l.name, FD: int(fd)}) })
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Accept waits while the port is held.
func (l *port) Accept() (net.Conn, error) {
	for {
		l.mu.Lock()
		l.used = true
		held := l.held
		l.waits = held != nil
		l.mu.Unlock()
		if held != nil {
			<-held
		}
		c, err := l.socketListener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return c, err
		}
	}
}

// mayAccept reports whether somebody may still have something that Accept has returned,
// without having called it again.
func (l *port) mayAccept() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used && !l.waits && !l.closed
}

func (l *port) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil && !l.closed {
		l.held = make(chan struct{})
		l.SetDeadline(time.Unix(1, 0)) // ends an Accept that waits
	}
}

func (l *port) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		l.SetDeadline(time.Time{})
		close(l.held)
		l.held, l.waits = nil, false
	}
}

// Close ends a hold, too.
func (l *port) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	err := l.socketListener.Close()
	l.release()
	return err
}

func (l *port) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}
