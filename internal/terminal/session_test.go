//go:build linux

package terminal

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sop-chat/client"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// A testSession is a running session and the events it had so far.
type testSession struct {
	*session
	t      testing.TB
	events []event
}

func startSession(t testing.TB, c *client.Client, d Dial) *testSession {
	s := &testSession{session: newSession(d), t: t}
	s.start(c)
	t.Cleanup(func() { s.leave(testTimeout) })
	return s
}

// next waits for the next event, except for a burst of nothing.
func (s *testSession) next() event {
	s.t.Helper()
	for {
		e := s.nextOfAll()
		if b, ok := e.(burst); !ok || len(b.messages) > 0 {
			return e
		}
	}
}

func (s *testSession) nextOfAll() event {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, testTimeout)
	defer cancel()
	if len(s.events) == 0 {
		if s.events = s.inbox.take(ctx); s.events == nil {
			s.t.Fatal("nothing happens")
		}
	}
	e := s.events[0]
	s.events = s.events[1:]
	return e
}

func (s *testSession) expect(want event) {
	s.t.Helper()
	got := s.next()
	if r, ok := got.(received); ok {
		r.at = time.Time{}
		got = r
	}
	if got != want {
		s.t.Fatalf("%T %+v happened, want %T %+v", got, got, want, want)
	}
}

// expectSent waits until the given number of texts are reported sent, and no more.
func (s *testSession) expectSent(texts int) {
	s.t.Helper()
	for texts > 0 {
		e, ok := s.next().(sent)
		if texts -= e.texts; !ok || texts < 0 {
			s.t.Fatalf("%T %+v happened, and %d texts are left to be sent", e, e, texts)
		}
	}
}

// Texts are sent in order, messages are received, and leaving waits for the server.
func TestSession(t *testing.T) {
	srv := startServer(t)
	bob := srv.Join(t, "bob")
	d := dialer(srv.Addr.String(), "alice")
	s := startSession(t, dial(t, d), d)
	s.expect(joined{})
	for i := range 100 {
		s.enqueue(fmt.Sprint(i))
		bob.Expect("alice", fmt.Sprint(i))
		s.expect(sent{texts: 1})
	}
	bob.Send("hi")
	s.expect(received{name: "bob", text: "hi"})
	s.enqueue("last")
	bob.Expect("alice", "last")
	if err := s.leave(testTimeout); err != nil {
		t.Errorf("leaving: %v", err)
	}
}

// While the server is gone, texts are kept, and sent in order when it is back.
// Attempts that fail are reported and followed by others.
func TestSessionRejoins(t *testing.T) {
	first, second := startServer(t), startServer(t)
	bob := second.Join(t, "bob")
	var attempts atomic.Int32
	refusal := errors.New("refused")
	d := func(ctx context.Context, options ...client.Option) (*client.Client, error) {
		if attempts.Add(1) == 1 {
			return nil, refusal
		}
		return dialer(second.Addr.String(), "alice")(ctx, options...)
	}
	s := startSession(t, dial(t, dialer(first.Addr.String(), "alice")), d)
	s.expect(joined{})
	first.Stop(t)
	if l, ok := s.next().(lost); !ok {
		t.Errorf("%+v happened", l)
	}
	for i := range 3 {
		s.enqueue(fmt.Sprint("kept ", i))
	}
	if w, ok := s.next().(waiting); !ok || w.err != nil {
		t.Errorf("%+v happened", w)
	}
	s.expect(joining{})
	if w, ok := s.next().(waiting); !ok || w.err != refusal {
		t.Errorf("%+v happened", w)
	}
	s.expect(joining{})
	s.expect(joined{mayMiss})
	for i := range 3 {
		bob.Expect("alice", fmt.Sprint("kept ", i))
	}
	s.expectSent(3)
}

// What comes right after joining again over TCP is one event, so that a replay can be
// recognised.
func TestSessionReplay(t *testing.T) {
	first, second := startServer(t), chattest.Start(t, server.Config{}, server.RoomConfig{Replay: 10})
	bob := second.Join(t, "bob")
	for i := range 3 {
		bob.Send(fmt.Sprint(i))
	}
	second.Join(t, "carol").Expect("bob", "0") // so it is in the log
	s := startSession(t, dial(t, dialer(first.Addr.String(), "alice")), dialer(second.Addr.String(), "alice"))
	s.expect(joined{})
	first.Stop(t)
	for e := s.next(); e != (joined{mayMiss}); e = s.next() {
	}
	b, ok := s.next().(burst)
	if !ok || len(b.messages) != 3 || b.messages[0].text != "0" || b.messages[2].name != "bob" {
		t.Errorf("%+v happened", b)
	}
	bob.Send("hi")
	s.expect(received{name: "bob", text: "hi"})
}

// A panic becomes an event, so that the terminal is restored before the end.
func TestSessionPanics(t *testing.T) {
	s := newSession(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.guard(func() { panic("oh") })
	}()
	<-done
	if f, ok := s.inbox.take(t.Context())[0].(failed); !ok || f.err == nil {
		t.Errorf("%+v happened", f)
	}
}

// Pauses grow to half a minute, and are never quite the same.
func TestBackoff(t *testing.T) {
	var p backoff
	for i, most := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
		if got := p.next(); got > most*time.Second || got < most*time.Second*3/4 {
			t.Errorf("pause %d is %v, want at most %v s and not much less", i, got, int(most))
		}
	}
}

// A screen that does not keep up gets the latest messages, and before them how
// many it has missed.
func TestInboxIsBounded(t *testing.T) {
	b := newInbox()
	b.add(joined{})
	const n = 5*maxMessages + 123
	for i := range n {
		b.add(received{text: fmt.Sprint(i)})
	}
	missed, next := 0, 0
	for i, e := range b.take(t.Context()) {
		switch e := e.(type) {
		case joined:
			if i > 1 {
				t.Errorf("joined is event %d", i)
			}
		case leftOut:
			missed, next = e.messages, e.messages
		case received:
			if e.text != fmt.Sprint(next) {
				t.Fatalf("%s comes where %d should", e.text, next)
			}
			next++
		}
	}
	if next != n || missed < 3*maxMessages || n-missed < maxMessages {
		t.Errorf("%d of %d are left out, and the last is %d", missed, n, next-1)
	}
}

// take waits, and returns when ctx is done.
func TestInboxWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newInbox()
		b.add(joined{})
		b.add(joining{})
		if events := b.take(t.Context()); len(events) != 2 {
			t.Errorf("%d events", len(events))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if events := b.take(ctx); events != nil {
			t.Errorf("%v came out of nothing", events)
		}
	})
}

func TestOutboxIsBounded(t *testing.T) {
	b := newOutbox()
	for range maxUnsent {
		if !b.add("x") {
			t.Fatal("there is room")
		}
	}
	if b.add("x") {
		t.Error("there is no room")
	}
	if _, err := b.next(t.Context()); err != nil || b.arrived(1) != 1 {
		t.Error("one has arrived")
	}
	if !b.add("last") {
		t.Error("there is room again")
	}
}
