//go:build linux

package server

import "time"

// A clock is a loop's time. Timeouts are counted by now, which is monotonic, so
// that setting the system's clock does not change them. Only what is shown or
// kept, such as when a message was said, carries the wall clock's time.
//
// A loop may stand still, because its process was stopped, its machine was
// suspended or something else has the processor. Meanwhile it reads nothing from
// anybody, so that time does not count against anybody.
type clock struct {
	wall  time.Time     // what the system's clock says
	now   time.Time     // its monotonic reading, less stood
	stood time.Duration // for how long the loop has stood still, in all
}

// standstill is how much later than it wanted a loop wakes up if it stood still.
// That much of the time since its last wake-up counts all the same: a loop that
// is always late must reach its deadlines too.
const standstill = 250 * time.Millisecond

// update takes the system's time after a wait that was to end at until, by the
// system's clock; the zero time is never.
func (c *clock) update(wall, until time.Time) {
	c.wall = wall
	now := wall.Add(-c.stood)
	if !until.IsZero() && wall.Sub(until) > standstill {
		if passed := now.Sub(c.now); passed > standstill {
			c.stood += passed - standstill
			now = wall.Add(-c.stood)
		}
	}
	c.now = now
}

// systemTime converts one of the loop's times to the system's clock.
func (c *clock) systemTime(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(c.stood)
}

// ownTime converts a time of the system's clock to the loop's.
func (c *clock) ownTime(t time.Time) time.Time { return t.Add(-c.stood) }

// earliest returns the earliest of some times that is not zero.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
