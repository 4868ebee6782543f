package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	gochat "sop-chat/client"
)

// A stayer is a program that stays in the room and says numbers.
type stayer struct {
	*gochat.Session
	heard chan gochat.Message // what others said
	again chan struct{}       // holds a token after it has joined again
	ended chan error          // how its events ended
}

func startStayer(t testing.TB, addr, name string, options ...gochat.Option) *stayer {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	session, err := gochat.Stay(ctx, addr, name, key, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	s := &stayer{session, make(chan gochat.Message, 100_000), make(chan struct{}, 1), make(chan error, 1)}
	go func() {
		for event, err := range session.Events(context.Background()) {
			if err != nil {
				s.ended <- err
				return
			}
			switch e := event.(type) {
			case gochat.Message:
				s.heard <- e
			case gochat.Joined:
				if e.Again {
					s.again <- struct{}{}
				}
			}
		}
		s.ended <- nil
	}()
	return s
}

// say says numbers until stop is closed, and returns how many.
func (s *stayer) say(t testing.TB, stop <-chan struct{}) (n int) {
	for {
		switch err := s.Send(strconv.Itoa(n)); {
		case err == nil:
			n++
		case !errors.Is(err, gochat.ErrQueueFull):
			t.Error(err)
			return n
		}
		select {
		case <-stop:
			return n
		case <-time.After(time.Millisecond):
		}
	}
}

// A program that stays hears each message once and in order, however often the server is
// killed. Through the page it misses nothing; over TCP it may.
func TestStay(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"page", "TCP"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			flags := []string{"--history", filepath.Join(t.TempDir(), "chat.db"), "--history-sync", "0", "--replay", "512"}
			srv := startWeb(t, flags...)
			addr := fmt.Sprintf("http://127.0.0.1:%d", srv.webPort)
			if over == "TCP" {
				addr = srv.address()
			}
			alice, bob := startStayer(t, addr, "alice"), startStayer(t, addr, "bob")
			stop, said := make(chan struct{}), make(chan int, 1)
			go func() { said <- alice.say(t, stop) }()
			for range scaled(2, 8) {
				<-time.After(time.Duration(50+rand.IntN(200)) * time.Millisecond)
				srv.kill()
				srv = startWebAt(t, srv.port, srv.webPort, flags...)
				for _, s := range []*stayer{alice, bob} {
					select {
					case <-s.again:
					case <-time.After(testTimeout):
						t.Fatal("it does not join again")
					}
				}
			}
			close(stop)
			n := <-said
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			// What is behind all that alice said tells the end.
			for errors.Is(alice.Send("end"), gochat.ErrQueueFull) && ctx.Err() == nil {
				<-time.After(10 * time.Millisecond)
			}
			if err := errors.Join(alice.Finish(ctx), <-alice.ended); err != nil {
				t.Fatalf("alice: %v; %d are unacknowledged", err, len(alice.Unacknowledged()))
			}
			next, lost := 0, 0
			for end := false; !end; {
				select {
				case m := <-bob.heard:
					if end = m.Text == "end"; end {
						break
					}
					i, err := strconv.Atoi(m.Text)
					if err != nil || i < next || m.Missed > 0 || over == "page" && i != next {
						t.Fatalf("after %d messages comes %+v", next, m)
					}
					lost += i - next
					next = i + 1
				case <-ctx.Done():
					t.Fatalf("bob heard %d of %d", next, n)
				}
			}
			if over == "page" && next != n {
				t.Errorf("bob heard %d of %d", next, n)
			}
			t.Logf("%s: %d messages, %d of them lost", over, n, lost+n-next)
			bob.Close()
			if err := <-bob.ended; err == nil {
				t.Error("after Close there is no error")
			}
		})
	}
}
