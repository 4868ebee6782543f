// Package terminal is the terminal client: a full-screen one for people (Run), and
// one of plain lines for scripts (Plain) and services (Stay). All use a client.Client.
// Beside them it has the line in which commands are typed at a server (Prompt).
//
//	keys, mouse, size ──▶ model ──outbox──▶ session ──▶ client.Client
//	screen ◀──── view ◀── model ◀──inbox─── session ◀── (and again, when it broke)
//
// The session does the network on its own goroutines and joins again when the
// connection breaks. The model changes in Update only, knows no network and no
// terminal, and is tested without either. No other package knows the libraries
// that draw.
package terminal

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"sop-chat/client"
)

// A Dial joins the room, each time anew, with the given options besides its own.
type Dial func(ctx context.Context, options ...client.Option) (*client.Client, error)

// Options are the room to join, the name to join with, and the terminal.
type Options struct {
	// Dial joins; Run calls it again when the connection broke.
	Dial Dial
	// Name is the user name; Room is the address as it is shown. If the page tells the
	// room's name, that is shown before it.
	Name, Room string
	// In and Out are the terminal.
	In  io.Reader
	Out io.Writer
	// Environment holds NAME=value pairs. They say what terminal it is, and how
	// many colours it has.
	Environment []string
}

// leaveTimeout is how long to wait for the server when leaving.
const leaveTimeout = 3 * time.Second

// Run shows the room on a terminal that it has for itself, until the user
// leaves or ctx is done. It returns when the server has taken what was sent, or
// with an UnsentError after a timeout. The terminal is restored, whatever has
// happened.
//
// c is the first connection, made with client.WithOwn; Run closes it. If a later one is refused, Run keeps
// trying, since the room may just be full.
func Run(ctx context.Context, c *client.Client, o Options) error {
	return run(ctx, c, o, func(m tea.Model) tea.Model { return m })
}

// hangupGrace is how long after an error of the terminal its signal may come: one that
// closes sends SIGHUP, which ends ctx, and says more than that it can't be read.
const hangupGrace = time.Second

// run is Run, with a wrapper around the model.
func run(ctx context.Context, c *client.Client, o Options, wrap func(tea.Model) tea.Model) error {
	s := newSession(o.Dial)
	s.asks = true
	m := newModel(o.Name, o.Room, s)
	profile := colorprofile.Detect(o.Out, o.Environment)
	m.colours = newColours(profile)
	m.log.layout.basic = profile == colorprofile.ANSI
	m.log.layout.links = knowsLinks(o.Environment)
	var program *tea.Program
	var panicked atomic.Pointer[error]
	suspension := newSuspension()
	defer suspension.end()
	program = tea.NewProgram(guard{wrap(m), func(err error) {
		panicked.CompareAndSwap(nil, &err)
		go program.Quit() // from within it, that would wait for itself
	}}, tea.WithInput(newPasteReader(o.In)), tea.WithOutput(o.Out), tea.WithEnvironment(o.Environment), tea.WithColorProfile(profile),
		tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond), tea.WithFilter(suspension.filter))
	go suspension.watch(program)
	defer context.AfterFunc(ctx, program.Quit)()

	s.start(c)
	_, err := program.Run()
	if err != nil {
		m.failure = terminalError{err}
	}
	if _, ok := errors.AsType[terminalError](m.failure); ok {
		select {
		case <-ctx.Done():
			m.failure = nil
		case <-time.After(hangupGrace):
		}
	}
	leaveErr := s.leave(leaveTimeout + time.Second)
	switch {
	case panicked.Load() != nil:
		return *panicked.Load()
	case m.failure != nil:
		return m.failure
	}
	return leaveErr
}

// A terminalError says that the terminal can't be read, or set.
type terminalError struct{ error }

func (e terminalError) Error() string { return "the terminal: " + e.error.Error() }
func (e terminalError) Unwrap() error { return e.error }
