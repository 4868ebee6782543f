package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sop-chat/client"
)

// A server is what a session needs of one, over TCP or through a page.
type server interface {
	say(name, text string)
	disconnect()
	said(name string) []string
}

type pageServer struct{ *page }

func (p pageServer) say(name, text string) { p.page.say(name, name, text) }

func (p pageServer) said(name string) (texts []string) {
	p.with(func() {
		for _, m := range p.log {
			if m.from.name == name {
				texts = append(texts, string(m.Text()))
			}
		}
	})
	return texts
}

// overServers runs a test over TCP, with a server that replays everything, and through
// a page.
func overServers(t *testing.T, test func(t *testing.T, srv server, addr string)) {
	t.Run("TCP", func(t *testing.T) {
		r := start(t)
		r.replay = true
		test(t, r, r.addr())
	})
	t.Run("page", func(t *testing.T) {
		p := newPage(t)
		test(t, pageServer{p}, p.URL)
	})
}

func stay(t testing.TB, addr, name string, options ...client.Option) *client.Session {
	t.Helper()
	s, err := client.Stay(within(t), addr, name, "key", append(options, client.WithPause(time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// nextText returns the text of the next message, or what else happens.
func nextText(t testing.TB, s *client.Session) string {
	t.Helper()
	for event, err := range s.Events(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		switch e := event.(type) {
		case client.Message:
			return e.Text
		case client.Joined:
			return fmt.Sprintf("joined, again %v", e.Again)
		case client.Disconnected:
			if e.Err == nil || e.Retry.IsZero() {
				t.Errorf("%+v", e)
			}
			return "disconnected"
		}
	}
	t.Fatal("the session has ended")
	return ""
}

func expectTexts(t testing.TB, s *client.Session, want ...string) {
	t.Helper()
	for _, want := range want {
		if got := nextText(t, s); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// When the connection ends, a session joins again. It gets what was said meanwhile, and
// nothing twice; what it sends meanwhile is sent then.
func TestStay(t *testing.T) {
	overServers(t, func(t *testing.T, srv server, addr string) {
		s := stay(t, addr, " alice ")
		expectTexts(t, s, "joined, again false")
		for i := range 3 {
			for j := range 3 {
				srv.say("bob", fmt.Sprint(i, j))
				expectTexts(t, s, fmt.Sprint(i, j))
			}
			mine := fmt.Sprint("mine ", i)
			if err := s.Send(mine); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the message", func() bool { return slices.Contains(srv.said("alice"), mine) })
			srv.disconnect()
			expectTexts(t, s, "disconnected")
			if err := s.Send("while away"); err != nil {
				t.Fatal(err)
			}
			srv.say("bob", "missed")
			expectTexts(t, s, "joined, again true", "missed")
		}
		if err := s.Finish(within(t)); err != nil {
			t.Errorf("Finish fails with: %v", err)
		}
		want := []string{"mine 0", "while away", "mine 1", "while away", "mine 2", "while away"}
		if got := srv.said("alice"); !slices.Equal(got, want) {
			t.Errorf("alice said %q", got)
		}
		if got := s.Unacknowledged(); len(got) > 0 {
			t.Errorf("%q are not acknowledged", got)
		}
		for event, err := range s.Events(within(t)) {
			t.Errorf("after Finish there is %v, %v", event, err)
		}
		if err := s.Send("more"); err == nil {
			t.Error("something can be sent after Finish")
		}
	})
}

// What may have been said before the session joined is marked as old, over TCP, too.
func TestStayOld(t *testing.T) {
	overServers(t, func(t *testing.T, srv server, addr string) {
		if p, ok := srv.(pageServer); ok {
			p.replay = 10
		}
		srv.say("bob", "before")
		s := stay(t, addr, "alice")
		for event, err := range s.Events(within(t)) {
			m, is := event.(client.Message)
			switch {
			case err != nil:
				t.Fatal(err)
			case !is: // joined
			case m.Old != (m.Text == "before"):
				t.Errorf("%+v", m)
			case m.Text == "after":
				return
			default:
				srv.say("bob", "after")
			}
		}
	})
}

// A message is sent again if it had not arrived, and only then.
func TestStayResends(t *testing.T) {
	p := newPage(t)
	s := stay(t, p.URL, "alice", client.WithOwn())
	expectTexts(t, s, "joined, again false")
	p.with(func() { p.held = true })
	long := strings.Repeat("long ", 500)
	for _, text := range []string{"one", long} {
		if err := s.Send(text); err != nil {
			t.Fatal(err)
		}
	}
	want := append([]string{"one"}, client.Split(long)...)
	if got := s.Unacknowledged(); !slices.Equal(got, want) {
		t.Errorf("%q are unacknowledged", got)
	}
	p.disconnect()
	expectTexts(t, s, append([]string{"disconnected", "joined, again true"}, want...)...)
	if got := s.Unacknowledged(); len(got) != 0 {
		t.Errorf("%q are unacknowledged", got)
	}
	if got := (pageServer{p}).said("alice"); !slices.Equal(got, want) {
		t.Errorf("alice said %q", got)
	}
}

// The queue is bounded, and takes a text as a whole or not at all.
func TestStayQueueFull(t *testing.T) {
	p := newPage(t)
	s := stay(t, p.URL, "alice", client.WithQueue(3))
	expectTexts(t, s, "joined, again false")
	p.with(func() { p.held = true })
	for _, test := range []struct {
		text string
		want error
	}{
		{"one", nil},
		{strings.Repeat("t", 3*client.MaxText), client.ErrQueueFull},
		{strings.Repeat("t", 2*client.MaxText), nil},
		{"more", client.ErrQueueFull},
	} {
		if err := s.Send(test.text); !errors.Is(err, test.want) {
			t.Errorf("%.5q: %v", test.text, err)
		}
	}
	if err := s.Send("\x00"); err == nil || errors.Is(err, client.ErrQueueFull) {
		t.Errorf("a zero byte: %v", err)
	}
	p.with(func() { p.held = false })
	go func() {
		for range s.Events(t.Context()) {
		}
	}()
	eventually(t, "space", func() bool { return s.Send("more") == nil })
}

// Finish, Send and Close may be called inside the loop over Events. Finish joins again,
// if it has to.
func TestStaySelfCalls(t *testing.T) {
	overServers(t, func(t *testing.T, srv server, addr string) {
		s := stay(t, addr, "alice")
		for event, err := range s.Events(within(t)) {
			if err != nil {
				t.Fatal(err)
			}
			switch e := event.(type) {
			case client.Joined:
				if !e.Again {
					srv.disconnect()
				}
			case client.Disconnected:
				if err := s.Send("goodbye"); err != nil {
					t.Error(err)
				}
				if err := s.Finish(within(t)); err != nil {
					t.Errorf("Finish fails with: %v", err)
				}
			}
		}
		if got := srv.said("alice"); !slices.Equal(got, []string{"goodbye"}) {
			t.Errorf("alice said %q", got)
		}
		s = stay(t, addr, "alice")
		for _, err := range s.Events(within(t)) {
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("after Close: %v", err)
				}
				return
			}
			s.Close()
		}
		t.Error("after Close there is no error")
	})
}

// A session with nobody to join goes on trying; its contexts and Close end that. What
// was not sent is known then.
func TestStayAlone(t *testing.T) {
	r := newRoom("key")
	s := stay(t, r.addr(), "alice")
	expectTexts(t, s, "joined, again false")
	r.stop()
	if err := s.Send("anybody?"); err != nil {
		t.Fatal(err)
	}
	expectTexts(t, s, "disconnected", "disconnected", "disconnected")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for event, err := range s.Events(ctx) {
		if _, is := event.(client.Disconnected); !is && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v", event, err)
		}
	}
	if err := s.Finish(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Finish fails with: %v", err)
	}
	if got := s.Unacknowledged(); !slices.Equal(got, []string{"anybody?"}) {
		t.Errorf("%q are unacknowledged", got)
	}
}

// Stay fails as Dial does. Later only a wrong key ends a session.
func TestStayRefused(t *testing.T) {
	p := newPage(t)
	if _, err := client.Stay(within(t), p.URL, "alice", "guess"); err == nil {
		t.Error("the key was wrong")
	}
	here, there := net.Pipe()
	defer there.Close()
	if _, err := client.Stay(within(t), p.URL, "alice", "key", client.WithConn(here)); err == nil {
		t.Error("a connection was supplied")
	}
	s := stay(t, p.URL, "alice")
	expectTexts(t, s, "joined, again false")
	for _, passing := range []websocket.StatusCode{4503, 4409} {
		p.with(func() { p.refusal = passing })
		p.disconnect()
		expectTexts(t, s, "disconnected", "disconnected")
		p.with(func() { p.refusal = 0 })
		expectTexts(t, s, "joined, again true")
	}
	p.with(func() { p.refusal = 4401 })
	p.disconnect()
	for _, err := range s.Events(within(t)) {
		if refused, ok := errors.AsType[*client.RefusedError](err); ok && refused.Reason == client.WrongKey {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("the session has ended without an error")
}

// A program that is started again goes on where it was.
func TestStayResumes(t *testing.T) {
	p := newPage(t)
	s := stay(t, p.URL, "alice")
	p.say("bob", "bob", "one")
	expectTexts(t, s, "joined, again false", "one")
	p.with(func() { p.held = true })
	if err := s.Send("mine"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	p.disconnect()
	p.say("bob", "bob", "two")
	s = stay(t, p.URL, "alice", client.Resume(s.State()), client.WithOwn())
	expectTexts(t, s, "joined, again false", "two", "mine")
}

// After Close, Events ends with an error that says so, whatever the connection was doing.
func TestStayClosed(t *testing.T) {
	overServers(t, func(t *testing.T, _ server, addr string) {
		for i := range 200 {
			s := stay(t, addr, fmt.Sprint("alice ", i))
			ended := make(chan error, 1)
			go func() {
				for _, err := range s.Events(t.Context()) {
					if err != nil {
						ended <- err
						return
					}
				}
				ended <- nil
			}()
			<-time.After(time.Duration(i%20) * 50 * time.Microsecond)
			s.Close()
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Fatalf("session %d ends with %v, want %v", i, err, net.ErrClosed)
			}
		}
	})
}
