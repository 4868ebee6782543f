//go:build linux

package netpoll

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CPUTime returns how much CPU time the calling thread has used, and the thread. A
// difference counts only if both were taken on one thread: Go may move a goroutine
// to another one. The time is 0 if the system has no such clock.
func (p *Poller) CPUTime() (thread int, used time.Duration) {
	var t unix.Timespec
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID,
		uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0, 0
	}
	id, _, _ := unix.RawSyscall(unix.SYS_GETTID, 0, 0, 0)
	return int(id), time.Duration(t.Nano())
}
