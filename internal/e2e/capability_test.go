package e2e

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sop-chat/internal/testenv"
)

// largeRoom makes some members of a server send so many messages that the server
// sends by reference, where it can, and checks that every client receives all of
// them, also one that reads only in the end.
func largeRoom(t *testing.T, srv *server) {
	t.Helper()
	const members, n = 36, 2_000 // messages of each sender
	senders := []string{"a", "b"}
	var prompt []*reader
	for i := range members {
		prompt = append(prompt, join(t, srv, fmt.Sprint("prompt-", i)).reader(senders...))
	}
	late := joinNotReading(t, srv, "late").reader(senders...)
	a, b := join(t, srv, "a"), join(t, srv, "b")
	prompt = append(prompt, a.reader("b"), b.reader("a"))
	tasks := []task{
		beside(t, func() error { return a.flood(0, n) }),
		beside(t, func() error { return b.flood(0, n) }),
	}
	for _, r := range prompt {
		tasks = append(tasks, beside(t, func() error { return r.readAll(n) }))
	}
	wait(tasks...)
	late.c.restoreBuffer()
	if err := late.readAll(n); err != nil {
		t.Fatal(err)
	}
}

// System calls of the fast paths may be missing, or fail later. Then the server
// does without them, reports that once, and clients notice nothing.
func TestMissingFastPaths(t *testing.T) {
	t.Parallel()
	const (
		pieceSize = 64 << 10 // of the log; more than is tried with when the server starts
		copies    = "messages are always copied"
	)
	for _, test := range []struct {
		what    string
		refused []denial
		says    string
	}{
		{"no file in memory", []denial{deny(unix.SYS_MEMFD_CREATE, unix.ENOSYS)}, copies},
		{"no such file may be made", []denial{deny(unix.SYS_MEMFD_CREATE, unix.EACCES)}, copies},
		{"it has no size", []denial{deny(unix.SYS_FTRUNCATE, unix.EFBIG)}, copies},
		{"no punching", []denial{deny(unix.SYS_FALLOCATE, unix.EOPNOTSUPP)}, copies},
		{"no punching later", []denial{denyFrom(unix.SYS_FALLOCATE, unix.EOPNOTSUPP, 3, pieceSize)}, copies},
		{"punching is forbidden later", []denial{denyFrom(unix.SYS_FALLOCATE, unix.EPERM, 3, pieceSize)}, copies},
		{"no sendfile", []denial{deny(unix.SYS_SENDFILE, unix.ENOSYS)}, copies},
		{"no sendfile later", []denial{denyFrom(unix.SYS_SENDFILE, unix.EINVAL, 3, pieceSize)}, copies},
		{"sendfile is forbidden later", []denial{denyFrom(unix.SYS_SENDFILE, unix.EPERM, 3, pieceSize)}, copies},
		{"no pages later", []denial{denyFrom(unix.SYS_MADVISE, unix.EFAULT, 2, unix.MADV_POPULATE_WRITE)}, copies},
		{"an old madvise", []denial{denyFrom(unix.SYS_MADVISE, unix.EINVAL, 2, unix.MADV_POPULATE_WRITE)}, ""},
		{"no clock of a thread", []denial{denyFrom(unix.SYS_CLOCK_GETTIME, unix.EPERM, 0, unix.CLOCK_THREAD_CPUTIME_ID)}, ""},
		{"Go's poller does not take an epoll instance", []denial{denyFrom(unix.SYS_FCNTL, unix.EPERM, 1, unix.F_SETFL)}, ""},
		{"no options of sockets", []denial{deny(unix.SYS_SETSOCKOPT, unix.ENOPROTOOPT)}, ""},
		{"options of sockets are forbidden", []denial{deny(unix.SYS_SETSOCKOPT, unix.EPERM), deny(unix.SYS_GETSOCKOPT, unix.EPERM)}, ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			canDeny(t)
			srv := denying(t, []string{"--max-clients", "0", "--stall-timeout", "10m"}, test.refused...).start(t)
			largeRoom(t, srv)
			said := strings.Count(srv.stderr.String(), "level=WARN")
			switch {
			case test.says == "" && said > 0, test.says != "" && (said != 1 || !hasLine(srv.stderr.lines(), test.says)):
				t.Errorf("the server is to say once %q; it says:\n%s", test.says, srv.stderr)
			}
		})
	}
}

// If a system call that every server needs is refused, the server reports it and
// ends before it prints an invitation. (Without epoll and eventfd, no Go program
// gets that far.)
func TestMissingSystemCalls(t *testing.T) {
	t.Parallel()
	for call, number := range map[string]int{
		"accept4": unix.SYS_ACCEPT4, "sendto": unix.SYS_SENDTO, "sendmsg": unix.SYS_SENDMSG,
		"socket": unix.SYS_SOCKET, "bind": unix.SYS_BIND, "listen": unix.SYS_LISTEN,
	} {
		for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
			t.Run(call+" "+unix.ErrnoName(errno), func(t *testing.T) {
				t.Parallel()
				canDeny(t)
				srv := denying(t, nil, deny(number, errno)).launch(t)
				srv.expectEnd(1)
				if said := srv.stderr.lines(); len(said) != 1 || !hasLine(said, call, errno.Error()) {
					t.Errorf("the server says:\n%s", srv.stderr)
				}
			})
		}
	}
}

// With too few descriptors to begin, the server reports that. With hardly any, no
// Go program can wait for anything.
func TestTooFewDescriptors(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{8, 10, 16} {
		srv := setup{wrapper: []string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, limit), "sh"}}.launch(t)
		srv.expectEnd(1)
		if said := srv.stderr.lines(); len(said) != 1 || !hasLine(said, fmt.Sprintf("only %d descriptors", limit)) {
			t.Errorf("the server says:\n%s", srv.stderr)
		}
	}
}

// Without IPv6, every stage accepts IPv4.
func TestNoIPv6(t *testing.T) {
	t.Parallel()
	canDeny(t)
	for _, stage := range []string{"1", "2", "4"} {
		// A socket of IPv6 is refused, and so is what has a larger number.
		srv := denying(t, []string{"--stage", stage}, denyFrom(unix.SYS_SOCKET, unix.EAFNOSUPPORT, 0, unix.AF_INET6)).start(t)
		c := connect(t, srv)
		if stage == "1" {
			c.expectClosed()
			srv.expectEnd(0)
			continue
		}
		c.authenticate("a", key)
	}
}

// If the machine's addresses can't be found out, the server does not say that
// only this machine can join.
func TestUnknownAddresses(t *testing.T) {
	t.Parallel()
	canDeny(t)
	srv := denying(t, nil, denyFrom(unix.SYS_SOCKET, unix.EPERM, 0, unix.AF_NETLINK)).start(t)
	srv.stderr.waitForLine(t, fmt.Sprintf("others join with the key and an address of this machine: sop-chat join ADDRESS:%d", srv.port))
}

// canDeny skips a test if system calls can't be refused here.
func canDeny(t *testing.T) {
	t.Helper()
	switch runtime.GOARCH {
	case "amd64", "arm64": // the numbers and the arguments are where the filter looks for them
	default:
		testenv.Lacks(t, "a filter for system calls")
	}
}
