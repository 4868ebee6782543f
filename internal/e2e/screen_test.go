package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/testenv"
	"sop-chat/internal/wire"
)

// sizes are those of terminals: the usual, a phone's, a large one.
var sizes = []struct{ columns, rows int }{{80, 24}, {40, 10}, {200, 60}}

// scene fills the screen with everything that can be hard to show.
func scene(s *screen, bob *client) {
	s.t.Helper()
	say := func(texts ...string) {
		for _, text := range texts {
			bob.say(text)
		}
	}
	say("hello, everybody",
		"a text that is so long that it has to be wrapped, in most terminals at least, and in narrow ones more than once, between its words if there is a place: "+strings.Repeat("x", 90),
		"wide: 日本語のテキスト、中文字符, 한국어; accents: e\u0301o\u0308; emoji: 👍🎉🚀; right to left: שלום עולם مرحبا بالعالم; and on",
		"hostile: \x1b[2J\x1b[31mred \a\b\r\t \u202egnorts\u202c \u2028 \x9b \xff\xfe \x1b]0;title\a \\x1b \u200b",
		"two\nlines\n16:04   mallory: of one message",
		"/me waves",
		"did you see this, Alice?")
	bob.send(message("alice", "I am not alice"), message("- notice", "of whom?"))
	s.waitFor("of whom?")
	s.enter("my own, at last")
	s.press("Enter")
	bob.expect(message("alice", "my own, at last"))
	s.waitFor("› alice: my own, at last")
	s.enter("two lines, the")
	s.press("M-Enter")
	s.enter("second not sent 日本")
	s.waitFor("second not sent 日本")
}

// The screen at all sizes, and after it was given that size.
func TestScreen(t *testing.T) {
	t.Parallel()
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%dx%d", size.columns, size.rows), func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			bob := join(t, srv, "bob")
			s := startScreen(t, srv, size.columns, size.rows)
			scene(s, bob)
			s.expect(fmt.Sprintf("%dx%d", size.columns, size.rows))
			if *update {
				return
			}
			for _, other := range append(sizes[:0:0], sizes[1], sizes[2], sizes[0]) {
				s.resize(other.columns, other.rows)
				s.expect(fmt.Sprintf("%dx%d", other.columns, other.rows))
			}
		})
	}
}

// Emoji that terminals don't agree on may look odd, but stay in their row.
func TestScreenJoinedEmoji(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	s := startScreen(t, srv, 80, 24)
	bob.say(strings.Repeat("👨‍👩‍👧‍👦🇵🇱❤️👍🏽 ", 10))
	bob.say("below")
	s.waitFor("\nHH:MM   bob: below\n alice at " + srv.address())
	s.enter("👨‍👩‍👧‍👦 typed")
	s.press("Enter")
	bob.expect(message("alice", "👨‍👩‍👧‍👦 typed"))
	s.waitFor("typed\n alice at "+srv.address(), "\nHH:MM   bob: below\n")
}

// After the server has restarted, the client joins again. What was typed
// meanwhile is kept, shown as unsent, and sent in order.
func TestScreenRestart(t *testing.T) {
	t.Parallel()
	srv := start(t)
	s := startScreen(t, srv, 80, 24)
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	s.waitFor("the server closed the connection", "reconnecting in N s")
	for _, text := range []string{"first", "second"} {
		s.enter(text)
		s.press("Enter")
	}
	s.waitFor("… alice: first\nHH:MM … alice: second\n", "2 not sent")
	s.expect("restart")

	again := setup{port: srv.port, flags: []string{"--replay", "2"}}.start(t)
	bob := join(t, again, "bob") // before alice or after her
	first := bob.receive()
	if got := string(first.Text()); got != "first" {
		t.Errorf("%q came first", got)
	}
	bob.expect(message("alice", "second"))
	s.waitFor("back in the room", "› alice: first\nHH:MM › alice: second\n alice at")
	bob.say("welcome back")
	s.waitFor("bob: welcome back")
}

