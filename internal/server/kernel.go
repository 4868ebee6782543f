//go:build linux

package server

import (
	"net/netip"
	"syscall"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
)

// A kernel is all that a loop asks of the operating system. netpoll.Poller is
// the real one; the simulation's stands in for it and fails wherever the real
// one could. The methods' documentation is there.
type kernel interface {
	Accept(listener int) (fd int, peer netip.AddrPort, errno syscall.Errno)
	NextFD(open int) (int, syscall.Errno)
	Read(fd int, b []byte) (int, syscall.Errno)
	Send(fd int, stretches [][]byte) (int, syscall.Errno)
	Sendfile(fd, file int, offset int64, n int) (int, syscall.Errno)
	Close(fd int) syscall.Errno

	Tune(fd int, peer netip.Addr, unacknowledged time.Duration)
	SetUserTimeout(fd int, d time.Duration)
	WindowShut(fd int) bool
	Reset(fd int)
	EndStream(fd int)

	Add(fd int, generation uint32, want netpoll.Interest) syscall.Errno
	Modify(fd int, generation uint32, want netpoll.Interest) syscall.Errno
	Remove(fd int) syscall.Errno
	Wait(events []netpoll.Event, until time.Time) (int, syscall.Errno)
	Wake()
	Now() time.Time
}

var _ kernel = (*netpoll.Poller)(nil)

// A fileMemory is a log's memory that is a file as well, so that it can be sent
// by reference. netpoll.Memory is the real one.
type fileMemory interface {
	broadcast.Memory
	Lends() bool
	StopLending(why error)
	File() int
	Offset([]byte) int64
}

var _ fileMemory = (*netpoll.Memory)(nil)

// shortage reports whether a call failed for want of memory or descriptors,
// which is nobody's fault and passes.
func shortage(errno syscall.Errno) bool {
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
		return true
	}
	return false
}

// shortagePause is how long a loop leaves alone what failed for a shortage: it
// must neither spin nor let anybody wait for long once it is over.
const shortagePause = 100 * time.Millisecond
