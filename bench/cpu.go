package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// cpuOf returns the CPU time that processes have used. The number of the clock is made as
// clock_getcpuclockid(3) makes it.
func cpuOf(all []*process) (total time.Duration, err error) {
	const scheduled = 2 // CPUCLOCK_SCHED
	for _, p := range all {
		var t unix.Timespec
		if err := unix.ClockGettime(int32(^p.pid()<<3|scheduled), &t); err != nil {
			return 0, os.NewSyscallError("clock_gettime", err)
		}
		total += time.Duration(t.Nano())
	}
	return total, nil
}
