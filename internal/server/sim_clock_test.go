//go:build linux

package server

import (
	"testing"
	"time"
	"unsafe"
)

// simTime returns what time.Now returns when the system's clock shows wall and its
// monotonic clock, which can't be set, shows monotonic. Package time has no
// function for that; see the comments in its type Time.
func simTime(wall time.Time, monotonic time.Duration) time.Time {
	var t time.Time
	raw := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	const hasMonotonic, secondsShift = 1 << 63, 30
	seconds := wall.Unix() - time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	raw.wall = hasMonotonic | uint64(seconds)<<secondsShift | uint64(wall.Nanosecond())
	raw.ext = int64(monotonic)
	return t
}

func TestSimTime(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 7, time.UTC)
	before, after := simTime(noon, time.Hour), simTime(noon.Add(-24*time.Hour), time.Hour+time.Second)
	if got := after.Sub(before); got != time.Second || !after.After(before) {
		t.Errorf("%v pass on the monotonic clock, want 1s", got)
	}
	if !before.Round(0).Equal(noon) || !after.Add(time.Minute).Round(0).Equal(noon.Add(time.Minute-24*time.Hour)) {
		t.Errorf("the wall shows %v and %v", before, after)
	}
}

// setClock sets the system's clock to some time of a century.
func (w *world) setClock() {
	const century = 100 * 365 * 24 * time.Hour
	w.now = simTime(time.Unix(0, w.rng.Int64N(int64(century))), w.now.Sub(simTime(w.now, 0)))
}

// standStill stops the machine for a while.
func (w *world) standStill() {
	d := time.Duration(w.rng.Int64N(int64(time.Hour)))
	w.now = w.now.Add(d)
	for _, c := range w.clients {
		c.socket.openAt = c.socket.openAt.Add(d) // the kernel's timers stop too
	}
}

// A loop's clock follows the monotonic clock, whatever the wall clock shows, and
// leaves out the time for which the loop stood still.
func TestClock(t *testing.T) {
	const hour, year = time.Hour, 365 * 24 * time.Hour
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	begin := simTime(noon, hour)
	for _, test := range []struct {
		what        string
		wall        time.Duration // how far the wall clock moves
		passes      time.Duration // and the monotonic one
		wait        time.Duration // how long it was to wait at most; 0 is for ever
		want, stood time.Duration // how far the loop's clock moves, and what it leaves out
	}{
		{"a wait ends in time", hour, hour, hour, hour, 0},
		{"a wait ends early", time.Second, time.Second, hour, time.Second, 0},
		{"a wait ends a little late", 1200 * time.Millisecond, 1200 * time.Millisecond, time.Second, 1200 * time.Millisecond, 0},
		{"the clock is set forward", year, time.Second, 10 * time.Second, time.Second, 0},
		{"the clock is set back", -24 * hour, time.Second, 10 * time.Second, time.Second, 0},
		{"it stands still for an hour", hour, hour, 10 * time.Second, standstill, hour - standstill},
		{"it stands still with work to do", hour, hour, -time.Second, standstill, hour - standstill},
		{"it stands still with nothing to do", hour, hour, 0, hour, 0},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := clock{}
			c.update(begin, time.Time{})
			until := time.Time{}
			if test.wait != 0 {
				until = c.systemTime(c.now.Add(test.wait))
			}
			now := simTime(noon.Add(test.wall), hour+test.passes)
			c.update(now, until)
			if moved := c.now.Sub(begin); moved != test.want || c.stood != test.stood || c.wall != now {
				t.Errorf("its clock moves by %v, and stands still for %v; want %v and %v", moved, c.stood, test.want, test.stood)
			}
			if due := c.systemTime(c.now.Add(time.Minute)); due.Sub(now) != time.Minute {
				t.Errorf("what is due in a minute is due in %v", due.Sub(now))
			}
		})
	}
}
