package e2e

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// When its terminal closes, the server ends as with SIGTERM, and every message
// that a client has received is kept. The server may get the signal twice: from
// the shell, too.
func TestTerminalCloses(t *testing.T) {
	t.Parallel()
	const n = 300
	screen, terminal := openTerminal(t)
	path := historyFile(t)
	srv := setup{flags: []string{"--history", path, "--history-sync", "10s"}, belongs: terminal}.start(t)
	terminal.Close()
	a, b := join(t, srv, "a"), join(t, srv, "b")
	sent := beside(t, func() error { return a.flood(0, n) })
	if err := b.reader("a").readAll(n); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	screen.Close()
	srv.signal(syscall.SIGHUP)
	b.expectClosed()
	srv.signal(syscall.SIGHUP)
	srv.expectEnd(0)
	if kept := readHistory(t, path, 0); len(kept) != n {
		t.Errorf("%d messages are kept, want %d", len(kept), n)
	}
}

// Without a terminal, and under nohup, SIGHUP is ignored.
func TestHangupIgnored(t *testing.T) {
	t.Parallel()
	t.Run("no terminal", func(t *testing.T) {
		srv := setup{wrapper: []string{"setsid"}}.start(t)
		srv.signal(syscall.SIGHUP)
		srv.expectAlive()
	})
	t.Run("nohup", func(t *testing.T) {
		screen, terminal := openTerminal(t)
		srv := setup{wrapper: []string{"nohup"}, belongs: terminal}.start(t)
		terminal.Close()
		screen.Close()
		srv.signal(syscall.SIGHUP)
		srv.expectAlive()
	})
}

// A file that has reached its size limit can't be written. That does not end the
// server.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	srv := setup{stdout: file, wrapper: []string{"sh", "-c", `ulimit -f 8; exec "$@"`, "sh"}}.start(t)
	const n = 2000
	a, b := join(t, srv, "a"), join(t, srv, "b")
	sent := beside(t, func() error { return a.flood(0, n) })
	if err := b.reader("a").readAll(n); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	srv.stderr.waitForLine(t, "the console cannot write")
	srv.expectAlive()
}

// A server in the background prints to its terminal, even if the terminal stops
// other processes that do (stty tostop).
func TestPrintInBackground(t *testing.T) {
	t.Parallel()
	screen, terminal := openTerminal(t)
	const background = `set -m; stty tostop; "$@" & trap "kill $!" TERM; wait $!; wait $!`
	srv := setup{wrapper: []string{"sh", "-c", background, "sh"}, stdout: terminal, belongs: terminal}.start(t)
	terminal.Close()
	go io.Copy(srv.stdout, screen) // Ends with the server.
	a, b := join(t, srv, "a"), join(t, srv, "b")
	for _, text := range []string{"one", "two"} {
		b.expect(a.say(text))
		srv.stdout.waitForLine(t, text)
	}
}
