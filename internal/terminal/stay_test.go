//go:build linux

package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"sop-chat/client"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// A dials is a Dial that does one thing after another, and the last for ever.
type dials []Dial

func (d *dials) dial(ctx context.Context, options ...client.Option) (*client.Client, error) {
	next := (*d)[0]
	if len(*d) > 1 {
		*d = (*d)[1:]
	}
	return next(ctx, options...)
}

func fails(err error) Dial {
	return func(context.Context, ...client.Option) (*client.Client, error) { return nil, err }
}

// runStay runs Stay with pipes. What it says of the connection is in notices.
func runStay(t testing.TB, ctx context.Context, d ...Dial) (s *script, notices *terminalScreen) {
	in, input := io.Pipe()
	output, out := io.Pipe()
	notices = new(terminalScreen)
	o := StayOptions{
		PlainOptions: PlainOptions{In: in, Out: out},
		Dial:         (*dials)(&d).dial, Name: "alice", Room: "the room", Notices: notices,
		Ends: func(err error, joined bool) bool { return !joined && errors.Is(err, errHopeless) },
	}
	s = &script{t: t, in: input, out: bufio.NewReader(output), end: make(chan error, 1), read: output}
	go func() { s.end <- Stay(ctx, o) }()
	t.Cleanup(func() { input.Close(); output.Close() })
	return s, notices
}

var errHopeless = errors.New("what answers is a printer")

// Neither the end of the input ends it, nor that of the server, nor that there is none
// when it starts or that the room is full. Lines that could not be sent are sent later,
// once and in order, and a replay is not printed again.
func TestStay(t *testing.T) {
	first, second := startServer(t), chattest.Start(t, server.Config{}, server.RoomConfig{Replay: 10})
	bob, carol := first.Join(t, "bob"), second.Join(t, "bob")
	ctx, cancel := context.WithCancelCause(t.Context())
	refused := fails(&client.RefusedError{Addr: "the room"})
	s, notices := runStay(t, ctx, fails(errors.New("nobody listens")), dialer(first.Addr.String(), "alice"),
		fails(errHopeless), refused, dialer(second.Addr.String(), "alice"))
	io.WriteString(s.in, "early\n")
	bob.Expect("alice", "early")
	bob.Send("hi")
	bob.Send("again")
	s.prints("bob: hi")
	s.prints("bob: again")
	carol.Send("hi")
	carol.Send("again")
	carol.Send("meanwhile")
	second.Join(t, "dave").Expect("bob", "hi") // so it is in the log
	first.Stop(t)
	notices.waitFor(t, "joining again")
	io.WriteString(s.in, "two\nlines\n")
	s.in.Close()
	carol.Expect("alice", "two")
	carol.Expect("alice", "lines")
	s.prints("bob: meanwhile")
	carol.Send("at last")
	s.prints("bob: at last")
	for _, text := range []string{"nobody listens; trying again", "joined the room as alice\n", "a printer; trying again", "the name is taken; trying", "alice; what was said meanwhile may be missing"} {
		notices.waitFor(t, text)
	}
	stop := errors.New("stop")
	cancel(stop)
	s.ends(stop)
}

// It ends when an attempt fails with an error that does not pass.
func TestStayEnds(t *testing.T) {
	s, _ := runStay(t, t.Context(), fails(errHopeless))
	s.ends(errHopeless)

	srv := startServer(t)
	s, _ = runStay(t, t.Context(), dialer(srv.Addr.String(), "alice"))
	go io.WriteString(s.in, "fine\na\x00b\n")
	if err := <-s.end; err == nil || !strings.Contains(err.Error(), "line 2 of the input was not sent: the text has a zero byte") {
		t.Errorf("it ended with %v", err)
	}

	s, notices := runStay(t, t.Context(), fails(errors.New("gone")), dialer(srv.Addr.String(), "alice"))
	notices.waitFor(t, "joined")
	s.read.Close()
	srv.Join(t, "bob").Send("nobody reads this")
	s.ends(nil)
}

// What was not sent when it is told to end is reported.
func TestStayUnsent(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	s, notices := runStay(t, ctx, fails(errors.New("gone")))
	io.WriteString(s.in, "kept\n")
	io.WriteString(s.in, "x") // is read when the line is queued
	notices.waitFor(t, "gone; trying again")
	stop := errors.New("stop")
	cancel(stop)
	err := <-s.end
	if unsent, ok := errors.AsType[*UnsentError](err); !ok || len(unsent.Texts) != 1 || unsent.Texts[0] != "kept" || !errors.Is(err, stop) {
		t.Errorf("it ended with %v", err)
	}
}

// However long nobody reads the output, nothing is missing in it.
func TestStayLosesNothing(t *testing.T) {
	srv := startServer(t)
	bob := srv.Join(t, "bob")
	s, notices := runStay(t, t.Context(), fails(errors.New("gone")), dialer(srv.Addr.String(), "alice"))
	notices.waitFor(t, "joined")
	const n = 3*maxMessages + 1
	for i := range n {
		bob.Send(fmt.Sprint(i))
	}
	for i := range n {
		s.prints(fmt.Sprint("bob: ", i))
	}
}
