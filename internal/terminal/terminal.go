// Package terminal is what a person or a script at a terminal sees of a chat:
// a full-screen client (Run) and one of plain lines (Plain), both around a
// client.Client.
//
//	keys, mouse, size ──▶ model ──outbox──▶ session ──▶ client.Client
//	screen ◀──── view ◀── model ◀──inbox─── session ◀── (and again, when it broke)
//
// The session does the network on its own goroutines and tries again when the
// connection breaks. The model changes in update and nowhere else, knows no
// network and no terminal, and can be tested without either. All of the
// libraries that draw are in this package, and in no other.
package terminal

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"sop-chat/client"
)

// A Dial joins the room, each time anew.
type Dial func(ctx context.Context) (*client.Client, error)

// Options are the room to join, the name to join with, and the terminal.
type Options struct {
	// Dial joins; Run calls it again when the connection broke.
	Dial Dial
	// Name is the user name; Room is the address as it is shown: host and port.
	Name, Room string
	// In and Out are the terminal.
	In  io.Reader
	Out io.Writer
	// Environment holds NAME=value pairs. What terminal it is, and what colours
	// it has, comes from there.
	Environment []string
}

// farewell is how long leaving may take, as far as the server is concerned.
const farewell = 3 * time.Second

// Run shows the room on a terminal that it has for itself, until the user
// leaves or ctx is done. It then returns when the server has taken what was
// sent, or with an UnsentError after a while, and the terminal is as before,
// whatever happened.
//
// c is the first connection; Run closes it. That a later one is refused is no
// reason to give up, since the room may just be full.
func Run(ctx context.Context, c *client.Client, o Options) error {
	return run(ctx, c, o, func(m tea.Model) tea.Model { return m })
}

// run is Run, with something around the model.
func run(ctx context.Context, c *client.Client, o Options, around func(tea.Model) tea.Model) error {
	s := newSession(o.Dial)
	m := newModel(o.Name, o.Room, s)
	var program *tea.Program
	var mistake atomic.Pointer[error]
	program = tea.NewProgram(guard{around(m), func(err error) {
		mistake.CompareAndSwap(nil, &err)
		go program.Quit() // from within it, that would wait for itself
	}}, tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithEnvironment(o.Environment),
		tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond))
	defer context.AfterFunc(ctx, program.Quit)()

	s.start(c)
	_, err := program.Run()
	leaveErr := s.leave(farewell + time.Second)
	switch {
	case mistake.Load() != nil:
		return *mistake.Load()
	case err != nil:
		return fmt.Errorf("the terminal: %w", err)
	case m.failure != nil:
		return m.failure
	}
	return leaveErr
}
