package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// key is the room's key unless a test sets another. No other word of the server's
// output contains it.
const key = "Sesam-0ffne-dich"

// A server is a running process of the binary.
type server struct {
	t      testing.TB
	cmd    *exec.Cmd
	port   int
	stdout *output // empty if the setup gave a file
	stderr *output
	done   chan struct{} // closed when the process and its output have ended
}

// A setup says how to run a server. The zero value runs one with its defaults.
type setup struct {
	flags   []string
	env     []string   // NAME=value
	key     []string   // the KEY argument, if not the constant key
	stdout  *os.File   // where stdout goes, if not into server.stdout
	stderr  *os.File   // likewise
	port    int        // if not any free one
	belongs *os.File   // the terminal it belongs to, if not that of the tests
	wrapper []string   // a command that ends by executing its arguments
	program string     // the server, if not the one that all tests run
	passed  []*os.File // further descriptors, from 3 on
}

// start runs a server with flags, and returns when it says that it listens.
func start(t testing.TB, flags ...string) *server {
	t.Helper()
	return setup{flags: flags}.start(t)
}

// start runs a server, and returns when it says that it listens.
func (s setup) start(t testing.TB) *server {
	t.Helper()
	srv := s.launch(t)
	srv.stderr.waitForLine(t, strconv.Itoa(srv.port))
	return srv
}

// launch runs a server. At the test's end it sends SIGTERM, in whatever state the
// server is, and fails the test if the server does not end with status 0.
func (s setup) launch(t testing.TB) *server {
	t.Helper()
	if s.port == 0 {
		s.port = freePort(t)
	}
	if s.key == nil {
		s.key = []string{key}
	}
	if s.program == "" {
		s.program = binary
	}
	argv := slices.Concat(s.wrapper, []string{s.program}, s.flags, []string{strconv.Itoa(s.port)}, s.key)
	srv := &server{t: t, port: s.port, stdout: new(output), stderr: new(output), done: make(chan struct{})}
	srv.cmd = exec.Command(argv[0], argv[1:]...)
	srv.cmd.Env = environment(s.env...)
	srv.cmd.Stdout, srv.cmd.Stderr = srv.stdout, srv.stderr
	if s.stdout != nil {
		srv.cmd.Stdout = s.stdout
	}
	if s.stderr != nil {
		srv.cmd.Stderr = s.stderr
	}
	srv.cmd.ExtraFiles = s.passed
	if s.belongs != nil {
		srv.cmd.Stdin = s.belongs
		srv.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	if err := srv.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go srv.wait()
	t.Cleanup(srv.cleanUp)
	return srv
}

// environment is the tests' own, without what changes the server's behaviour,
// and with the given variables.
func environment(with ...string) []string {
	var env []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case strings.HasPrefix(name, "SOP_CHAT_"), name == "NO_COLOR", name == "TERM", name == "XDG_RUNTIME_DIR", name == "RUNTIME_DIRECTORY":
		default:
			env = append(env, variable)
		}
	}
	// A program with the race detector waits a second before it ends, unless told not to.
	env = append(env, "TERM=xterm-256color", "GORACE=atexit_sleep_ms=0")
	return append(env, with...)
}

// lastPort is where freePort begins to search. Each run of the tests begins
// elsewhere.
var lastPort atomic.Int64

func init() { lastPort.Store(rand.Int64N(20_000)) }

// freePort returns a free port that the kernel never chooses by itself: any other
// could become the local port of a client meanwhile.
func freePort(t testing.TB) int {
	t.Helper()
	for range 20_000 {
		port := 10_000 + int(lastPort.Add(1)%20_000)
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("there is no free port")
	return 0
}

func (s *server) wait() {
	s.cmd.Wait()
	s.stdout.Close()
	s.stderr.Close()
	close(s.done)
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// address returns the address at which the GUI client reaches the server: IPv4,
// on this host.
func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && err != os.ErrProcessDone {
		s.t.Fatal(err)
	}
}

// waitEnd waits for the process to end, and returns its state and how long it
// took.
func (s *server) waitEnd() (syscall.WaitStatus, time.Duration) {
	s.t.Helper()
	begun := time.Now()
	select {
	case <-s.done:
	case <-time.After(testTimeout):
		s.dumpGoroutines()
		s.t.Fatalf("in vain waited %v for the server's end; it says:\n%s", testTimeout, s.stderr)
	}
	return s.cmd.ProcessState.Sys().(syscall.WaitStatus), time.Since(begun)
}

// dumpGoroutines ends a stuck process so that it prints its goroutines, which Go
// does on the second SIGQUIT at the latest.
func (s *server) dumpGoroutines() {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		s.signal(syscall.SIGQUIT)
		select {
		case <-s.done:
			return
		case <-again.C:
		}
	}
}

// expectEnd checks that the process ends with a status.
func (s *server) expectEnd(status int) {
	s.t.Helper()
	if got, _ := s.waitEnd(); !got.Exited() || got.ExitStatus() != status {
		s.t.Errorf("the server ended with %v, want status %d; it says:\n%s", s.cmd.ProcessState, status, excerpt(s.stderr.String()))
	}
}

// expectAlive checks that the server works: two new clients, which need two free
// slots, exchange a message.
func (s *server) expectAlive() {
	s.t.Helper()
	a, b := joinEventually(s.t, s, "alive 1"), joinEventually(s.t, s, "alive 2")
	b.expect(a.say("is anybody there?"))
	a.expect(b.say("yes"))
	a.Close()
	b.Close()
}

// kill ends a server whose reaction to signals is not under test.
func (s *server) kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
	s.waitEnd()
}

func (s *server) cleanUp() {
	select {
	case <-s.done: // The test has ended it, and said how it was to end.
	default:
		s.signal(syscall.SIGTERM)
		s.expectEnd(0)
	}
	for _, bad := range []string{"DATA RACE", "panic:", "goroutine 1 ["} {
		if strings.Contains(s.stderr.String(), bad) {
			s.t.Errorf("the server reports %q:\n%s", bad, excerpt(s.stderr.String()))
		}
	}
}
