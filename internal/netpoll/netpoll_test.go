//go:build linux

package netpoll

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"sop-chat/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

func newPoller(t testing.TB) *Poller {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Destroy)
	return p
}

// pollers runs a test with each way to wait.
func pollers(t *testing.T, test func(t *testing.T, p *Poller)) {
	t.Run("Go's poller", func(t *testing.T) { test(t, newPoller(t)) })
	t.Run("epoll_wait", func(t *testing.T) {
		p := newPoller(t)
		p.parker.conn = nil // as if Go's poller did not take the instance
		test(t, p)
	})
}

// pair returns two connected stream sockets that don't block.
func pair(t testing.TB) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return fds[0], fds[1]
}

// wait returns the events of one Wait, which must return some.
func wait(t testing.TB, p *Poller) []Event {
	t.Helper()
	events := make([]Event, 8)
	n, errno := p.Wait(events, time.Now().Add(patience))
	if errno != 0 || n == 0 {
		t.Fatalf("Wait returns %d events, errno %v", n, errno)
	}
	return events[:n]
}

// Events say what a descriptor is ready for, as far as it is waited for, with the
// generation it was added with.
func TestEvents(t *testing.T) { pollers(t, testEvents) }

func testEvents(t *testing.T, p *Poller) {
	a, b := pair(t)
	if errno := p.Add(a, 7, Readable|Writable); errno != 0 {
		t.Fatal(errno)
	}
	if got, want := wait(t, p)[0], (Event{FD: a, Generation: 7, Writable: true}); got != want {
		t.Errorf("an idle socket: %+v, want %+v", got, want)
	}
	if _, errno := p.Send(b, [][]byte{[]byte("x")}); errno != 0 {
		t.Fatal(errno)
	}
	if errno := p.Modify(a, 8, Readable); errno != 0 {
		t.Fatal(errno)
	}
	if got, want := wait(t, p)[0], (Event{FD: a, Generation: 8, Readable: true}); got != want {
		t.Errorf("a socket with a byte: %+v, want %+v", got, want)
	}
	if errno := p.Modify(a, 9, 0); errno != 0 {
		t.Fatal(errno)
	}
	if n, errno := p.Wait(make([]Event, 1), time.Now()); n != 0 || errno != 0 {
		t.Errorf("a socket that is not waited for: %d events, errno %v", n, errno)
	}
	if errno := p.Modify(a, 9, Hangup); errno != 0 {
		t.Fatal(errno)
	}
	unix.Shutdown(b, unix.SHUT_WR)
	if got, want := wait(t, p)[0], (Event{FD: a, Generation: 9, Ended: true}); got != want {
		t.Errorf("a socket whose peer ended: %+v, want %+v", got, want)
	}
	unix.Shutdown(b, unix.SHUT_RDWR)
	if got := wait(t, p)[0]; !got.Broken || !got.Readable || !got.Ended {
		t.Errorf("a socket whose peer is gone: %+v, want it broken, ended and readable", got)
	}
	if errno := p.Remove(a); errno != 0 {
		t.Fatal(errno)
	}
	if n, errno := p.Wait(make([]Event, 1), time.Now()); n != 0 || errno != 0 {
		t.Errorf("a socket that was removed: %d events, errno %v", n, errno)
	}
}

// Wake makes the current Wait return, and one Wait is enough for any number of
// calls.
func TestWake(t *testing.T) { pollers(t, testWake) }

func testWake(t *testing.T, p *Poller) {
	var wakers sync.WaitGroup
	for range 8 {
		wakers.Go(p.Wake)
	}
	wakers.Wait()
	events := make([]Event, 1)
	if n, errno := p.Wait(events, time.Now().Add(patience)); n != 0 || errno != 0 {
		t.Errorf("Wait after Wake: %d events, errno %v", n, errno)
	}
	if p.woken.Load() {
		t.Error("the next Wake would be lost")
	}
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		p.Wait(events, time.Time{})
	}()
	p.Wake()
	select {
	case <-woken:
	case <-time.After(patience):
		t.Error("Wake does not end a Wait")
	}
}

