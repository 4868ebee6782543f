package command

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The server works from its arguments to the last line on its console, and the key
// is never on standard error.
func TestServe(t *testing.T) {
	r := start(t, "open sesame", "--log-level", "debug")
	alice, bob := r.connect(), r.connect()
	r.send(alice, "alice", "open sesame")
	r.expect(alice, "alice", "open sesame")
	r.send(bob, "bob", "open sesame")
	r.expect(bob, "bob", "open sesame")
	r.send(alice, "alice", "hello")
	r.expect(bob, "alice", "hello")
	r.stop()
	r.expectEnd(0)
	r.expectEOF(alice)
	r.expectEOF(bob)
	r.stdout.waitFor(t, "\nalice: hello\n")
	r.stderr.waitFor(t, fmt.Sprintf("sop-chat: listening on port %d, all addresses; at most 4 clients\n", r.port))
	if strings.Contains(r.stderr.String(), "sesame") {
		t.Errorf("standard error tells the key:\n%s", r.stderr)
	}
}

func TestServeJSON(t *testing.T) {
	r := start(t, "key", "--console", "json")
	alice := r.connect()
	r.send(alice, "alice", "key")
	r.expect(alice, "alice", "key")
	r.stop()
	r.expectEnd(0)
	if r.stdout.String() == "" {
		t.Error("nothing is shown")
	}
	for line := range strings.Lines(r.stdout.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestServeWithoutConsole(t *testing.T) {
	r := start(t, "key", "--console", "off")
	alice := r.connect()
	r.send(alice, "alice", "key")
	r.expect(alice, "alice", "key")
	r.stop()
	r.expectEnd(0)
	if shown := r.stdout.String(); shown != "" {
		t.Errorf("shown: %s", shown)
	}
}

// A host name may have several addresses; all of them are listened on.
func TestServeOnName(t *testing.T) {
	r := start(t, "key", "--bind", "localhost")
	r.stderr.waitFor(t, "only this machine can join")
	r.connect()
}

func TestWarnsOfKeyBeyondASCII(t *testing.T) {
	r := start(t, "schlüssel")
	r.stderr.waitFor(t, "the key is not ASCII, so the GUI client can't send it")
	if strings.Contains(r.stderr.String(), "schl") {
		t.Errorf("standard error tells the key:\n%s", r.stderr)
	}
}

// The first SIGINT or SIGTERM ends the server with status 0.
func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		r := start(t, "key", "--log-level", "debug")
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		r.expectEnd(0)
		r.stderr.waitFor(t, "msg=ending signal="+sig.String())
	}
}

// If nobody reads standard output, the server ends anyway, and reports that.
func TestStuckOutput(t *testing.T) {
	r := start(t, "key")
	r.stdout.mu.Lock() // now every Write is stuck
	alice := r.connect()
	r.send(alice, "alice", "key")
	r.expect(alice, "alice", "key")
	r.stop()
	r.stderr.waitFor(t, "nobody reads standard output")
	r.stdout.mu.Unlock()
	r.expectEnd(0)
}

// If nobody reads standard error, the server works and ends anyway.
func TestStuckErrors(t *testing.T) {
	stderr, stuck := io.Pipe()
	defer stderr.Close()
	port := freePort(t)
	p := process([]string{strconv.Itoa(port), "key", "--stage", "1"})
	p.Stderr = stuck
	status := make(chan int)
	go func() { status <- Run(t.Context(), p) }()
	for {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			break
		}
	}
	if got := <-status; got != 0 {
		t.Errorf("status %d", got)
	}
}

// An error at run time ends the server with status 1 and one line.
func TestFailures(t *testing.T) {
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	tests := []struct {
		args []string
		want string
	}{
		{[]string{port, "key"}, "port " + port + " is already in use on all addresses"},
		{[]string{port, "key", "--bind", "127.0.0.1"}, "port " + port + " is already in use on 127.0.0.1"},
		{[]string{port, "key", "--stage", "1"}, "port " + port + " is already in use on all addresses"},
		{[]string{"9000", "key", "--bind", "192.0.2.77"}, "192.0.2.77 is not an address of this machine"},
		{[]string{"9000", "key", "--bind", "no host"}, `"no host" is neither an IP address nor a host name`},
		{[]string{"9000", "key", "--stage", "2", "--bind", "no host"}, `"no host" is neither an IP address nor a host name`},
	}
	for _, test := range tests {
		status, _, stderr := result(t, process(test.args))
		if status != 1 || !strings.HasPrefix(stderr, "sop-chat: "+test.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: status %d: %s", test.args, status, stderr)
		}
	}
}
