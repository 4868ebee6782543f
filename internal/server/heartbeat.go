//go:build linux

package server

import "sync/atomic"

// A heartbeat is how a loop shows that it is not stuck. Any goroutine may ask for it; the
// loop answers when it wakes.
type heartbeat struct{ asked atomic.Bool }

// answer is called by the loop in each wake-up.
func (h *heartbeat) answer() {
	if h.asked.Load() { // while nobody asks, nothing is written
		h.asked.Store(false)
	}
}

// IsAlive reports whether every loop has woken since the previous call, and wakes all of
// them for the next one. It does not wait for them, so calls should be a while apart. A
// server that does not serve has no loops, and is alive.
func (s *Server) IsAlive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isServing {
		return true
	}
	alive := true
	for _, l := range s.loops {
		if l.heartbeat.asked.Swap(true) {
			alive = false
		}
		l.kernel.Wake()
	}
	return alive
}