// No Wake is lost, whenever it is called: each is followed by the return of a
// Wait.
func TestWakeIsNeverLost(t *testing.T) { pollers(t, testWakeIsNeverLost) }

func testWakeIsNeverLost(t *testing.T, p *Poller) {
	const rounds = 20_000
	var told atomic.Int64
	go func() {
		for range rounds {
			told.Add(1)
			p.Wake()
		}
	}()
	events := make([]Event, 1)
	for seen := int64(0); seen < rounds; seen = told.Load() {
		began := time.Now()
		if _, errno := p.Wait(events, time.Now().Add(patience)); errno != 0 {
			t.Fatal(errno)
		}
		if time.Since(began) >= patience {
			t.Fatalf("the poller was not woken after %d of %d", seen, rounds)
		}
	}
}

// Read and Send return counts and the system's errors, and pieces arrive in
// order.
func TestReadWrite(t *testing.T) {
	p := newPoller(t)
	a, b := pair(t)
	buf := make([]byte, 16)
	if n, errno := p.Read(a, buf); n != 0 || errno != syscall.EAGAIN {
		t.Errorf("reading nothing: %d, %v; want 0, EAGAIN", n, errno)
	}
	if n, errno := p.Send(b, [][]byte{[]byte("ab"), []byte("c"), []byte("def")}); n != 6 || errno != 0 {
		t.Errorf("Send: %d, %v; want 6", n, errno)
	}
	if n, errno := p.Read(a, buf); n != 6 || errno != 0 || !bytes.Equal(buf[:n], []byte("abcdef")) {
		t.Errorf("Read: %q, %v", buf[:n], errno)
	}
	piece := [][]byte{make([]byte, 1<<20)}
	for {
		n, errno := p.Send(b, piece)
		if errno == syscall.EAGAIN {
			break
		}
		if n == 0 || errno != 0 {
			t.Fatalf("filling a socket: %d, %v", n, errno)
		}
	}
	unix.Shutdown(a, unix.SHUT_RDWR)
	if _, errno := p.Send(b, piece); errno != syscall.EPIPE {
		t.Errorf("writing to a closed peer: %v, want EPIPE", errno)
	}
}

// A listener accepts connections to its addresses, returns their peers, and frees
// its port when it is closed, whatever connections it had.
func TestListenAndAccept(t *testing.T) {
	for _, test := range []struct{ listen, dial, peer string }{
		{"127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"::", "127.0.0.1", "127.0.0.1"},
		{"0.0.0.0", "127.0.0.1", "127.0.0.1"},
		{"::1", "::1", "::1"},
		{"::", "::1", "::1"},
	} {
		t.Run(test.listen+" from "+test.dial, func(t *testing.T) {
			p := newPoller(t)
			fd, err := Listen(netip.AddrPortFrom(netip.MustParseAddr(test.listen), 0))
			if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
				testenv.Lacks(t, "the address: "+err.Error())
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { Close(fd) }()
			at, err := LocalAddr(fd)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr(test.dial), at.Port()).String())
			if err != nil {
				testenv.Lacks(t, "a way to "+test.dial+": "+err.Error())
			}
			defer conn.Close()
			if errno := p.Add(fd, 1, Readable); errno != 0 {
				t.Fatal(errno)
			}
			wait(t, p)
			accepted, peer, errno := p.Accept(fd)
			if errno != 0 {
				t.Fatal(errno)
			}
			if peer.Addr().String() != test.peer || peer.String() != conn.LocalAddr().String() {
				t.Errorf("the peer is %v, want %v", peer, conn.LocalAddr())
			}
			p.Tune(accepted, peer.Addr(), time.Minute)
			for option, want := range map[int]int{unix.TCP_NODELAY: 1, unix.TCP_USER_TIMEOUT: 60_000, unix.TCP_KEEPIDLE: keepAliveIdle} {
				if got, err := unix.GetsockoptInt(accepted, unix.IPPROTO_TCP, option); got != want || err != nil {
					t.Errorf("TCP option %d is %d (%v), want %d", option, got, err, want)
				}
			}
			checkCongestion(t, accepted, plainCongestion)
			p.Tune(accepted, netip.MustParseAddr("192.0.2.1"), 0)
			checkCongestion(t, accepted, systemCongestion())
			if _, _, errno := p.Accept(fd); errno != syscall.EAGAIN {
				t.Errorf("a second Accept: %v, want EAGAIN", errno)
			}
			Close(accepted)
			Close(fd)
			fd, err = Listen(at)
			if err != nil {
				t.Errorf("the port is not free again: %v", err)
			}
		})
	}
}

