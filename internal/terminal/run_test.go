//go:build linux

package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/creack/pty"
	"golang.org/x/term"

	"sop-chat/internal/testenv"
)

// A terminalScreen keeps the output to a terminal.
type terminalScreen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *terminalScreen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *terminalScreen) waitFor(t testing.TB, text string) {
	t.Helper()
	s.wait(t, fmt.Sprintf("there is no %q", text), func(shown string) bool { return strings.Contains(shown, text) })
}

// wait waits until the output is as it should be.
func (s *terminalScreen) wait(t testing.TB, otherwise string, ok func(shown string) bool) {
	t.Helper()
	deadline := time.After(testTimeout)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		s.mu.Lock()
		shown := s.text.String()
		s.mu.Unlock()
		if ok(shown) {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("%s in %q", otherwise, shown)
		}
	}
}

// isRestored reports whether a terminal is, after some output, as terminals are for
// shells: only the cursor is switched on, of all modes that were set.
func isRestored(shown string) bool {
	modes := map[string]bool{}
	for _, m := range setMode.FindAllStringSubmatch(shown, -1) {
		for mode := range strings.SplitSeq(m[1], ";") {
			modes[mode] = m[2] == "h"
		}
	}
	for mode, on := range modes {
		if on != (mode == "25") {
			return false
		}
	}
	return true
}

var setMode = regexp.MustCompile(`\x1b\[\?([0-9;]+)([hl])`)

// A panicking model panics in Update when x is pressed, and in View after y.
type panicking struct {
	tea.Model
	blind bool
}

func (c *panicking) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if key, ok := msg.(tea.KeyPressMsg); ok && key.String() == "x" {
		panic("a mistake")
	}
	if key, ok := msg.(tea.KeyPressMsg); ok && key.String() == "y" {
		c.blind = true
	}
	_, cmd := c.Model.Update(msg)
	return c, cmd
}

func (c *panicking) View() tea.View {
	if c.blind {
		panic("a mistake")
	}
	return c.Model.View()
}

// The terminal is restored however Run ends, even after a panic.
func TestRunRestoresTheTerminal(t *testing.T) {
	reason := errors.New("enough")
	if isRestored("\x1b[?1049h\x1b[?25l") || isRestored("\x1b[?2004h\x1b[?2004l\x1b[?25l") || isRestored("\x1b[?1002;1006h") {
		t.Error("the test does not see what is left")
	}
	for _, test := range []struct {
		what string
		end  func(keys *os.File, cancel context.CancelCauseFunc)
		want string
	}{
		{"quit", func(keys *os.File, _ context.CancelCauseFunc) { keys.WriteString("\x03") }, ""},
		{"context", func(_ *os.File, cancel context.CancelCauseFunc) { cancel(reason) }, ""},
		{"panic", func(keys *os.File, _ context.CancelCauseFunc) { keys.WriteString("x") }, "a bug in it"},
		{"panic in View", func(keys *os.File, _ context.CancelCauseFunc) { keys.WriteString("y") }, "a bug in it"},
	} {
		t.Run(test.what, func(t *testing.T) {
			keys, terminal, err := pty.Open()
			if err != nil {
				testenv.Lacks(t, "pseudo-terminals: "+err.Error())
			}
			defer keys.Close()
			defer terminal.Close()
			before, err := term.GetState(int(terminal.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			shown := new(terminalScreen)
			go io.Copy(shown, keys)

			srv := startServer(t)
			d := dialer(srv.Addr.String(), "alice")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			end := make(chan error, 1)
			c := dial(t, d)
			go func() {
				end <- run(ctx, c, Options{
					Dial: d, Name: "alice", Room: srv.Addr.String(), In: terminal, Out: terminal,
					Environment: []string{"TERM=xterm-256color"},
				}, func(m tea.Model) tea.Model { return &panicking{Model: m} })
			}()
			shown.waitFor(t, "joined ")
			for _, mode := range []string{"1049", "2004", "1002", "1006", "1004"} { // screen, paste, mouse, focus
				shown.waitFor(t, "\x1b[?"+mode+"h")
			}
			test.end(keys, cancel)
			if err := <-end; (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("it ended with %v", err)
			}
			shown.wait(t, "the terminal is not restored", isRestored)
			after, err := term.GetState(int(terminal.Fd()))
			if err != nil || *after != *before {
				t.Errorf("the terminal was left in another state: %v", err)
			}
		})
	}
}

// A terminal that knows links gets them, each with its end. Others get none.
func TestRunLinks(t *testing.T) {
	for kind, want := range map[string]bool{"xterm-256color": true, "linux": false} {
		t.Run(kind, func(t *testing.T) {
			keys, terminal, err := pty.Open()
			if err != nil {
				testenv.Lacks(t, "pseudo-terminals: "+err.Error())
			}
			defer keys.Close()
			defer terminal.Close()
			shown := new(terminalScreen)
			go io.Copy(shown, keys)
			srv := startServer(t)
			bob := srv.Join(t, "bob")
			d := dialer(srv.Addr.String(), "alice")
			ctx, cancel := context.WithCancel(t.Context())
			end := make(chan error, 1)
			c := dial(t, d)
			go func() {
				end <- Run(ctx, c, Options{
					Dial: d, Name: "alice", Room: srv.Addr.String(), In: terminal, Out: terminal,
					Environment: []string{"TERM=" + kind},
				})
			}()
			shown.waitFor(t, "joined ")
			bob.Send("https://example.org/ \x1b]8;;http://evil.example\x07")
			shown.waitFor(t, "https://example.org/")
			shown.waitFor(t, "]8;;http://evil.example")
			cancel()
			if err := <-end; err != nil {
				t.Error(err)
			}
			shown.waitFor(t, "\x1b[?1049l")
			shown.mu.Lock()
			defer shown.mu.Unlock()
			const begin, finish = "\x1b]8;id=", "\x1b]8;;\x07"
			text := shown.text.String()
			if strings.Contains(text, begin) != want || strings.LastIndex(text, begin) > strings.LastIndex(text, finish) {
				t.Errorf("it printed %q", text)
			}
			if strings.Contains(text, "\x1b]8;;http") {
				t.Error("a message has made a link of its own")
			}
		})
	}
}
