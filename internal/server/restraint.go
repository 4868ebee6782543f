//go:build linux

package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// A restraint measures for how long a room is pressed, and held. Each loop with members
// in the room looks when it wakes up, which while the room is pressed is several times in
// a stall timeout; the time since the last look goes to the loop that looks.
type restraint struct {
	measures atomic.Bool // the room was pressed at the last look

	mu                sync.Mutex
	pressedAt, heldAt time.Time // of the last look; zero if the room was not then
}

// restrain measures what the room is at a time, and adds to a tally for how long it was
// that. Most rooms are never pressed.
func (r *Room) restrain(pressed, held bool, now time.Time, to *tally) {
	m := r.restraint.Load()
	if m == nil {
		if !pressed {
			return
		}
		r.restraint.CompareAndSwap(nil, new(restraint)) // or another loop has
		m = r.restraint.Load()
	}
	m.look(pressed, held, now, to)
}

// look takes what the room is at a time, and adds to a tally for how long it was that.
func (r *restraint) look(pressed, held bool, now time.Time, to *tally) {
	if !pressed && !r.measures.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.measures.Store(pressed)
	to.pressed += lookAgain(&r.pressedAt, pressed, now)
	to.held += lookAgain(&r.heldAt, held, now)
}

// lookAgain returns the time since the last look, if there was one, and has this be the
// last if something still is.
func lookAgain(last *time.Time, is bool, now time.Time) (passed time.Duration) {
	if !last.IsZero() {
		passed = max(0, now.Sub(*last))
	}
	switch {
	case !is:
		*last = time.Time{}
	case now.After(*last): // or another loop has looked later
		*last = now
	}
	return passed
}
