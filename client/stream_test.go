package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"sop-chat/client"
)

// both runs a test over TCP and through a page. say has another client say something.
func both(t *testing.T, test func(t *testing.T, addr string, say func(text string))) {
	t.Run("TCP", func(t *testing.T) {
		r := start(t)
		bob := join(t, r.addr(), "bob")
		test(t, r.addr(), func(text string) { send(t, bob, text) })
	})
	t.Run("page", func(t *testing.T) {
		p := newPage(t)
		test(t, p.URL, func(text string) { p.say("bob", "bob", text) })
	})
}

// The body of a loop over Receive may call Finish. The loop then ends without an error.
func TestFinishInsideReceive(t *testing.T) {
	both(t, func(t *testing.T, addr string, say func(string)) {
		c := join(t, addr, "alice")
		say("goodbye")
		messages := 0
		for m, err := range c.Receive(within(t)) {
			if err != nil || m.Text != "goodbye" {
				t.Fatalf("received %+v, %v", m, err)
			}
			messages++
			send(t, c, "I leave")
			if err := c.Finish(within(t)); err != nil {
				t.Errorf("Finish fails with: %v", err)
			}
		}
		if messages != 1 {
			t.Errorf("received %d times", messages)
		}
	})
}

// So may a program that pulls messages out of Receive.
func TestFinishBetweenPulls(t *testing.T) {
	both(t, func(t *testing.T, addr string, say func(string)) {
		c := join(t, addr, "alice")
		next, stop := iter.Pull2(c.Receive(within(t)))
		defer stop()
		say("hello")
		if m, err, ok := next(); !ok || err != nil || m.Text != "hello" {
			t.Fatalf("received %+v, %v", m, err)
		}
		if err := c.Finish(within(t)); err != nil {
			t.Errorf("Finish fails with: %v", err)
		}
		if _, err, ok := next(); ok {
			t.Errorf("after Finish: %v", err)
		}
	})
}

// A loop over Receive inside another one goes on from there.
func TestReceiveInsideReceive(t *testing.T) {
	both(t, func(t *testing.T, addr string, say func(string)) {
		c := join(t, addr, "alice")
		for _, text := range []string{"outer 1", "inner", "outer 2"} {
			say(text)
		}
		var got []string
		for m, err := range c.Receive(within(t)) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, m.Text); len(got) == 3 {
				break
			}
			for m, err := range c.Receive(within(t)) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, m.Text)
				break
			}
		}
		if fmt.Sprint(got) != "[outer 1 inner outer 2]" {
			t.Errorf("received %q", got)
		}
	})
}

// While Finish reads to the end, a loop whose body takes its time gets everything, in
// order, and may ask how much there is.
func TestFinishBesideSlowReceive(t *testing.T) {
	p := newPage(t)
	c := join(t, p.URL, "alice")
	const last = 50
	inBody, finished := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		<-inBody
		p.with(func() { p.held = true })
		err := c.Send(context.Background(), "mine")
		for i := 1; i <= last; i++ {
			p.say("bob", "bob", fmt.Sprint(i))
		}
		p.with(func() { p.held = false })
		finished <- errors.Join(err, c.Finish(context.Background()))
	}()
	p.say("bob", "bob", "0")
	n := 0
	for m, err := range c.Receive(within(t)) {
		if err != nil || m.Text != fmt.Sprint(n) {
			t.Fatalf("message %d is %+v, %v", n, m, err)
		}
		n++
		select {
		case inBody <- struct{}{}:
			eventually(t, "Finish reads", func() bool { return c.Buffered() >= 2 })
		default:
		}
	}
	if err := <-finished; err != nil || n < last {
		t.Errorf("received %d times; Finish returned: %v", n, err)
	}
}

// What Finish keeps for a loop is bounded. If there is more, Finish waits for the loop,
// and says so.
func TestFinishBesideStuckReceive(t *testing.T) {
	p := newPage(t)
	c := join(t, p.URL, "alice")
	p.say("bob", "bob", "first")
	for _, err := range c.Receive(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		p.with(func() { p.held = true })
		send(t, c, "mine") // is behind all others, so the end is, too
		for range 2 * client.MaxKept {
			p.say("bob", "bob", "more")
		}
		p.with(func() { p.held = false })
		ctx, cancel := context.WithCancel(within(t))
		go func() {
			defer cancel()
			again := time.NewTicker(time.Millisecond)
			defer again.Stop()
			for ctx.Err() == nil && c.Kept() < client.MaxKept {
				<-again.C
			}
		}()
		err := c.Finish(ctx)
		cancel()
		if err == nil || !strings.Contains(err.Error(), "whose body does not return") || !errors.Is(err, context.Canceled) {
			t.Errorf("Finish returned: %v", err)
		}
		break
	}
	if n := c.Kept(); n != client.MaxKept {
		t.Errorf("%d messages are kept", n)
	}
}
