//go:build linux

// Package netpoll is what an event loop asks of Linux: epoll to wait for events,
// an eventfd to be woken by, and the few calls on sockets made between two waits.
// Only Wait blocks.
//
// It knows descriptors and bytes, and nothing of clients or messages. Errors are
// the system's own numbers, so that nothing is allocated for them.
package netpoll

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An Interest says which events of a descriptor a Poller waits for. Hang-ups
// and errors are always reported: epoll_ctl(2) can't mask them.
type Interest uint32

// The interests, to be or'ed. Hangup is for a descriptor that is not read for now:
// the peer will send nothing more.
const (
	Readable Interest = unix.EPOLLIN
	Writable Interest = unix.EPOLLOUT
	Hangup   Interest = unix.EPOLLRDHUP
)

// An Event is what Wait reports of one descriptor.
type Event struct {
	FD         int
	Generation uint32 // as given to Add; tells a descriptor from an earlier one of the same number
	Readable   bool   // reading returns bytes, the end, or an error
	Writable   bool
	Ended      bool // the peer sends nothing more; there may be something left to read
	Broken     bool // nothing can be written any more: reset, or closed in both directions
}

// maxEvents is how many events one Wait returns at most: enough to share a
// wake-up's cost among very many, few enough not to delay timeouts.
const maxEvents = 1024

// maxVectors is how many stretches one Send sends at most. IOV_MAX is 1024; fewer
// keep the call short.
const maxVectors = 256

// wakeGeneration marks the eventfd's own events.
const wakeGeneration = 0

// A Poller is one epoll instance with the eventfd that wakes it. It belongs to
// one goroutine; others may only call Wake, until Destroy.
type Poller struct {
	epoll   int
	eventfd int
	parker  *parker
	woken   atomic.Bool // Wake was called, and Wait has not returned since
	vectors [maxVectors]unix.Iovec
	message unix.Msghdr

	events [maxEvents]unix.EpollEvent
	most   int // how many events the current Wait returns at most
	ready  int // how many there are
	errno  syscall.Errno
}

// New returns a poller that waits for nothing but Wake. See epoll_create1(2)
// and eventfd(2) for its errors.
func New() (*Poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	eventfd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	p := &Poller{epoll: epoll, eventfd: eventfd}
	p.parker = newParker(epoll, p.poll, p.block)
	if errno := p.Add(eventfd, wakeGeneration, unix.EPOLLIN); errno != 0 {
		p.Destroy()
		return nil, os.NewSyscallError("epoll_ctl", errno)
	}
	return p, nil
}

// Probe returns an error if the system refuses a call that every Poller needs.
func Probe() error {
	p, err := New()
	if err != nil {
		return err
	}
	defer p.Destroy()
	// A call that fails for its descriptor exists and is permitted.
	const none = -1
	if _, _, errno := p.Accept(none); errno != unix.EBADF {
		return os.NewSyscallError("accept4", errno)
	}
	for call, stretches := range map[string][][]byte{"sendto": {{0}}, "sendmsg": {{0}, {0}}} {
		if _, errno := p.Send(none, stretches); errno != unix.EBADF {
			return os.NewSyscallError(call, errno)
		}
	}
	return nil
}

// Destroy closes the poller's own descriptors.
func (p *Poller) Destroy() {
	unix.Close(p.eventfd)
	p.parker.close()
}

// Add begins to wait for a descriptor's events, level-triggered. Events carry the
// generation, which must not be 0.
func (p *Poller) Add(fd int, generation uint32, want Interest) syscall.Errno {
	return p.control(unix.EPOLL_CTL_ADD, fd, generation, want)
}

// Modify replaces what is waited for.
func (p *Poller) Modify(fd int, generation uint32, want Interest) syscall.Errno {
	return p.control(unix.EPOLL_CTL_MOD, fd, generation, want)
}

// Remove stops waiting for a descriptor. Closing it does so too.
func (p *Poller) Remove(fd int) syscall.Errno {
	return p.control(unix.EPOLL_CTL_DEL, fd, 0, 0)
}

func (p *Poller) control(op, fd int, generation uint32, want Interest) syscall.Errno {
	event := unix.EpollEvent{Events: uint32(want), Fd: int32(fd), Pad: int32(generation)}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.epoll), uintptr(op),
		uintptr(fd), uintptr(unsafe.Pointer(&event)), 0, 0)
	return errno
}

// Wait waits until there are events, Wake is called, or a time has come; the zero
// time is never. It fills events and returns how many there are. Wake has no event
// of its own. EINTR is returned like any error.
func (p *Poller) Wait(events []Event, until time.Time) (int, syscall.Errno) {
	p.most = min(len(events), maxEvents)
	p.parker.park(until)
	ready := 0
	for _, e := range p.events[:p.ready] {
		generation := uint32(e.Pad)
		if generation == wakeGeneration {
			p.clearWake()
			continue
		}
		events[ready] = Event{
			FD:         int(e.Fd),
			Generation: generation,
			Readable:   e.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0,
			Writable:   e.Events&unix.EPOLLOUT != 0,
			Ended:      e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
			Broken:     e.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0,
		}
		ready++
	}
	return ready, p.errno
}

// poll collects the events there are now, and reports whether there are any.
func (p *Poller) poll() bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll),
		uintptr(unsafe.Pointer(&p.events[0])), uintptr(p.most), 0, 0, 0)
	p.collected(n, errno)
	return n != 0
}

// block waits for events, or until a time, and collects them.
func (p *Poller) block(until time.Time) {
	timeout := -1
	if !until.IsZero() {
		const most = 1<<31 - 1
		timeout = int(min(max(0, (time.Until(until)+time.Millisecond-1).Milliseconds()), most))
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll),
		uintptr(unsafe.Pointer(&p.events[0])), uintptr(p.most), uintptr(timeout), 0, 0)
	p.collected(n, errno)
}

func (p *Poller) collected(n uintptr, errno syscall.Errno) {
	p.ready, p.errno = int(n), errno
	if errno != 0 {
		p.ready = 0
	}
}

// Wake makes the current Wait, or else the next one, return. Any goroutine may
// call it. Of several calls before that return, only the first makes a system
// call.
func (p *Poller) Wake() {
	if p.woken.Load() || !p.woken.CompareAndSwap(false, true) {
		return
	}
	one := uint64(1)
	// The counter can't be full, and nothing else fails on an eventfd.
	unix.RawSyscall(unix.SYS_WRITE, uintptr(p.eventfd), uintptr(unsafe.Pointer(&one)), 8)
}

func (p *Poller) clearWake() {
	var count uint64
	unix.RawSyscall(unix.SYS_READ, uintptr(p.eventfd), uintptr(unsafe.Pointer(&count)), 8)
	// After the read: a Wake between the two is for a Wait that has already
	// returned, and its caller sees what it was woken for.
	p.woken.Store(false)
}

// Parked returns when the last Wait began.
func (p *Poller) Parked() time.Time { return p.parker.parked }

// Now returns the time.
func (p *Poller) Now() time.Time { return time.Now() }
