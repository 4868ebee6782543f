package history

import (
	"time"

	"golang.org/x/sys/unix"
)

// elapsed returns the time since a fixed moment. Setting the clock does not
// change it, and it goes on while the machine sleeps.
func elapsed() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return time.Since(started)
	}
	return time.Duration(t.Nano())
}

var started = time.Now()
