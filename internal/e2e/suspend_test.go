package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// openJob runs join as a job of a shell, as it is run by a person.
func openJob(t *testing.T, srv *server) *screen {
	t.Helper()
	s := openScreen(t, srv, 80, 24, "PS1='shell: ' sh -i")
	s.waitFor("shell:")
	s.enter(fmt.Sprintf("%s join --name alice %s", binary, srv.address()))
	s.press("Enter")
	s.waitFor("joined " + srv.address())
	return s
}

// job returns the process of join.
func (srv *server) job(t *testing.T) (pid int) {
	t.Helper()
	command := strings.Join([]string{binary, "join", "--name", "alice", srv.address()}, "\x00") + "\x00"
	processes, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		if arguments, err := os.ReadFile("/proc/" + process.Name() + "/cmdline"); err == nil && string(arguments) == command {
			if pid, err = strconv.Atoi(process.Name()); err == nil {
				return pid
			}
		}
	}
	t.Fatal("join does not run")
	return 0
}

func kill(t *testing.T, pid int, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}

// However join is suspended, the shell gets the terminal as it was, and join takes it
// anew when it goes on, with what was typed and what came meanwhile.
func TestScreenSuspended(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	s := openJob(t, srv)
	pid := srv.job(t)
	s.enter("typed before")
	s.waitFor("> typed before")
	for i, test := range []struct {
		what    string
		suspend func()
	}{
		{"Ctrl+Z", func() { s.press("C-z") }},
		{"SIGTSTP", func() { kill(t, pid, syscall.SIGTSTP) }},
		{"SIGTSTP twice", func() { kill(t, pid, syscall.SIGTSTP); kill(t, pid, syscall.SIGTSTP) }},
		{"Ctrl+Z again", func() { s.press("C-z") }},
	} {
		test.suspend()
		s.wait("the shell after "+test.what, func(shown string) bool {
			return strings.Contains(shown, "Stopped") && !strings.Contains(shown, "typed before")
		})
		s.enter("stty -a")
		s.press("Enter")
		s.waitFor(" echo ", " icanon ")
		said := fmt.Sprint("meanwhile ", i)
		bob.say(said)
		s.enter("clear; fg")
		s.press("Enter")
		s.waitFor("bob: "+said, "> typed before\n")
	}

	// What nobody can catch leaves the terminal as it is, but join takes it anew.
	kill(t, pid, syscall.SIGSTOP)
	s.waitFor("Stopped")
	bob.say("while stopped")
	s.enter("clear; fg")
	s.press("C-j") // this shell does not make an Enter of it
	s.wait("the screen drawn anew", func(shown string) bool {
		return strings.Contains(shown, "bob: while stopped") && strings.Contains(shown, "> typed before\n") && !strings.Contains(shown, "Stopped")
	})
	s.enter(", typed after")
	s.press("Enter")
	bob.expect(message("alice", "typed before, typed after"))
	s.waitFor("› alice: typed before, typed after")
	s.press("C-c")
	s.waitFor("shell:")
	s.enter("stty -a")
	s.press("Enter")
	s.waitFor(" echo ", " icanon ")
}

// Without a shell that would take over, Ctrl+Z and SIGTSTP do nothing.
func TestScreenNotSuspended(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	s := startScreen(t, srv, 80, 24)
	s.press("C-z")
	s.signal(syscall.SIGTSTP)
	s.enter("still here")
	s.press("Enter")
	bob.expect(message("alice", "still here"))
	bob.say("so I see")
	s.waitFor("bob: so I see")
	s.press("C-c")
	s.ended(0)
}
