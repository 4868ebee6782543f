//go:build linux

package server

import (
	"net/netip"
	"slices"
	"sync"

	"sop-chat/internal/netpoll"
)

// An Adopted is a connection that did not come in through the server's listeners.
type Adopted struct {
	// FD is a non-blocking stream socket.
	FD int
	// Peer is the client's address, as it is shown and counted.
	Peer netip.AddrPort
	// Remote is the address at the far end of the socket, which is a proxy's if
	// there is one between.
	Remote netip.Addr
	// WebSocket says that the messages are in frames of RFC 6455, after the opening
	// handshake.
	WebSocket bool
	// Numbered says that the client speaks Subprotocol, and Has then what it says it has.
	Numbered bool
	Has      Since
	// Screened says that the origins were asked before whether the client may connect.
	Screened bool
	// Received is what was already read from the socket.
	Received []byte

	proxied bool // it was accepted from a proxy, which may say whose it is; see proxied.go
}

// A Since is what a client says it has of a room: all messages of an epoch up to a
// number, which is 0 if it was there before the first. Client is a random number by which
// it says which one it is, see takeover.go; 0 if it does not. From is the number of the
// server at which it has said something last that may not have arrived, 0 if there is none;
// and Roams says that it wants to know that of this server, see recall.go. Motd says that it
// takes the message of the day, see motd.
type Since struct {
	Epoch, Number, Client, From uint64
	Roams, Motd                 bool
}

func (c *Adopted) framing() framing {
	switch {
	case !c.WebSocket:
		return raw
	case c.Numbered:
		return numbered
	}
	return webSocket
}

// Adopt hands the server a connection. From then on it is treated like an accepted
// one, with every limit, and the server closes it. Any goroutine may call Adopt at
// any time; after the server has ended, the connection is closed at once.
func (s *Server) Adopt(c Adopted) { s.handoff.put(c) }

// A handoffQueue holds connections that were handed to the server until its
// acceptor takes them.
type handoffQueue struct {
	mu      sync.Mutex
	waiting []Adopted
	wake    func() // wakes the acceptor's loop; nil before there is one
	closed  bool
}

func (q *handoffQueue) put(c Adopted) {
	q.mu.Lock()
	defer q.mu.Unlock() // so that it wakes no loop that has been destroyed
	if q.closed {
		netpoll.Close(c.FD)
		return
	}
	q.waiting = append(q.waiting, c)
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

// take returns at most that many connections.
func (q *handoffQueue) take(most int) []Adopted {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(most, len(q.waiting))
	taken := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return taken
}

// close has later connections be closed at once, and returns those that wait.
func (q *handoffQueue) close() (waiting []Adopted) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting = q.waiting
	q.closed, q.wake, q.waiting = true, nil, nil
	return waiting
}

// closeHandoff closes the connections that no acceptor took.
func (s *Server) closeHandoff() {
	for _, c := range s.handoff.close() {
		netpoll.Close(c.FD)
	}
}

// adopt adds a connection that was handed over before the loop last waited, and reports
// whether there may be another. Those handed over since are left until it has waited
// once more: their clients may have seen another leave before the loop has.
func (a *acceptor) adopt() (more bool) {
	if len(a.adopted) > 0 {
		next := a.adopted[0]
		a.adopted = a.adopted[1:]
		a.add(next)
		return true
	}
	if a.adopted = a.handoff.take(maxAccepts); len(a.adopted) > 0 {
		a.kernel.Wake()
	}
	return false
}

// closeAdopted closes the connections that were handed over and not yet added.
func (a *acceptor) closeAdopted() {
	for _, c := range slices.Concat(a.adopted, a.handoff.close()) {
		a.kernel.Close(c.FD)
	}
	a.adopted = nil
}
