package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"sop-chat/internal/testenv"
)

// openTerminal returns a terminal and the screen that shows its output.
func openTerminal(t testing.TB) (screen, terminal *os.File) {
	t.Helper()
	screen, terminal, err := pty.Open()
	if err != nil {
		testenv.Lacks(t, "pseudo-terminals: "+err.Error())
	}
	t.Cleanup(func() { screen.Close(); terminal.Close() })
	return screen, terminal
}

// startOnTerminal runs a server whose stdout is a terminal. Its output is in the
// server's stdout as usual, with the terminal's "\r\n".
func startOnTerminal(t testing.TB, env []string, flags ...string) *server {
	t.Helper()
	screen, terminal := openTerminal(t)
	srv := setup{flags: flags, env: env, stdout: terminal}.start(t)
	terminal.Close()
	go io.Copy(srv.stdout, screen) // Ends with the server.
	return srv
}

// colour matches the sequences that change the colour or weight of letters.
var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// On a terminal the console shows times, and the same colour for the same name.
// It respects NO_COLOR and dumb terminals.
func TestTerminal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what     string
		env      []string
		coloured bool
	}{
		{"ordinary", nil, true},
		{"NO_COLOR", []string{"NO_COLOR=1"}, false},
		{"NO_COLOR is empty, so it does not count", []string{"NO_COLOR="}, true},
		{"TERM=dumb", []string{"TERM=dumb"}, false},
		{"TERM is empty", []string{"TERM="}, false},
	} {
		t.Run(test.what, func(t *testing.T) {
			srv := startOnTerminal(t, test.env)
			a, b := join(t, srv, "alice"), join(t, srv, "bob")
			b.expect(a.say("hello 1"))
			b.expect(a.say("hello 2"))
			a.expect(b.say("hello 3"))
			srv.stdout.waitForLine(t, "hello 3")
			first, second, third := lineOf(srv, "hello 1"), lineOf(srv, "hello 2"), lineOf(srv, "hello 3")
			if !regexp.MustCompile(`\d\d:\d\d`).MatchString(colour.ReplaceAllString(first, "")) {
				t.Errorf("there is no time in %q", first)
			}
			if got := strings.Contains(srv.stdout.String(), "\x1b"); got != test.coloured {
				t.Fatalf("there are colours: %v, want %v; line %q", got, test.coloured, first)
			}
			if test.coloured {
				expectColours(t, first, second, third)
			}
		})
	}
}

func lineOf(srv *server, text string) string {
	for _, line := range srv.stdout.lines() {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

// expectColours checks that the same name has the same colours, and that every
// line ends without any.
func expectColours(t *testing.T, alice, aliceAgain, bob string) {
	t.Helper()
	of := func(line string) string { return strings.Join(colour.FindAllString(line, -1), " ") }
	if of(alice) != of(aliceAgain) {
		t.Errorf("alice's colours are %q, then %q", of(alice), of(aliceAgain))
	}
	for _, line := range []string{alice, bob} {
		used := colour.FindAllString(line, -1)
		if len(used) < 2 || !slices.Contains(colourReset, used[len(used)-1]) {
			t.Errorf("line %q has no colour, or does not take it back", line)
		}
	}
}

// colourReset matches the sequences that undo colours.
var colourReset = []string{"\x1b[0m", "\x1b[m", "\x1b[39m"}

// On a terminal without escape sequences, or with colours switched off, the
// server writes none. If join can't fill the screen, it shows lines.
func TestNoSequences(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what      string
		env       []string
		sequences bool // in the full screen of join
	}{
		{"NO_COLOR", []string{"NO_COLOR=1"}, true},
		{"TERM=dumb", []string{"TERM=dumb"}, false},
		{"TERM is empty", []string{"TERM="}, false},
		{"no TERM", nil, false},
	} {
		t.Run(test.what, func(t *testing.T) {
			screen, terminal := openTerminal(t)
			wrapper := []string{"env"}
			if test.env == nil {
				wrapper = append(wrapper, "-u", "TERM")
			}
			wrapper = append(wrapper, test.env...)
			port := freePort(t)
			srv := setup{flags: []string{"--web", fmt.Sprintf("127.0.0.1:%d", freePort(t)), "--web-origin", "https://chat.example.com"}, wrapper: wrapper, port: port, stdout: terminal, stderr: terminal}.launch(t)
			terminal.Close()
			go io.Copy(srv.stdout, screen)
			srv.stdout.waitForLine(t, "from a browser")

			shown, tty := openTerminal(t)
			joined := new(output)
			go io.Copy(joined, shown)
			argv := append(wrapper, binary, "join", "--name", "alice", srv.address())
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Env = environment("SOP_CHAT_KEY=" + key)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer cmd.Process.Signal(syscall.SIGTERM)
			bob := joinEventually(t, srv, "bob")
			srv.stdout.waitForLine(t, `"alice" joined`)
			bob.say("hello, alice")
			eventually(t, "alice sees it", func() bool { return strings.Contains(joined.String(), "hello, alice") })
			srv.stdout.waitForLine(t, "hello, alice")
			if strings.Contains(srv.stdout.String(), "\x1b") {
				t.Errorf("the server prints %q", excerpt(srv.stdout.String()))
			}
			if got := joined.String(); strings.Contains(got, "\x1b") != test.sequences || colourSet.MatchString(got) {
				t.Errorf("join prints %q", excerpt(got))
			}
		})
	}
}

// colourSet matches the sequences that give letters a colour.
var colourSet = regexp.MustCompile(`\x1b\[([0-9]+;)*([34][0-7]|[34]8;[25];[0-9;]+|9[0-7]|10[0-7])(;[0-9]+)*m`)

// --console json and a pipe have no colours, on any terminal.
func TestTerminalJSON(t *testing.T) {
	t.Parallel()
	srv := startOnTerminal(t, nil, "--console", "json")
	join(t, srv, "alice").say("hello")
	srv.stdout.waitForLine(t, "alice", "hello")
	expectHarmless(t, "stdout", strings.ReplaceAll(srv.stdout.String(), "\r\n", "\n"))
}
