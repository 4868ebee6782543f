package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// testTimeout is how long a test waits for a condition.
const testTimeout = 30 * time.Second

// A running is a command that was started.
type running struct {
	t      testing.TB
	port   int
	stdout *screen
	stderr *screen
	stop   context.CancelFunc
	status chan int
}

// start runs a command with PORT and more arguments until the test ends, and
// returns when it listens.
func start(t testing.TB, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{
		t: t, port: freePort(t), stdout: newScreen(), stderr: newScreen(), stop: stop, status: make(chan int, 1),
	}
	p := process(append([]string{strconv.Itoa(r.port)}, args...))
	p.Stdout, p.Stderr = r.stdout, r.stderr
	go func() {
		r.status <- Run(ctx, p)
		r.stdout.end()
		r.stderr.end()
	}()
	t.Cleanup(stop)
	r.stderr.waitFor(t, "listening on port")
	return r
}

// expectEnd waits for the command's end.
func (r *running) expectEnd(want int) {
	r.t.Helper()
	select {
	case status := <-r.status:
		if status != want {
			r.t.Errorf("status %d, want %d: %s", status, want, r.stderr)
		}
	case <-time.After(testTimeout):
		r.t.Fatal("the command does not end")
	}
}

// connect returns a connection that does not outlast the test.
func (r *running) connect() net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	return conn
}

// send writes one message.
func (r *running) send(conn net.Conn, name, text string) {
	r.t.Helper()
	m := message(r.t, name, text)
	if _, err := conn.Write(m[:]); err != nil {
		r.t.Fatal(err)
	}
}

// expect reads one message.
func (r *running) expect(conn net.Conn, name, text string) {
	r.t.Helper()
	var got wire.Message
	if _, err := io.ReadFull(conn, got[:]); err != nil {
		r.t.Fatal(err)
	}
	if got != message(r.t, name, text) {
		r.t.Fatalf("received %q: %q, want %q: %q", got.Name(), got.Text(), name, text)
	}
}

// expectEOF checks that the connection ends and nothing comes before.
func (r *running) expectEOF(conn net.Conn) {
	r.t.Helper()
	if n, err := io.Copy(io.Discard, conn); n > 0 || err != nil {
		r.t.Fatalf("received %d bytes and %v, want the end", n, err)
	}
}

func message(t testing.TB, name, text string) wire.Message {
	t.Helper()
	m, err := wire.New(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// A screen keeps what is written to it and can wait for more.
type screen struct {
	mu    sync.Mutex
	more  sync.Cond
	text  bytes.Buffer
	ended bool
}

func newScreen() *screen {
	s := new(screen)
	s.more.L = &s.mu
	return s
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.more.Broadcast()
	return s.text.Write(p)
}

func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.more.Broadcast()
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// waitFor waits until a text was written.
func (s *screen) waitFor(t testing.TB, text string) {
	t.Helper()
	timeout := time.AfterFunc(testTimeout, s.end)
	defer timeout.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !strings.Contains(s.text.String(), text) {
		if s.ended {
			t.Fatalf("there is no %q in:\n%s", text, s.text.String())
		}
		s.more.Wait()
	}
}
