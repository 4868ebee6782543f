package e2e

import (
	"io"
	"os"
	"syscall"
	"testing"

	"sop-chat/internal/testenv"
)

// pipe returns the two ends of a pipe whose writer blocks, like a shell's.
func pipe(t testing.TB) (in, out *os.File) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); out.Close() })
	if err := syscall.SetNonblock(int(in.Fd()), false); err != nil {
		t.Fatal(err)
	}
	return in, out
}

// startStuck runs a server whose stdout is a pipe that nobody reads yet.
func startStuck(t testing.TB, flags ...string) (srv *server, out *os.File) {
	t.Helper()
	in, out := pipe(t)
	srv = setup{flags: flags, stdout: in}.start(t)
	in.Close()
	return srv, out
}

// If nobody reads stdout, the chat goes on. When it is read again, the console
// prints the messages that it has kept, and how many it left out.
func TestStdoutStuck(t *testing.T) {
	t.Parallel()
	const n = 30_000
	srv, out := startStuck(t, "--backlog", "1MiB")
	a, b := join(t, srv, "a"), join(t, srv, "b")
	sent := beside(t, func() error { return a.flood(0, n) })
	if err := b.reader("a").readAll(n); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	var printed output
	go io.Copy(&printed, out) // Ends with the server.
	printed.waitFor(t, "all messages, printed or counted", func(s string) bool {
		lines := wholeLines(s)
		return countMessages(lines, "a")+countLeftOut(lines) >= n
	})
	lines := printed.lines()
	shown, leftOut := countMessages(lines, "a"), countLeftOut(lines)
	if shown+leftOut != n || leftOut == 0 {
		t.Errorf("%d messages are printed and %d left out, want %d together", shown, leftOut, n)
	}
	b.expect(a.say("it goes on"))
	printed.waitForLine(t, "a: it goes on")
}

// If the reader of stdout goes away, the server goes on.
func TestStdoutClosed(t *testing.T) {
	t.Parallel()
	srv, out := startStuck(t)
	srv.expectAlive()
	out.Close()
	for range 10 {
		srv.expectAlive()
	}
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
}

// startClosed runs a server whose stdout is closed.
func startClosed(t testing.TB) *server {
	t.Helper()
	in, out := pipe(t)
	out.Close()
	srv := setup{stdout: in}.start(t)
	in.Close()
	return srv
}

// It makes no difference whether stdout was closed from the beginning, was never
// open, or can't be written.
func TestStdoutUnusable(t *testing.T) {
	t.Parallel()
	t.Run("closed before", func(t *testing.T) { startClosed(t).expectAlive() })
	t.Run("never open", func(t *testing.T) {
		setup{wrapper: []string{"sh", "-c", `exec "$@" >&-`, "sh"}}.start(t).expectAlive()
	})
	t.Run("full disk", func(t *testing.T) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			testenv.Lacks(t, err.Error())
		}
		defer full.Close()
		setup{stdout: full}.start(t).expectAlive()
	})
}
