package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/testenv"
	"sop-chat/internal/wire"
)

// A joiner is a running `sop-chat join`.
type joiner struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	stdout *output
	stderr *output
	done   chan struct{}
}

// startJoin runs join with pipes, as a script does.
func startJoin(t testing.TB, srv *server, flags ...string) *joiner {
	t.Helper()
	return startJoinAt(t, srv.address(), flags...)
}

func startJoinAt(t testing.TB, address string, flags ...string) *joiner {
	t.Helper()
	return startJoinWith(t, nil, address, flags...)
}

func startJoinWith(t testing.TB, env []string, address string, flags ...string) *joiner {
	t.Helper()
	args := append([]string{"join", "--name", "alice", address}, flags...)
	j := &joiner{t: t, stdout: new(output), stderr: new(output), done: make(chan struct{})}
	j.cmd = exec.Command(binary, args...)
	j.cmd.Env = environment(append(env, "SOP_CHAT_KEY="+key)...)
	j.cmd.Stdout, j.cmd.Stderr = j.stdout, j.stderr
	var err error
	if j.in, err = j.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		j.cmd.Wait()
		j.stdout.Close()
		j.stderr.Close()
		close(j.done)
	}()
	t.Cleanup(func() {
		j.cmd.Process.Kill()
		<-j.done
	})
	return j
}

// ends waits for the end, and checks the status and the error.
func (j *joiner) ends(status int, says string) {
	j.t.Helper()
	select {
	case <-j.done:
	case <-time.After(testTimeout):
		j.t.Fatalf("join does not end; it says:\n%s", j.stderr)
	}
	if got := j.cmd.ProcessState.ExitCode(); got != status {
		j.t.Errorf("status %d, want %d: %s", got, status, j.stderr)
	}
	if got := j.stderr.String(); says == "" && got != "" || !strings.Contains(got, says) || strings.Count(got, "\n") > 1 {
		j.t.Errorf("it says %q, want one line with %q", got, says)
	}
}

// `uptime | sop-chat join` sends one message, which arrives, and leaves.
func TestJoinPipe(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	alice := startJoin(t, srv)
	io.WriteString(alice.in, "up 3 days\n")
	alice.in.Close()
	bob.expect(message("alice", "up 3 days"))
	alice.ends(0, "")
	nothing := startJoin(t, srv)
	nothing.in.Close()
	nothing.ends(0, "")
}

// None of many lines is lost, even if other clients write to the sender all the
// time: closing with unread data would reset the connection.
func TestJoinLosesNothing(t *testing.T) {
	t.Parallel()
	srv := start(t)
	lines := scaled(5_000, 50_000)
	bob := join(t, srv, "bob")
	for range scaled(3, 10) {
		alice := startJoin(t, srv)
		go func() {
			in := bufio.NewWriter(alice.in)
			for i := range lines {
				fmt.Fprintln(in, i)
			}
			in.Flush()
			alice.in.Close()
		}()
		for i := range lines {
			bob.expect(message("alice", fmt.Sprint(i)))
			if i%10 == 0 {
				bob.say("meanwhile")
			}
		}
		alice.ends(0, "")
	}
}

// In a shell `| grep` gets the lines as they come. After `| head` the client
// ends, even if no message comes and its input goes on.
func TestJoinInShell(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		testenv.Lacks(t, "bash")
	}
	srv := start(t)
	bob := join(t, srv, "bob")
	script := fmt.Sprintf(`%s join --name alice %s | head -2 | grep --line-buffered deploy; echo "${PIPESTATUS[*]}"`, binary, srv.address())
	shell := exec.Command("bash", "-c", script)
	shell.Env = environment("SOP_CHAT_KEY=" + key)
	in, err := shell.StdinPipe() // never closed
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	shown := new(output)
	shell.Stdout, shell.Stderr = shown, os.Stderr
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	srv.stdout.waitForLine(t, "alice", "joined")
	bob.say("nothing to see")
	bob.say("deploy is done")
	end := time.AfterFunc(testTimeout, func() { shell.Process.Kill() })
	defer end.Stop()
	if err := shell.Wait(); err != nil || shown.String() != "bob: deploy is done\n0 0 0\n" {
		t.Errorf("%v: %q", err, shown)
	}
}

