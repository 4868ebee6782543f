package e2e

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/testenv"
)

// The signals that end the server do so with status 0 within a second, in
// whatever state it is, and the port can be bound again at once.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, state := range states {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGXCPU} {
			t.Run(fmt.Sprint(state.what, ", ", sig), func(t *testing.T) {
				srv := state.begin(t)
				srv.signal(sig)
				_, took := srv.waitEnd()
				srv.expectEnd(0)
				if took > within(time.Second) {
					t.Errorf("it took %v, want at most a second", took)
				}
				l, err := net.Listen("tcp", fmt.Sprintf(":%d", srv.port))
				if err != nil {
					t.Fatalf("binding the port again: %v", err)
				}
				l.Close()
			})
		}
	}
}

// within returns how long something that takes d may take on a shared machine, or
// with the race detector.
func within(d time.Duration) time.Duration {
	if raceEnabled {
		return 5 * d
	}
	return 2 * d
}

// Every client that is connected when the server ends sees a close.
func TestSignalClosesAll(t *testing.T) {
	t.Parallel()
	srv := start(t, "--auth-timeout", "10m")
	clients := append(joinMany(t, srv, 3), connect(t, srv))
	srv.signal(syscall.SIGINT)
	for _, c := range clients {
		c.expectFullyClosed()
	}
	srv.expectEnd(0)
}

// A second server can bind the port of one that ended, while the connections of
// the first still linger in the kernel.
func TestRestart(t *testing.T) {
	t.Parallel()
	first := start(t)
	joinMany(t, first, 4)
	first.signal(syscall.SIGTERM)
	first.expectEnd(0)
	second := setup{port: first.port}.start(t)
	second.expectAlive()
}

// Every message that a client has received when the signal comes is printed
// before the end.
func TestSignalPrintsAccepted(t *testing.T) {
	t.Parallel()
	const n = 5000
	srv := start(t)
	a, b := join(t, srv, "a"), join(t, srv, "b")
	sent := beside(t, func() error { return a.flood(0, n) })
	if err := b.reader("a").readAll(n); err != nil {
		t.Fatal(err)
	}
	srv.signal(syscall.SIGINT)
	srv.expectEnd(0)
	wait(sent)
	if printed := countMessages(srv.stdout.lines(), "a"); printed != n {
		t.Errorf("%d messages are printed, want %d", printed, n)
	}
}

// In the middle of a flood, too, every message that was received is printed, or
// counted among those that were left out.
func TestSignalPrintsDuringFlood(t *testing.T) {
	t.Parallel()
	srv := start(t)
	tr := startTraffic(t, srv)
	tr.waitForMore(3000)
	srv.signal(syscall.SIGINT)
	srv.expectEnd(0)
	if err := tr.to.result(); !isClose(err) {
		t.Error(err)
	}
	lines := srv.stdout.lines()
	printed, received := countMessages(lines, "from")+countLeftOut(lines), int(tr.received.count.Load())
	if printed < received {
		t.Errorf("%d messages are printed, but %d were received", printed, received)
	}
}

// A second SIGINT ends the server at once, even if something is stuck.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	srv, _ := startStuck(t)
	watcher := connect(t, srv)
	startTraffic(t, srv).waitForMore(20_000)
	srv.signal(syscall.SIGINT)
	watcher.expectClosed() // The first signal has been noticed.
	srv.signal(syscall.SIGINT)
	if _, took := srv.waitEnd(); took > within(250*time.Millisecond) {
		t.Errorf("it took %v", took)
	}
}

// A signal that comes while a server ends by itself does not change its status,
// neither at once nor while it only waits for a standard error that nobody reads,
// for a quarter of a second.
func TestSignalAtEnd(t *testing.T) {
	t.Parallel()
	for range scaled(5, 50) {
		srv := start(t, "--stage", "1")
		connect(t, srv).expectClosed()
		srv.signal(syscall.SIGTERM)
		srv.expectEnd(0)
	}
	in, _ := pipe(t)
	size, err := unix.FcntlInt(in.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	srv := setup{flags: []string{"--stage", "1"}, stderr: in}.launch(t)
	var c *client
	eventually(t, "it listens", func() bool {
		c, err = tryConnect(srv, net.Dialer{})
		return err == nil
	})
	defer c.Close()
	c.in(t).expectClosed()
	select {
	case <-srv.done:
	case <-time.After(100 * time.Millisecond):
	}
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
}

// Stage 3 is the chat without its last stage: SIGINT has its default effect.
func TestStage3Signal(t *testing.T) {
	t.Parallel()
	if signal.Ignored(os.Interrupt) {
		testenv.Lacks(t, "SIGINT: the process that started the tests ignores it, and so do all its children")
	}
	srv := start(t, "--stage", "3")
	srv.expectAlive()
	srv.signal(syscall.SIGINT)
	if status, _ := srv.waitEnd(); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("the server ended with %v, want death by SIGINT", srv.cmd.ProcessState)
	}
}
