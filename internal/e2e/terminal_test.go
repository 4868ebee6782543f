package e2e

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"

	"sop-chat/internal/testenv"
)

// openTerminal returns a terminal and the screen that shows what is printed
// on it.
func openTerminal(t testing.TB) (screen, terminal *os.File) {
	t.Helper()
	screen, terminal, err := pty.Open()
	if err != nil {
		testenv.Lacks(t, "pseudo-terminals: "+err.Error())
	}
	t.Cleanup(func() { screen.Close(); terminal.Close() })
	return screen, terminal
}

// startOnTerminal runs a server whose stdout is a terminal. What it prints
// there is in the server's stdout as usual, with the terminal's "\r\n".
func startOnTerminal(t testing.TB, env []string, flags ...string) *server {
	t.Helper()
	screen, terminal := openTerminal(t)
	srv := setup{flags: flags, env: env, stdout: terminal}.start(t)
	terminal.Close()
	go io.Copy(srv.stdout, screen) // Ends with the server.
	return srv
}

// colour is what a terminal is told to change the colour or weight of letters.
var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// On a terminal the console shows times, and a colour for each name that stays
// the same; NO_COLOR and dumb terminals are respected.
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

// expectColours ensures that the same name has the same colours, and that
// every line ends without any.
func expectColours(t *testing.T, alice, aliceAgain, bob string) {
	t.Helper()
	of := func(line string) string { return strings.Join(colour.FindAllString(line, -1), " ") }
	if of(alice) != of(aliceAgain) {
		t.Errorf("alice's colours are %q, then %q", of(alice), of(aliceAgain))
	}
	for _, line := range []string{alice, bob} {
		used := colour.FindAllString(line, -1)
		if len(used) < 2 || !slices.Contains(takesBack, used[len(used)-1]) {
			t.Errorf("line %q has no colour, or does not take it back", line)
		}
	}
}

// takesBack is what undoes all colours, or that of letters.
var takesBack = []string{"\x1b[0m", "\x1b[m", "\x1b[39m"}

// --console json and a pipe have no colours, whatever the terminal could do.
func TestTerminalJSON(t *testing.T) {
	t.Parallel()
	srv := startOnTerminal(t, nil, "--console", "json")
	join(t, srv, "alice").say("hello")
	srv.stdout.waitForLine(t, "alice", "hello")
	expectHarmless(t, "stdout", strings.ReplaceAll(srv.stdout.String(), "\r\n", "\n"))
}