// Lines are escaped as the console's are; objects say it all.
func TestJoinOutput(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	lines, objects := startJoin(t, srv), startJoin(t, srv, "--json")
	srv.stdout.waitForLine(t, "alice", "joined")
	eventually(t, "both have joined", func() bool { return strings.Count(srv.stdout.String(), `"alice" joined`) == 2 })
	bob.say("two\nlines \x1b[2J\u202e")
	lines.stdout.waitForLine(t, "bob")
	if want := `bob: two\nlines \x1b[2J\u{202e}` + "\n"; lines.stdout.String() != want {
		t.Errorf("printed %q, want %q", lines.stdout, want)
	}
	objects.stdout.waitForLine(t, "bob")
	var got struct{ Event, Name, Text string }
	if err := json.Unmarshal([]byte(objects.stdout.String()), &got); err != nil || got.Event != "message" || got.Name != "bob" || got.Text != "two\nlines \x1b[2J\u202e" {
		t.Errorf("printed %s: %v", objects.stdout, err)
	}
}

// A signal ends the client in order, with the status that shells give to it.
func TestJoinSignals(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	for signal, status := range map[syscall.Signal]int{syscall.SIGHUP: 129, syscall.SIGINT: 130, syscall.SIGQUIT: 131, syscall.SIGTERM: 143} {
		alice := startJoin(t, srv)
		io.WriteString(alice.in, "before the signal\n")
		bob.expect(message("alice", "before the signal"))
		alice.cmd.Process.Signal(signal)
		alice.ends(status, "")
	}
	stays := startJoin(t, srv, "--stay")
	stays.in.Close()
	eventually(t, "it has joined", func() bool { return strings.Count(srv.stdout.String(), `"alice" joined`) == 5 })
	bob.say("for who stays")
	stays.stdout.waitForLine(t, "bob: for who stays")
	stays.cmd.Process.Signal(syscall.SIGTERM)
	stays.ends(143, "")
}

// With --stay the client needs no server when it starts, and outlives any that is killed.
func TestJoinStay(t *testing.T) {
	t.Parallel()
	s := setup{port: freePort(t)}
	address := fmt.Sprintf("127.0.0.1:%d", s.port)
	alice := startJoinAt(t, address, "--stay")
	alice.stderr.waitForLine(t, "nobody listens at "+address, "trying again")
	io.WriteString(alice.in, "early\n")
	alice.in.Close()
	for i := range 2 {
		srv := s.start(t)
		srv.stdout.waitForLine(t, `"alice" joined`)
		alice.stderr.waitForLine(t, "joined "+address+" as alice")
		if i == 0 {
			srv.stdout.waitForLine(t, "alice: early")
		}
		bob := join(t, srv, "bob")
		bob.say(fmt.Sprint("over connection ", i))
		alice.stdout.waitForLine(t, fmt.Sprint("bob: over connection ", i))
		srv.kill()
		alice.stderr.waitForLine(t, "joining again")
	}
	alice.cmd.Process.Signal(syscall.SIGTERM)
	<-alice.done
	if got := alice.cmd.ProcessState.ExitCode(); got != 143 {
		t.Errorf("status %d: %s", got, alice.stderr)
	}

	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() {
		for {
			c, err := other.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, strings.Repeat("printer\n", wire.Size/8))
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	startJoinAt(t, other.Addr().String(), "--stay").ends(1, "is not a sop-chat server")
}

// Errors are reported in one line, with what to do.
func TestJoinFailures(t *testing.T) {
	t.Parallel()
	srv := start(t, "--max-clients", "1")
	bob := join(t, srv, "bob")
	startJoin(t, srv).ends(1, srv.address()+" did not let us in: the key is wrong, the room is full, or the name is taken")
	bob.Close()
	alice := startJoin(t, srv)
	srv.stdout.waitForLine(t, "alice", "joined")
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	alice.ends(1, "the server closed the connection")
	startJoin(t, srv).ends(1, "nobody listens at "+srv.address())
	startJoinAt(t, "no-such-host.invalid:9000").ends(1, `"no-such-host.invalid" can't be looked up`)
}

// Messages that were not sent because of a signal or the end of the connection
// are reported.
func TestJoinUnsent(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, test := range []struct {
		what   string
		end    func(j *joiner, conn net.Conn)
		status int
	}{
		{"signal", func(j *joiner, _ net.Conn) { j.cmd.Process.Signal(syscall.SIGINT) }, 130},
		{"reset", func(_ *joiner, conn net.Conn) { conn.(*net.TCPConn).SetLinger(0); conn.Close() }, 1},
	} {
		t.Run(test.what, func(t *testing.T) {
			alice := startJoinAt(t, listener.Addr().String())
			conn, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var m wire.Message
			io.ReadFull(conn, m[:])
			conn.Write(m[:]) // and then reads nothing
			lines := []byte(strings.Repeat("a line\n", 1000))
			for alice.in.(*os.File).SetWriteDeadline(time.Now().Add(time.Second)) == nil {
				if _, err := alice.in.Write(lines); err != nil {
					break // nothing more is taken
				}
			}
			test.end(alice, conn)
			alice.ends(test.status, ` messages not sent: "a line", "a line", "a line" and `)
		})
	}
}
