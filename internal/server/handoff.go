//go:build linux

package server

import (
	"net/netip"
	"slices"
	"sync"

	"sop-chat/internal/netpoll"
)

// Adopt hands the server a connection that did not come in through its
// listeners: a non-blocking stream socket that carries messages of 512 bytes,
// and the address of the peer at its far end. From then on it is treated like
// an accepted one, with every limit, and the server closes it. Any goroutine may
// call Adopt at any time; after the server has ended, fd is closed at once.
func (s *Server) Adopt(fd int, peer netip.AddrPort) { s.handoff.put(fd, peer) }

// A handoffQueue holds connections that were handed to the server until its
// acceptor takes them.
type handoffQueue struct {
	mu      sync.Mutex
	waiting []adoptedConn
	wake    func() // wakes the acceptor's loop; nil before there is one
	closed  bool
}

// An adoptedConn is a connection that no listener accepted.
type adoptedConn struct {
	fd   int
	peer netip.AddrPort
}

func (q *handoffQueue) put(fd int, peer netip.AddrPort) {
	q.mu.Lock()
	defer q.mu.Unlock() // so that it wakes no loop that has been destroyed
	if q.closed {
		netpoll.Close(fd)
		return
	}
	q.waiting = append(q.waiting, adoptedConn{fd, peer})
	if q.wake != nil && len(q.waiting) == 1 {
		q.wake()
	}
}

// open sets what wakes the acceptor's loop, and wakes it for what waits already.
func (q *handoffQueue) open(wake func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wake = wake
	wake()
}

// take returns at most that many connections, and reports whether there are
// more.
func (q *handoffQueue) take(most int) (taken []adoptedConn, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(most, len(q.waiting))
	taken, q.waiting = q.waiting[:n:n], q.waiting[n:]
	if len(q.waiting) == 0 {
		q.waiting = nil
		return taken, false
	}
	return taken, true
}

// close has later connections be closed at once, and returns those that wait.
func (q *handoffQueue) close() (waiting []adoptedConn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting = q.waiting
	q.closed, q.wake, q.waiting = true, nil, nil
	return waiting
}

// closeHandoff closes the connections that no acceptor took.
func (s *Server) closeHandoff() {
	for _, c := range s.handoff.close() {
		netpoll.Close(c.fd)
	}
}

// adopt adds the connections that were handed over before the loop last waited.
// Those handed over since are left until it has waited once more: their clients
// may have seen another leave before the loop has.
func (a *acceptor) adopt() {
	for _, c := range a.adopted {
		a.add(c.fd, c.peer)
		a.loop.closeEnded()
	}
	a.adopted = nil
	var more bool
	if a.adopted, more = a.handoff.take(maxAccepts); len(a.adopted) > 0 || more {
		a.loop.kernel.Wake()
	}
}

// closeAdopted closes the connections that were handed over and not yet added.
func (a *acceptor) closeAdopted() {
	for _, c := range slices.Concat(a.adopted, a.handoff.close()) {
		a.loop.kernel.Close(c.fd)
	}
	a.adopted = nil
}
