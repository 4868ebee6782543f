//go:build linux

package netpoll

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A parker puts the goroutine of a Poller to sleep until its epoll instance has
// events, by having Go's own poller wait for that instance: epoll(7) can monitor
// an epoll descriptor like any other.
//
// Blocking in epoll_wait would be simpler but more expensive. When a goroutine
// returns from a blocking call, the scheduler wakes its monitor (runtime.sysmon),
// which then runs again every 20 µs for as long as the goroutine works. That is dozens
// of thread switches a wake-up, which doubled the server's CPU time at a low rate
// of messages. A parker blocks only where Go's poller does not take the instance.
type parker struct {
	file    *os.File              // owns the descriptor
	conn    syscall.RawConn       // nil if Go's poller does not take it
	poll    func() bool           // collects events without waiting, and reports whether there are any
	block   func(until time.Time) // waits for events, or until a time
	attempt func(uintptr) bool
	until   time.Time // when Go's poller is to give up
	began   time.Time // when the goroutine last let others run
	parked  time.Time // when the last call of park began
}

// timeSlice is how long the goroutine works before it lets others run: as long as
// the scheduler would let it if its monitor were awake.
const timeSlice = 10 * time.Millisecond

// newParker returns a parker for an epoll instance, and takes ownership of it.
func newParker(epoll int, poll func() bool, block func(time.Time)) *parker {
	unix.SetNonblock(epoll, true) // otherwise package os would not wait for it
	p := &parker{file: os.NewFile(uintptr(epoll), "epoll"), poll: poll, block: block}
	p.attempt = func(uintptr) bool { return p.poll() }
	if p.file.SetReadDeadline(time.Time{}) == nil { // Go's poller has taken it
		p.conn, _ = p.file.SyscallConn()
	}
	return p
}

// park polls until there are events, and sleeps in between, or until a time; the
// zero time is never. It polls at least once.
func (p *parker) park(until time.Time) {
	p.parked = time.Now()
	if p.conn == nil {
		p.block(until)
		return
	}
	if p.parked.Sub(p.began) >= timeSlice {
		runtime.Gosched()
		p.began = p.parked
	}
	if until != p.until {
		p.until = until
		p.file.SetReadDeadline(until)
	}
	if p.conn.Read(p.attempt) != nil { // the deadline has passed, perhaps before the first poll
		p.poll()
	}
}

func (p *parker) close() { p.file.Close() }
