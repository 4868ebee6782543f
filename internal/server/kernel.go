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
// the real one, and documents the methods. The simulation's kernel fails wherever
// the real one could.
type kernel interface {
	Accept(listener int) (fd int, peer netip.AddrPort, errno syscall.Errno)
	NextFD(open int) (int, syscall.Errno)
	Read(fd int, b []byte) (int, syscall.Errno)
	Send(fd int, stretches [][]byte) (int, syscall.Errno)
	SendMore(fd int, b []byte) (int, syscall.Errno)
	Sendfile(fd, file int, offset int64, n int) (int, syscall.Errno)
	Close(fd int) syscall.Errno

	Tune(fd int, peer netip.Addr, unacknowledged time.Duration)
	SetUserTimeout(fd int, d time.Duration)
	WindowClosed(fd int) bool
	IsTCP(fd int) bool
	Reset(fd int)
	EndStream(fd int)

	Add(fd int, generation uint32, want netpoll.Interest) syscall.Errno
	Modify(fd int, generation uint32, want netpoll.Interest) syscall.Errno
	Remove(fd int) syscall.Errno
	Wait(events []netpoll.Event, until time.Time) (int, syscall.Errno)
	Parked() time.Time
	Wake()
	Now() time.Time
	CPUTime() (thread int, used time.Duration)
}

var _ kernel = (*netpoll.Poller)(nil)

// A fileMemory is a log's memory that is also a file, so that it can be sent by
// reference. netpoll.Memory is the real one.
type fileMemory interface {
	broadcast.Memory
	Lends() bool
	StopLending(why error)
	File() int
	Offset([]byte) int64
	Close()

	Save() (netpoll.SavedMemory, bool)
	Number([]byte) (int, bool)
	At(number int) []byte
}

var _ fileMemory = (*netpoll.Memory)(nil)

// shortage reports whether a call failed for lack of memory or descriptors, which
// is not the connection's fault and passes.
func shortage(errno syscall.Errno) bool {
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
		return true
	}
	return false
}

// shortagePause is how long a loop waits before it retries what failed for a
// shortage: long enough not to spin, and short enough that no client waits for
// long once the shortage is over.
const shortagePause = 100 * time.Millisecond
