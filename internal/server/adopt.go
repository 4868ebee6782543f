//go:build linux

package server

import (
	"net/netip"
	"slices"
	"sync"

	"sop-chat/internal/netpoll"
)

// Adopt hands the server a connection that came in by another way than its
// listeners: a stream socket that does not block and carries messages of 512
// bytes, and the address of whoever is at its far end. From then on it is like
// one that was accepted, and subject to every limit; the server closes it. Any
// goroutine may call Adopt, at any time; once the server has ended, the
// descriptor is closed at once.
func (s *Server) Adopt(fd int, peer netip.AddrPort) { s.hatch.adopt(fd, peer) }

// A hatch is where connections wait that were handed to the server, until its
// door takes them in.
type hatch struct {
	mu      sync.Mutex
	waiting []foundling
	wake    func() // of the door's loop; nil before there is one
	closed  bool
}

// A foundling is a connection that no listener accepted.
type foundling struct {
	fd   int
	peer netip.AddrPort
}

func (h *hatch) adopt(fd int, peer netip.AddrPort) {
	h.mu.Lock()
	defer h.mu.Unlock() // it wakes no loop that has been destroyed
	if h.closed {
		netpoll.Close(fd)
		return
	}
	h.waiting = append(h.waiting, foundling{fd, peer})
	if h.wake != nil && len(h.waiting) == 1 {
		h.wake()
	}
}

// open has a loop be woken for what comes, and for what is there.
func (h *hatch) open(wake func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wake = wake
	wake()
}

// take returns what waits, some of it at most, and reports whether there is
// more.
func (h *hatch) take(most int) (taken []foundling, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(most, len(h.waiting))
	taken, h.waiting = h.waiting[:n:n], h.waiting[n:]
	if len(h.waiting) == 0 {
		h.waiting = nil
		return taken, false
	}
	return taken, true
}

// close gives up what is yet to come, and returns what waits.
func (h *hatch) close() (waiting []foundling) {
	h.mu.Lock()
	defer h.mu.Unlock()
	waiting = h.waiting
	h.closed, h.wake, h.waiting = true, nil, nil
	return waiting
}

// closeHatch closes what was handed over and found no door.
func (s *Server) closeHatch() {
	for _, f := range s.hatch.close() {
		netpoll.Close(f.fd)
	}
}

// adopt welcomes the connections that were handed over before the loop last
// waited. Those that come now have to be patient until it has waited once more:
// they may have seen a client leave that the loop has not.
func (d *door) adopt() {
	for _, f := range d.foundlings {
		d.welcome(f.fd, f.peer)
		d.loop.closeEnded()
	}
	d.foundlings = nil
	var more bool
	if d.foundlings, more = d.hatch.take(maxAccepts); len(d.foundlings) > 0 || more {
		d.loop.kernel.Wake()
	}
}

// abandon closes what was handed over and not yet welcomed.
func (d *door) abandon() {
	for _, f := range slices.Concat(d.foundlings, d.hatch.close()) {
		d.loop.kernel.Close(f.fd)
	}
	d.foundlings = nil
}
