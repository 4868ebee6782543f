//go:build linux

package server

import (
	"net/netip"
	"slices"
	"syscall"
	"time"

	"sop-chat/internal/netpoll"
)

// A simKernel stands in for the kernel of one loop. Its descriptors belong to the
// world that all loops share; its poller is its own. It behaves as Linux does, and
// fails wherever Linux could, as often as the world says.
type simKernel struct {
	world      *world
	registered []registration // in the order of Add
	woken      bool
	stale      []netpoll.Event // of descriptors that were removed
	parked     time.Time
}

type registration struct {
	fd         int
	generation uint32
	want       netpoll.Interest
}

func (k *simKernel) Accept(listener int) (int, netip.AddrPort, syscall.Errno) {
	w := k.world
	if errno := w.fault(syscall.EINTR, syscall.ECONNABORTED, syscall.EMFILE, syscall.ENFILE,
		syscall.ENOBUFS, syscall.ENOMEM, syscall.EPROTO, syscall.EPERM, syscall.EAGAIN,
		syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN, syscall.ENONET,
		syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETUNREACH, syscall.ENOSR,
		syscall.ESOCKTNOSUPPORT, syscall.EPROTONOSUPPORT, syscall.ETIMEDOUT); errno != 0 {
		return -1, netip.AddrPort{}, errno
	}
	if listener != listenerFD || len(w.arriving) == 0 {
		return -1, netip.AddrPort{}, syscall.EAGAIN
	}
	if w.config.descriptors > 0 && w.nextFD() >= w.config.descriptors {
		return -1, netip.AddrPort{}, syscall.EMFILE
	}
	s := w.arriving[0]
	w.arriving = w.arriving[1:]
	w.install(s)
	return s.fd, s.addr, 0
}

func (k *simKernel) NextFD(open int) (int, syscall.Errno) {
	if open != listenerFD {
		k.world.socket(open, "fcntl")
	}
	return k.world.nextFD(), 0
}

func (k *simKernel) Read(fd int, b []byte) (int, syscall.Errno) {
	w := k.world
	s := w.socket(fd, "read")
	if len(b) == 0 {
		w.failf("a read of fd %d into nothing, which looks like its end", fd)
	}
	errno := w.fault(syscall.EINTR, syscall.ENOMEM, syscall.ENOBUFS)
	// A read of an ended stream always has a result. And a connection that is read for
	// the last time, because another takes its place, must give all it has.
	if errno == 0 && !s.broken && !s.fin && !s.peer.mayBeReplaced() {
		errno = w.fault(syscall.EAGAIN)
	}
	w.retried(&s.readShort, errno, "read")
	if errno != 0 {
		return 0, errno
	}
	if errno := w.fault(syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH,
		syscall.ENETDOWN, syscall.ECONNREFUSED, syscall.EPROTO, syscall.ENOTCONN, syscall.EIO); errno != 0 {
		s.readError = true
		s.fail(errno)
		return 0, errno
	}
	switch {
	case len(s.in) > 0:
		n := copy(b, s.in)
		if w.chance(4) {
			n = 1 + w.rng.IntN(n)
		}
		s.in = s.in[n:]
		w.traffic.received += n
		return n, 0
	case s.errno != 0:
		errno := s.errno
		s.errno = 0
		return 0, errno
	case s.broken || s.fin:
		return 0, 0
	}
	return 0, syscall.EAGAIN
}

func (k *simKernel) Send(fd int, stretches [][]byte) (int, syscall.Errno) {
	s, n, errno := k.send(fd, length(stretches), "send")
	for left := n; left > 0; stretches = stretches[1:] {
		take := min(left, len(stretches[0]))
		s.out = append(s.out, stretches[0][:take]...)
		left -= take
	}
	return n, errno
}

func (k *simKernel) SendMore(fd int, b []byte) (int, syscall.Errno) {
	return k.Send(fd, [][]byte{b})
}

// count counts what a socket has taken.
func (k *simKernel) count(s *socket, n int) int {
	s.wrote += n
	k.world.traffic.sent += n
	return n
}

