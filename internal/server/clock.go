//go:build linux

package server

import "time"

// A clock is a loop's time. Timeouts are counted by now, which is monotonic: to
// set the system's clock changes nothing in it. Only what is shown or kept, such
// as when a message was said, carries the wall's time.
//
// While the loop stands still, because its process was stopped, its machine was
// suspended or something else has the processor, it reads nothing from anybody;
// so that time does not count against anybody either.
type clock struct {
	wall  time.Time     // what the system's clock says
	now   time.Time     // its monotonic reading, less stood
	stood time.Duration // for how long the loop has stood still, in all
}

// standstill is how much later than it wanted a loop wakes up if it stood still.
// As much of the time since its last wake-up counts all the same: a loop that is
// always late must reach its deadlines too.
const standstill = 250 * time.Millisecond

// tell takes the system's time after a wait that was to end at some time, in
// the system's terms, of which the zero one never comes.
func (c *clock) tell(wall, until time.Time) {
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

// bySystem returns one of the loop's times in the system's terms.
func (c *clock) bySystem(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(c.stood)
}
