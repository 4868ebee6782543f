package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// commanded returns a server that takes commands, and the command line that runs it.
func commanded(t *testing.T) (srv *server, line string) {
	t.Helper()
	srv = &server{t: t, port: freePort(t)}
	return srv, fmt.Sprintf("%s --commands --console-keys hide %d", binary, srv.port)
}

// Commands are typed below what is printed, which does not disturb them. Ctrl+C ends the
// server, and the terminal is as it was.
func TestScreenCommands(t *testing.T) {
	t.Parallel()
	srv, line := commanded(t)
	s := openScreen(t, srv, 80, 24, line)
	s.waitFor("listening on port", "\n>")
	alice, bob := join(t, srv, "alice"), join(t, srv, "bob")
	s.waitFor(`"bob" joined`)
	s.enter("kick bo")
	alice.say("hello, bob")
	s.wait("the line below the message", func(shown string) bool {
		return strings.HasSuffix(strings.TrimRight(shown, "\n"), "alice: hello, bob\n> kick bo")
	})
	s.press("Tab")
	s.enter("--reason 'a b'")
	s.waitFor("> kick bob --reason 'a b'")
	s.press("Enter")
	s.waitFor("disconnected 2, bob, from 127.0.0.1", "left: was disconnected by an operator: a b", "command=kick by=")
	s.enter("hello everybody")
	s.press("Enter")
	s.waitFor(`there is no command "hello", and nothing was said in a room`)
	s.press("Up", "Up")
	s.waitFor("\n> kick bob --reason 'a b'\n")
	s.press("C-u")
	s.enter("say the end is near")
	s.press("Enter")
	bob.expect(message("alice", "hello, bob"))
	bob.expectClosed()
	alice.expect(message("server", "the end is near"))
	s.enter("not entered")
	s.press("C-c")
	s.ended(0)
	alice.expectClosed()
}

// Ctrl+Z stops the server and gives the terminal back; in the foreground it goes on, with
// what was being typed.
func TestScreenCommandsSuspended(t *testing.T) {
	t.Parallel()
	srv, line := commanded(t)
	s := openScreen(t, srv, 80, 24, "PS1='shell: ' sh -i")
	s.waitFor("shell:")
	s.enter(line)
	s.press("Enter")
	s.waitFor("listening on port", "\n>")
	s.enter("roo")
	s.waitFor("> roo")
	s.press("C-z")
	s.wait("the shell", func(shown string) bool {
		return strings.HasSuffix(strings.TrimRight(shown, "\n "), "shell:") && !strings.Contains(shown, "> roo")
	})
	s.enter("stty -a; fg")
	s.press("Enter")
	s.waitFor(" echo ", " icanon ", "\n> roo")
	s.enter("ms")
	s.press("Enter")
	s.waitFor("ROOM  CLIENTS", "main        0")
	s.press("C-c")
	s.waitFor("shell:")
	s.enter("stty -a")
	s.press("Enter")
	s.waitFor(" echo ", " icanon ")
}