func (k *simKernel) Sendfile(fd, file int, offset int64, n int) (int, syscall.Errno) {
	m := k.world.memory
	if file != memoryFD || offset < 0 || int(offset)+n > len(m.arena) {
		k.world.failf("sendfile of %d bytes at %d of fd %d", n, offset, file)
	}
	if errno := k.world.fault(syscall.ENOSYS, syscall.EINVAL, syscall.EPERM, syscall.EOPNOTSUPP); errno != 0 {
		return 0, errno
	}
	s, n, errno := k.send(fd, n, "sendfile")
	k.world.traffic.referred += n
	if n > 0 && !s.peer.gone {
		live := m.arena[offset:][:n]
		s.out = append(s.out, live...)
		m.refer(s, live)
	}
	return n, errno
}

// send says how much of some bytes a socket takes.
func (k *simKernel) send(fd, bytes int, call string) (*socket, int, syscall.Errno) {
	w := k.world
	s := w.socket(fd, call)
	if bytes == 0 {
		w.failf("a %s of nothing to fd %d", call, fd)
	}
	errno := w.fault(syscall.EINTR, syscall.EAGAIN, syscall.ENOBUFS, syscall.ENOMEM)
	w.retried(&s.writeShort, errno, call)
	if errno != 0 {
		return s, 0, errno
	}
	if errno := w.fault(syscall.EPIPE, syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.EHOSTUNREACH,
		syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EPROTO, syscall.EPERM, syscall.EACCES, syscall.EIO); errno != 0 {
		s.fail(0)
		return s, 0, errno
	}
	if s.broken {
		errno := s.errno
		s.errno = 0
		if errno == 0 {
			errno = syscall.EPIPE
		}
		return s, 0, errno
	}
	if s.peer.gone { // the other side answers with a reset
		s.fail(syscall.EPIPE)
		return s, k.count(s, bytes), 0
	}
	n := min(bytes, s.outCap-len(s.out))
	if n <= 0 {
		return s, 0, syscall.EAGAIN
	}
	if w.chance(4) {
		n = 1 + w.rng.IntN(n)
	}
	return s, k.count(s, n), 0
}

func (k *simKernel) Close(fd int) syscall.Errno {
	w := k.world
	s := w.socket(fd, "close")
	k.forget(fd)
	for _, l := range w.loops {
		if other := l.kernel.(*simKernel); slices.ContainsFunc(other.registered, func(e registration) bool { return e.fd == fd }) {
			w.failf("fd %d is closed by one loop and registered with another", fd)
		}
	}
	w.fds[fd] = nil
	s.fd, s.closed = -1, true
	return w.fault(syscall.EINTR, syscall.EIO, syscall.ENOSPC, syscall.EDQUOT)
}

func (k *simKernel) Tune(fd int, _ netip.Addr, unacknowledged time.Duration) {
	k.SetUserTimeout(fd, unacknowledged)
}

func (k *simKernel) SetUserTimeout(fd int, d time.Duration) {
	k.world.socket(fd, "setsockopt").userTimeout = d
}

func (k *simKernel) Reset(fd int) { k.world.socket(fd, "setsockopt") }

func (k *simKernel) EndStream(fd int) {
	k.world.socket(fd, "shutdown").readShort = time.Time{} // what is read then is thrown away
}

func (k *simKernel) IsTCP(fd int) bool { return !k.world.socket(fd, "getsockopt").isPipe }

func (k *simKernel) WindowClosed(fd int) bool {
	s := k.world.socket(fd, "getsockopt")
	return len(s.out) == s.outCap
}

func (k *simKernel) Add(fd int, generation uint32, want netpoll.Interest) syscall.Errno {
	w := k.world
	if fd != listenerFD {
		s := w.socket(fd, "epoll_ctl")
		if errno := w.fault(syscall.ENOMEM, syscall.ENOSPC, syscall.EPERM); errno != 0 {
			s.epollFailed = true
			return errno
		}
	}
	if k.find(fd) >= 0 {
		w.failf("fd %d is added twice to one poller", fd)
	}
	k.registered = append(k.registered, registration{fd, generation, want})
	return 0
}

