package bench

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/netpoll"
)

// An epollTransport is one event loop for all connections.
type epollTransport struct {
	poller   *netpoll.Poller
	sockets  []socket
	events   [1024]netpoll.Event
	reader   *stampedReader
	stretch  [1][]byte // what a write hands to Send
	timer    int       // a timerfd: Go's poller counts in milliseconds, which is too coarse
	timerSet time.Time
}

// A socket is one connection.
type socket struct {
	fd         int
	connecting bool
	wants      netpoll.Interest
}

var _ transport = (*epollTransport)(nil)

// timerGeneration marks the timer's events; a socket's generation is its number
// plus one.
const timerGeneration = 1<<32 - 1

func newTransport() (transport, error) {
	poller, err := netpoll.New()
	if err != nil {
		return nil, err
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		poller.Destroy()
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	t := &epollTransport{poller: poller, timer: timer, reader: newStampedReader()}
	if errno := poller.Add(timer, timerGeneration, netpoll.Readable); errno != 0 {
		t.close()
		return nil, os.NewSyscallError("epoll_ctl", errno)
	}
	return t, nil
}

func (t *epollTransport) close() {
	for i := range t.sockets {
		t.shut(i)
	}
	netpoll.Close(t.timer)
	t.poller.Destroy()
}

func (t *epollTransport) connect(number int, to netip.AddrPort) error {
	fd, err := dial(to)
	if err != nil {
		return err
	}
	s := socket{fd: fd, connecting: true, wants: netpoll.Writable}
	if number == len(t.sockets) {
		t.sockets = append(t.sockets, s)
	} else {
		t.sockets[number] = s
	}
	if errno := t.poller.Add(fd, uint32(number+1), s.wants); errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}

// dial begins to connect a new socket.
func dial(to netip.AddrPort) (int, error) {
	family, sockaddr := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(to.Port())})
	if to.Addr().Is4() {
		sockaddr.(*unix.SockaddrInet4).Addr = to.Addr().As4()
	} else {
		family, sockaddr = unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, sockaddr); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		return -1, &connectError{err}
	}
	return fd, nil
}

func (t *epollTransport) write(number int, b []byte) (int, error) {
	s := &t.sockets[number]
	t.stretch[0] = b
	n, errno := t.poller.Send(s.fd, t.stretch[:])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR || errno == unix.ENOBUFS:
		n = 0
	case errno != 0:
		return 0, os.NewSyscallError("send", errno)
	}
	if n < len(b) {
		return n, t.want(number, netpoll.Readable|netpoll.Writable)
	}
	return n, nil
}

// want says what is waited for from now on.
func (t *epollTransport) want(number int, wants netpoll.Interest) error {
	s := &t.sockets[number]
	if s.wants == wants {
		return nil
	}
	s.wants = wants
	if errno := t.poller.Modify(s.fd, uint32(number+1), wants); errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}

func (t *epollTransport) wait(until time.Time, h handler) error {
	if t.setTimer(until) {
		until = time.Time{}
	}
	n, errno := t.poller.Wait(t.events[:], until)
	if errno != 0 && errno != unix.EINTR {
		return os.NewSyscallError("epoll_wait", errno)
	}
	for _, e := range t.events[:n] {
		if e.Generation == timerGeneration {
			t.timerSet = time.Time{}
			continue
		}
		if err := t.handle(e, int(e.Generation-1), h); err != nil {
			return err
		}
	}
	return nil
}

// setTimer makes the next wait return at a time; it returns false if that has
// come.
func (t *epollTransport) setTimer(until time.Time) bool {
	if until.Equal(t.timerSet) {
		return true
	}
	left := time.Until(until)
	if left <= 0 {
		return false
	}
	t.timerSet = until
	unix.TimerfdSettime(t.timer, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(left))}, nil)
	return true
}

func (t *epollTransport) handle(e netpoll.Event, number int, h handler) error {
	s := &t.sockets[number]
	if s.fd != e.FD { // it ended in this round of events
		return nil
	}
	if s.connecting {
		return t.finishConnect(number, h)
	}
	if e.Writable && s.wants&netpoll.Writable != 0 {
		if err := t.want(number, netpoll.Readable); err != nil {
			return err
		}
		if err := h.writable(number); err != nil {
			return err
		}
	}
	if e.Readable {
		return t.read(number, h)
	}
	return nil
}

func (t *epollTransport) finishConnect(number int, h handler) error {
	s := &t.sockets[number]
	code, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	if err != nil {
		t.shut(number)
		return h.ended(number, &connectError{err})
	}
	s.connecting = false
	t.poller.Tune(s.fd, netip.Addr{}, 0)
	stampArrivals(s.fd)
	if err := t.want(number, netpoll.Readable); err != nil {
		return err
	}
	return h.connected(number)
}

// read reads once. If there is more, the next wait says so: so every
// connection has its turn.
func (t *epollTransport) read(number int, h handler) error {
	b, ago, errno := t.reader.read(t.sockets[number].fd)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil
	case errno != 0:
		t.shut(number)
		return h.ended(number, os.NewSyscallError("recvmsg", errno))
	case len(b) == 0:
		t.shut(number)
		return h.ended(number, io.EOF)
	}
	return h.received(number, b, ago)
}

// shut closes a connection, once.
func (t *epollTransport) shut(number int) {
	if s := &t.sockets[number]; s.fd >= 0 {
		netpoll.Close(s.fd)
		s.fd = -1
	}
}
