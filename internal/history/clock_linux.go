package history

import (
	"time"

	"golang.org/x/sys/unix"
)

// elapsed returns the time since some moment. It is never set, and goes on while
// the machine sleeps.
func elapsed() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return time.Since(started)
	}
	return time.Duration(t.Nano())
}

var started = time.Now()
