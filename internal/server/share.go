//go:build linux

package server

import (
	"time"

	"sop-chat/internal/wire"
)

const (
	// shareTime is for how long a single member that sends as much as it may
	// could fill the space that is left before a pressed room is held. The rate
	// settles where it equals that of the slowest reader.
	shareTime = 10 * time.Minute
	// leastShare is what each member may send at least, in bytes a second, until
	// the room is held: more than anybody types.
	leastShare = 2 * wire.Size
	// shareBurst is what a member that was quiet may send at once, in bytes. It
	// is at most the space that is left divided by burstOfSpace.
	shareBurst, burstOfSpace = 16 * wire.Size, 16
	// shareTick is how often the loop checks whether members that have sent their
	// share may go on.
	shareTick = 100 * time.Millisecond
)

// Shares say how much each member may send while the room is pressed. All members
// that send have the same share, and one that sends less leaves the rest to the
// others. This is a virtual clock, as in fair queueing: it counts the bytes that
// a member could have sent until now if it always had more to send. What a member
// sends moves its own mark ahead of the clock, by a burst at most.
//
// The rate falls with the space that is left. So a flood slows down until the
// slowest reader takes as much as is sent, and that rate need not be measured. A
// member that sends less than the rate never waits.
type shares struct {
	clock  float64
	burst  int               // how far a member's mark may be ahead of it
	at     time.Time         // when the clock was last set; zero while the room is not pressed
	marks  map[*conn]float64 // of the members that have sent something since it is pressed
	tickAt time.Time         // when to check the members that wait; zero if there are none
}

// begin sets the clock for a wake-up.
func (s *shares) begin(pressed bool, space int, now time.Time) {
	if !pressed {
		if !s.at.IsZero() {
			clear(s.marks)
			s.at, s.tickAt = time.Time{}, time.Time{}
		}
		s.burst = shareBurst // in case it is pressed within this wake-up
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

// wait has the members that wait for a share checked at the next tick.
func (s *shares) wait(now time.Time) {
	if s.tickAt.IsZero() && !s.at.IsZero() {
		s.tickAt = now.Add(shareTick)
	}
}