// A flood of messages holds up neither the room nor the user.
func TestScreenFlood(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	s := startScreen(t, srv, 80, 24)
	const n = 10_000
	flood := func(from, to int) {
		var all []wire.Message
		for i := from; i < to; i++ {
			all = append(all, message("bob", fmt.Sprint("flood ", i, " ", strings.Repeat("~", 300))))
		}
		bob.send(all...)
	}
	flood(0, n/2)
	s.enter("still here")
	s.press("Enter")
	flood(n/2, n-1)
	bob.expect(message("alice", "still here"))
	bob.say("the last")
	s.waitFor("bob: the last\n", "\n alice at") // below may be her own line, once it is acknowledged
	s.press("C-Home")
	s.waitFor("joined "+srv.address(), "bob: flood 0 ~")
	s.press("PPage", "NPage", "NPage")
	bob.say("more")
	s.waitFor("new below")
	s.press("C-End")
	s.waitFor("bob: the last\n", "bob: more\n alice at")
}

// A mention shows in the window's title until the next key.
func TestScreenTitle(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	s := startScreen(t, srv, 80, 24)
	title := func() string { return strings.TrimSpace(s.tmux("display-message", "-p", "#{pane_title}")) }
	bob.say("are you there, alice?")
	eventually(t, "the title counts", func() bool { return title() == "(1) alice at "+srv.address() })
	s.enter("y")
	eventually(t, "the title is as before", func() bool { return title() == "alice at "+srv.address() })
}

// Keys and the wheel scroll.
func TestScreenScroll(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	s := startScreen(t, srv, 40, 10)
	for i := range 30 {
		bob.say(fmt.Sprint("line ", i, "."))
	}
	s.waitFor("bob: line 29.\n alice")
	s.press("PPage")
	s.waitFor("bob: line 22.\n alice", "scrolled back")
	bob.say("line 30.")
	s.waitFor("1 new below")
	s.enter("\x1b[<64;5;5M") // the wheel, up
	s.waitFor("bob: line 19.\n alice")
	s.enter("\x1b[<65;5;5M\x1b[<65;5;5M\x1b[<65;5;5M\x1b[<65;5;5M")
	s.waitFor("bob: line 30.\n alice")
	s.press("Home")
	s.waitFor("bob: line 0.")
	s.press("End")
	s.waitFor("bob: line 30.\n alice")
}

// A paste of many lines becomes one input, and as many messages as it needs.
func TestScreenPaste(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	s := startScreen(t, srv, 80, 24)
	pasted := strings.TrimSuffix(strings.Repeat("a line that is pasted\n", 3000/22), "\n")
	s.tmux("set-buffer", pasted)
	s.tmux("paste-buffer", "-p")
	s.waitFor("7 messages")
	s.press("Enter")
	var got strings.Builder
	for range 7 {
		m := bob.receive()
		got.Write(m.Text())
	}
	if got.String() != pasted {
		t.Errorf("%q arrived", got.String())
	}
}

// Without the brackets around it, a paste of lines is one all the same.
func TestScreenUnbracketedPaste(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	s := startScreen(t, srv, 80, 24)
	s.tmux("set-buffer", "one\n\ttwo\nthree\n")
	s.tmux("paste-buffer")
	s.waitFor("> one\n      two\n  three\n")
	<-time.After(100 * time.Millisecond) // what comes within 20 ms of a paste is a part of it
	s.press("Enter")
	bob.expect(message("alice", "one\n\ttwo\nthree"))
}

// However the client ends, the status is right and the terminal is restored.
func TestScreenEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what   string
		end    func(s *screen)
		status int
	}{
		{"Ctrl+C", func(s *screen) { s.press("C-c") }, 0},
		{"Ctrl+D", func(s *screen) { s.press("C-d") }, 0},
		{"/quit", func(s *screen) { s.enter("/quit"); s.press("Enter") }, 0},
		{"SIGINT", func(s *screen) { s.signal(syscall.SIGINT) }, 130},
		{"SIGTERM", func(s *screen) { s.signal(syscall.SIGTERM) }, 143},
		{"SIGHUP", func(s *screen) { s.signal(syscall.SIGHUP) }, 129},
		{"SIGQUIT", func(s *screen) { s.signal(syscall.SIGQUIT) }, 131},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			bob := join(t, srv, "bob")
			s := startScreen(t, srv, 80, 24)
			s.enter("goodbye")
			s.press("Enter")
			s.waitFor("› alice: goodbye")
			test.end(s)
			s.ended(test.status)
			bob.expect(message("alice", "goodbye"))
			srv.stdout.waitForLine(t, "alice", "left: closed the connection")
		})
	}
}

