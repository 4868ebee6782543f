package command

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"sop-chat/internal/handover"
)

// ports are the TCP ports that a server has besides that of its loops. If the server is
// replaced by another program (upgrade), they are passed on: nobody is refused meanwhile.
type ports struct {
	mu   sync.Mutex
	open []*port // guarded by mu
}

// A port is a TCP listener that can stop to accept without being closed.
type port struct {
	*net.TCPListener
	name string // what it is for, as a socket of systemd says it

	mu     sync.Mutex
	held   chan struct{} // guarded by mu; closed when it goes on; nil while it is not held
	closed bool          // guarded by mu
}

// add adds a listener, and returns what is to be used in its place.
func (p *ports) add(name string, l net.Listener) net.Listener {
	tcp, is := l.(*net.TCPListener)
	if !is {
		return l
	}
	opened := &port{TCPListener: tcp, name: name}
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

// hold has nothing more be accepted: who connects waits. release ends that.
func (p *ports) hold() {
	for _, l := range p.all() {
		l.hold()
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
		c, err := l.TCPListener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return c, err
		}
		l.mu.Lock()
		held := l.held
		l.mu.Unlock()
		if held != nil {
			<-held
		}
	}
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
		l.held = nil
	}
}

// Close ends a hold, too.
func (l *port) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	err := l.TCPListener.Close()
	l.release()
	return err
}

func (l *port) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}
