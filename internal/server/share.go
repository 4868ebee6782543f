//go:build linux

package server

import (
	"time"

	"sop-chat/internal/wire"
)

const (
	// shareTime is for how long the space that is left before a pressed room is
	// held would last a single member that sends as much as it may. With what
	// the slowest reader takes, it comes to rest where the two are equal.
	shareTime = 10 * time.Minute
	// leastShare is what each member may send in any case, in bytes a second,
	// until the room is held: more than anybody types.
	leastShare = 2 * wire.Size
	// shareBurst is what a member that was quiet may send at once, in bytes,
	// and burstOfSpace the part of the space that is left which that is at most.
	shareBurst, burstOfSpace = 16 * wire.Size, 16
	// shareTick is how often it is looked whether a member that has sent its
	// share may go on.
	shareTick = 100 * time.Millisecond
)

// Shares say how much each member may send while the room is pressed, so that
// all that send have the same, and one that sends less leaves its share to the
// others. They are a virtual clock, as in fair queueing: it counts the bytes
// that a member which always has more to send could have sent until now. What a
// member has sent moves its own mark ahead of the clock, a burst at most.
//
// The rate falls with the space that is left. So a flood slows down until the
// slowest reader takes as much as is sent, without anybody measuring how much
// that is; one that sends less than the rate is never kept waiting.
type shares struct {
	clock  float64
	burst  int               // what a member's mark may be ahead of it
	at     time.Time         // when the clock was last set; zero while the room is not pressed
	marks  map[*conn]float64 // of the members that sent something since it is
	tickAt time.Time         // when to look at those that wait; zero if there are none
}

// begin sets the clock for a wake-up.
func (s *shares) begin(pressed bool, space int, now time.Time) {
	if !pressed {
		if !s.at.IsZero() {
			clear(s.marks)
			s.at, s.tickAt = time.Time{}, time.Time{}
		}
		s.burst = shareBurst // if it is pressed within this wake-up
		return
	}
	if !s.at.IsZero() {
		s.clock += shareRate(space) * now.Sub(s.at).Seconds()
	}
	s.at, s.burst = now, max(wire.Size, min(shareBurst, space/burstOfSpace))
}

// shareRate returns how many bytes a second each member may send.
func shareRate(space int) float64 {
	return max(leastShare, float64(space)/shareTime.Seconds())
}

// left returns how many bytes a member may send now: whole messages or nothing.
func (s *shares) left(c *conn) int {
	return wire.Whole(max(0, s.burst-int(max(0, s.marks[c]-s.clock))))
}

// charge counts what a member has sent.
func (s *shares) charge(c *conn, bytes int) {
	if s.at.IsZero() {
		return
	}
	if s.marks == nil {
		s.marks = make(map[*conn]float64)
	}
	s.marks[c] = max(s.marks[c], s.clock) + float64(bytes)
}

// wait has it looked at those that wait once more, a little later.
func (s *shares) wait(now time.Time) {
	if s.tickAt.IsZero() && !s.at.IsZero() {
		s.tickAt = now.Add(shareTick)
	}
}
