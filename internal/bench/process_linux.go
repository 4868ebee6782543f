package bench

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime asks the clock that counts a process's CPU time in nanoseconds. Its
// number is made as clock_getcpuclockid(3) makes it.
func cpuTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED: what the scheduler counts, not ticks
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &t); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(t.Nano()), nil
}