// signal sends a signal to join, which is the child of the terminal's shell.
func (s *screen) signal(signal syscall.Signal) {
	s.t.Helper()
	shell := strings.TrimSpace(s.tmux("display-message", "-p", "#{pane_pid}"))
	children, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", shell, shell))
	if err != nil {
		testenv.Lacks(s.t, "the children of a process in /proc")
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		s.t.Fatalf("the shell's children: %q", children)
	}
	if err := syscall.Kill(child, signal); err != nil {
		s.t.Fatal(err)
	}
}

// A refusal at the start is shown on the restored screen.
func TestScreenRefused(t *testing.T) {
	t.Parallel()
	srv := start(t)
	s := openScreen(t, srv, 100, 24, fmt.Sprintf("%s join %s", binary, srv.address()), "SOP_CHAT_KEY=guess")
	s.waitFor("sop-chat: "+srv.address()+" did not let us in: the key is wrong, the room is full, or the name is", "status 1\n") // the row ends there
}

// The client asks for the key without echo. Ctrl+C there ends it, and the
// terminal echoes again.
func TestScreenAsksForKey(t *testing.T) {
	t.Parallel()
	srv := start(t)
	command := fmt.Sprintf("%s join --name alice %s", binary, srv.address())
	s := openScreen(t, srv, 80, 24, command, "-u SOP_CHAT_KEY")
	s.waitFor("Key of " + srv.address() + ":")
	s.enter(key)
	s.press("Enter")
	s.waitFor("joined " + srv.address())
	s.press("C-c")
	s.ended(0)
	if shown := s.text(); strings.Contains(shown, key) {
		t.Errorf("the key is shown:\n%s", shown)
	}

	s = openScreen(t, srv, 80, 24, command, "-u SOP_CHAT_KEY")
	s.waitFor("Key of " + srv.address() + ":")
	s.press("C-c")
	s.ended(130)

	// Though the standard streams are for something else.
	s = openScreen(t, srv, 80, 24, "sh -c 'echo hello | "+command+"'", "-u SOP_CHAT_KEY")
	s.waitFor("Key of " + srv.address() + ":")
	s.enter(key)
	s.press("Enter")
	s.ended(0)
	srv.stdout.waitForLine(t, "alice: hello")
}

// The client works without colours, and on terminals without escape sequences.
func TestScreenColours(t *testing.T) {
	t.Parallel()
	srv := start(t)
	bob := join(t, srv, "bob")
	coloured, plain := startScreen(t, srv, 80, 24), startScreen(t, srv, 80, 24, "NO_COLOR=yes")
	bob.say("hello")
	for _, s := range []*screen{coloured, plain} {
		s.waitFor("bob: hello")
		if got := strings.Contains(s.tmux("capture-pane", "-pe"), "\x1b[38;5;"); got != (s == coloured) {
			t.Errorf("there are colours: %v", got)
		}
	}
	coloured.press("C-c")
	dumb := openScreen(t, srv, 80, 24, fmt.Sprintf("%s join --name alice %s", binary, srv.address()), "TERM=dumb")
	eventually(t, "it has joined", func() bool { return strings.Count(srv.stdout.String(), `"alice" joined`) == 3 })
	bob.say("in lines")
	dumb.waitFor("bob: in lines")
	dumb.enter("typed")
	dumb.press("Enter")
	bob.expect(message("alice", "typed"))
	dumb.press("C-d")
	dumb.ended(0)
}