// checkCongestion checks a connection's congestion control.
func checkCongestion(t *testing.T, fd int, want string) {
	t.Helper()
	if got, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION); got != want || err != nil {
		t.Errorf("the congestion control is %q (%v), want %q", got, err, want)
	}
}

// An error of Listen names the system call that failed.
func TestListenFails(t *testing.T) {
	first, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer Close(first)
	taken, err := LocalAddr(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		at   netip.AddrPort
		want syscall.Errno
	}{
		{taken, syscall.EADDRINUSE},
		{netip.MustParseAddrPort("192.0.2.77:0"), syscall.EADDRNOTAVAIL},
	} {
		fd, err := Listen(test.at)
		if err == nil {
			Close(fd)
		}
		var call *os.SyscallError
		if !errors.Is(err, test.want) || !errors.As(err, &call) || call.Syscall != "bind" {
			t.Errorf("listening on %v: %v, want %v from bind", test.at, err, test.want)
		}
	}
}

// The window of a peer that reads nothing is closed once it is full.
func TestWindowClosed(t *testing.T) {
	p := newPoller(t)
	fd, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	at, err := LocalAddr(fd)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.Add(fd, 1, Readable)
	wait(t, p)
	accepted, _, errno := p.Accept(fd)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer Close(accepted)
	if p.WindowClosed(accepted) {
		t.Error("the window of a new connection is closed")
	}
	deadline := time.Now().Add(patience)
	for piece := [][]byte{make([]byte, 1<<20)}; !p.WindowClosed(accepted); {
		if _, errno := p.Send(accepted, piece); errno != 0 && errno != syscall.EAGAIN {
			t.Fatal(errno)
		}
		if time.Now().After(deadline) {
			t.Fatal("the window of a peer that reads nothing stays open")
		}
	}
	a, _ := pair(t)
	if p.WindowClosed(a) {
		t.Error("a socket that has no window has it closed")
	}
}

// The calls on the hot path allocate nothing.
func TestNoAllocations(t *testing.T) { pollers(t, testNoAllocations) }

func testNoAllocations(t *testing.T, p *Poller) {
	a, b := pair(t)
	p.Add(a, 1, Readable)
	events := make([]Event, 8)
	buf := make([]byte, 512)
	stretches := [][]byte{buf[:256], buf[256:]}
	if n := testing.AllocsPerRun(100, func() {
		p.Send(b, stretches)
		p.Wait(events, time.Now())
		p.Read(a, buf)
		p.Read(a, buf) // EAGAIN
		p.Wake()
		p.Wait(events, time.Time{})
		p.CPUTime()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Wait returns when its time has come, and not before.
func TestWaitEnds(t *testing.T) {
	pollers(t, func(t *testing.T, p *Poller) {
		for _, d := range []time.Duration{-time.Hour, 0, time.Microsecond, 3 * time.Millisecond} {
			until := time.Now().Add(d)
			if n, errno := p.Wait(make([]Event, 1), until); n != 0 || errno != 0 && errno != syscall.EINTR {
				t.Errorf("%d events, errno %v", n, errno)
			} else if errno == 0 && time.Now().Before(until) {
				t.Errorf("a Wait of %v ends %v early", d, time.Until(until))
			}
		}
	})
}

// An instance that Go's poller can't take is waited for all the same, and closed
// once.
func TestParkerWithoutGo(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	blocked := false
	p := newParker(fd, func() bool { return false }, func(time.Time) { blocked = true })
	if p.park(time.Time{}); !blocked {
		t.Error("it does not wait by itself")
	}
	p.close()
	if err := syscall.Close(fd); err != syscall.EBADF {
		t.Errorf("the descriptor is still open: %v", err)
	}
}

func TestProbe(t *testing.T) {
	if err := Probe(); err != nil {
		t.Error(err)
	}
}