func (k *simKernel) Modify(fd int, generation uint32, want netpoll.Interest) syscall.Errno {
	w := k.world
	i := k.find(fd)
	if i < 0 {
		w.failf("fd %d is modified, but not registered", fd)
	}
	if errno := w.fault(syscall.ENOMEM); errno != 0 {
		if fd != listenerFD {
			w.socket(fd, "epoll_ctl").epollFailed = true
		}
		return errno
	}
	k.registered[i] = registration{fd, generation, want}
	return 0
}

func (k *simKernel) Remove(fd int) syscall.Errno {
	w := k.world
	s := w.socket(fd, "epoll_ctl")
	if errno := w.fault(syscall.ENOMEM); errno != 0 {
		s.epollFailed = true
		return errno
	}
	k.forget(fd)
	return 0
}

func (k *simKernel) find(fd int) int {
	return slices.IndexFunc(k.registered, func(e registration) bool { return e.fd == fd })
}

func (k *simKernel) forget(fd int) {
	i := k.find(fd)
	if i < 0 {
		return
	}
	k.stale = append(k.stale, netpoll.Event{FD: fd, Generation: k.registered[i].generation, Readable: true, Writable: true, Broken: true})
	k.registered = slices.Delete(k.registered, i, i+1)
}

// Wait returns some of what is ready, in any order. It never blocks: the
// simulation runs a loop only when it has a reason to.
func (k *simKernel) Wait(events []netpoll.Event, _ time.Time) (int, syscall.Errno) {
	w := k.world
	if errno := w.fault(syscall.EINTR); errno != 0 {
		return 0, errno
	}
	k.woken, k.parked = false, w.now
	ready := k.ready()
	w.rng.Shuffle(len(ready), func(i, j int) { ready[i], ready[j] = ready[j], ready[i] })
	if len(ready) > 1 && w.chance(4) {
		ready = ready[:1+w.rng.IntN(len(ready)-1)]
	}
	if len(k.stale) > 0 && w.chance(8) {
		ready = append(ready, k.stale[w.rng.IntN(len(k.stale))])
		k.stale = nil
	}
	return copy(events, ready), 0
}

// ready returns the events that epoll would report.
func (k *simKernel) ready() []netpoll.Event {
	var ready []netpoll.Event
	for _, e := range k.registered {
		event := netpoll.Event{FD: e.fd, Generation: e.generation}
		if e.fd == listenerFD {
			event.Readable = e.want&netpoll.Readable != 0 && len(k.world.arriving) > 0
		} else {
			s := k.world.fds[e.fd]
			event.Broken = s.broken
			event.Ended = s.broken || e.want&(netpoll.Readable|netpoll.Hangup) != 0 && s.fin
			event.Readable = s.broken || e.want&netpoll.Readable != 0 && (len(s.in) > 0 || s.fin)
			event.Writable = e.want&netpoll.Writable != 0 && (s.broken || len(s.out) <= s.outCap*2/3)
		}
		if event.Readable || event.Writable || event.Broken || event.Ended {
			ready = append(ready, event)
		}
	}
	return ready
}

func (k *simKernel) Parked() time.Time { return k.parked }
func (k *simKernel) Wake()             { k.woken = true }
func (k *simKernel) Now() time.Time    { return k.world.now }

// mayRun reports whether a Wait of the loop would return.
func (k *simKernel) mayRun(l *loop) bool {
	until := l.systemTime(l.deadline())
	return k.woken || len(k.ready()) > 0 || !until.IsZero() && !until.After(k.world.now)
}

// CPUTime returns times of two threads, which pass by chance and not at all
// alike.
func (k *simKernel) CPUTime() (thread int, used time.Duration) {
	w := k.world
	w.cpu += time.Duration(w.rng.IntN(1000))
	return w.rng.IntN(8) / 7, w.cpu
}
