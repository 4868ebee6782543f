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
// something to tell, by having Go's own poller wait for that instance:
// epoll(7) can watch an epoll descriptor like any other.
//
// To block in epoll_wait would be simpler, and dearer: the scheduler takes a
// goroutine that comes back from a blocking call as a sign that more of them
// are to be watched, and wakes its monitor (runtime.sysmon), which then looks
// 20 µs later, and again, for as long as the goroutine works. That is dozens of
// thread switches a wake-up; at a trickle of messages they doubled what the
// server needed. But it is what is left where Go's poller does not take the
// instance.
type parker struct {
	file    *os.File              // owns the descriptor
	conn    syscall.RawConn       // nil if Go's poller does not take it
	poll    func() bool           // looks, without waiting, whether there is something
	block   func(until time.Time) // waits until there is, or until a time
	attempt func(uintptr) bool
	until   time.Time // when Go's poller is to give up
	began   time.Time // when the goroutine last let others run
}

// timeSlice is how long a goroutine works before it lets others run: as long as
// the scheduler would let it if its monitor were awake.
const timeSlice = 10 * time.Millisecond

// newParker returns a parker for an epoll instance, which is the parker's from
// then on.
func newParker(epoll int, poll func() bool, block func(time.Time)) *parker {
	unix.SetNonblock(epoll, true) // or package os would not wait for it
	p := &parker{file: os.NewFile(uintptr(epoll), "epoll"), poll: poll, block: block}
	p.attempt = func(uintptr) bool { return p.poll() }
	if p.file.SetReadDeadline(time.Time{}) == nil { // Go's poller has taken it
		p.conn, _ = p.file.SyscallConn()
	}
	return p
}

// park polls, and sleeps until that finds something or until a time, of which
// the zero one never comes. It polls at least once.
func (p *parker) park(until time.Time) {
	if p.conn == nil {
		p.block(until)
		return
	}
	if now := time.Now(); now.Sub(p.began) >= timeSlice {
		runtime.Gosched()
		p.began = now
	}
	if until != p.until {
		p.until = until
		p.file.SetReadDeadline(until)
	}
	if p.conn.Read(p.attempt) != nil { // time is up, and perhaps was before it began
		p.poll()
	}
}

func (p *parker) close() { p.file.Close() }
