package e2e

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// logLines makes the server write to its log: each client leaves in the middle of
// a message, and has a long name.
func logLines(t testing.TB, srv *server, times int) {
	t.Helper()
	name := strings.Repeat("n", wire.NameSize)
	for range times {
		c := joinEventually(t, srv, name)
		c.Write([]byte("part"))
		c.halfClose()
		c.expectClosed()
	}
}

// startWithLog runs a server whose stderr is a pipe, and returns the pipe's other
// end when the server listens.
func startWithLog(t testing.TB) (srv *server, log *os.File) {
	t.Helper()
	in, log := pipe(t)
	srv = setup{stderr: in}.launch(t)
	in.Close()
	log.SetReadDeadline(time.Now().Add(testTimeout))
	var said []byte
	for chunk := make([]byte, 1024); !strings.Contains(string(said), strconv.Itoa(srv.port)); {
		n, err := log.Read(chunk)
		if err != nil {
			t.Fatalf("reading the log: %v; it is:\n%s", err, said)
		}
		said = append(said, chunk[:n]...)
	}
	return srv, log
}

// If nobody reads the log any more, the chat goes on, and the server can be
// ended. When the log is read again, it goes on, too.
func TestStderrStuck(t *testing.T) {
	t.Parallel()
	srv, log := startWithLog(t)
	a, b := join(t, srv, "a"), join(t, srv, "b")
	logLines(t, srv, 1000) // A pipe takes a few hundred lines.
	b.expect(a.say("it goes on"))
	reading := beside(t, func() error {
		_, err := io.Copy(io.Discard, log)
		return err
	})
	srv.signal(syscall.SIGINT)
	srv.expectEnd(0)
	wait(reading)
}

// A log that stays stuck does not keep the server from ending.
func TestStderrStuckForever(t *testing.T) {
	t.Parallel()
	srv, _ := startWithLog(t)
	logLines(t, srv, 1000)
	srv.signal(syscall.SIGINT)
	_, took := srv.waitEnd()
	srv.expectEnd(0)
	if took > within(time.Second) {
		t.Errorf("it took %v, want at most a second", took)
	}
}

// If the reader of the log goes away, the server goes on.
func TestStderrClosed(t *testing.T) {
	t.Parallel()
	srv, log := startWithLog(t)
	log.Close()
	for i := range 5 {
		logLines(t, srv, 1)
		join(t, srv, fmt.Sprint("after ", i)).Close()
	}
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
}
