package bench

import (
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tcpPair returns the two ends of a connection.
func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		dialed.Close()
		accepted.Close()
	})
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// control does something with a connection's descriptor.
func control(t testing.TB, conn *net.TCPConn, do func(fd int)) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { do(int(fd)) }); err != nil {
		t.Fatal(err)
	}
}

// What is read is said to have arrived between its writing and its reading, and
// reading allocates nothing.
func TestArrival(t *testing.T) {
	here, there := tcpPair(t)
	control(t, here, stampArrivals)
	r := newStampedReader()
	// exchange passes on a few bytes that lie in the socket for a while.
	exchange := func(lie time.Duration) (ago, most time.Duration) {
		written := time.Now()
		if _, err := there.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		<-time.After(lie)
		control(t, here, func(fd int) {
			var b []byte
			var errno syscall.Errno
			if b, ago, errno = r.read(fd); string(b) != "hello" || errno != 0 {
				t.Fatalf("read %q, %v", b, errno)
			}
		})
		return ago, time.Since(written)
	}
	// The kernel begins a moment after it was asked to.
	for ago := time.Duration(0); ago == 0; {
		ago, _ = exchange(time.Millisecond)
	}
	const lie = 20 * time.Millisecond
	if ago, most := exchange(lie); ago < lie/2 || ago > most {
		t.Errorf("it arrived %v ago, want %v to %v", ago, lie, most)
	}
	control(t, here, func(fd int) {
		if n := testing.AllocsPerRun(10, func() { r.read(fd) }); n > 0 {
			t.Errorf("%v allocations", n)
		}
		if _, _, errno := r.read(fd); errno != unix.EAGAIN {
			t.Errorf("nothing is there: %v", errno)
		}
	})
	there.Close()
	readToEnd(t, here, r)
}

// readToEnd reads until there is nothing more to come.
func readToEnd(t testing.TB, conn *net.TCPConn, r *stampedReader) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Read(func(fd uintptr) bool {
		b, ago, errno := r.read(int(fd))
		if errno == 0 && len(b) == 0 && ago != 0 {
			t.Errorf("the end arrived %v ago", ago)
		}
		return errno == 0 && len(b) == 0
	}); err != nil {
		t.Fatal(err)
	}
}

// A socket that does not note the time says that everything has just arrived.
func TestArrivalUnknown(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	if _, err := unix.Write(fds[0], []byte("hello")); err != nil {
		t.Fatal(err)
	}
	b, ago, errno := newStampedReader().read(fds[1])
	if string(b) != "hello" || ago != 0 || errno != syscall.Errno(0) {
		t.Errorf("read %q, %v ago, %v", b, ago, errno)
	}
}
