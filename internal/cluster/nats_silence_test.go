package cluster

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// A told is what a NATS has told of its connection.
type told struct {
	mu  sync.Mutex
	all []ConnEvent
}

func (e *told) take(event ConnEvent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

func (e *told) events() []ConnEvent {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]ConnEvent(nil), e.all...)
}

// A server that answers pings and nothing else is left for another one, whether it says that nobody
// answers or says nothing.
func TestNATSUnanswered(t *testing.T) {
	for _, isSaid := range []bool{true, false} {
		t.Run(map[bool]string{true: "said", false: "silent"}[isSaid], func(t *testing.T) {
			t.Parallel()
			bad, good := startNATS(t, natsOptions(t)), startNATS(t, natsOptions(t))
			openTestNATS(t, testConfig(good.ClientURL())) // makes the stream
			events := &told{}
			config := testConfig(bad.ClientURL())
			config.URLs = append(config.URLs, good.ClientURL())
			config.Event = events.take
			var n *NATS
			eventually(t, "the bad server was chosen", func() bool { // they are tried in any order
				*events = told{}
				if n = openTestNATS(t, config); n.conn.ConnectedUrl() == bad.ClientURL() {
					return true
				}
				n.Close()
				return false
			})
			if err := bad.DisableJetStream(); err != nil {
				t.Fatal(err)
			}
			if !isSaid {
				// Something listens, and says nothing.
				other := openTestNATSConn(t, bad.ClientURL())
				for _, subject := range []string{"chat.>", "$JS.API.>"} {
					if _, err := other.SubscribeSync(subject); err != nil {
						t.Fatal(err)
					}
				}
				if err := other.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "a publish is answered", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
				defer cancel()
				_, err := n.Publish(ctx, "chat.a.one", 0, []byte("1"))
				return err == nil
			})
			got := events.events()
			if len(got) != 3 || !got[0].Connected || got[1].Connected || !errors.Is(got[1].Err, errUnanswered) || !got[2].Connected || got[2].Server != good.ClientURL() {
				t.Errorf("the events are %+v", got)
			}
			if took := n.State().Since; took.IsZero() {
				t.Error("it is not said since when")
			}
		})
	}
}

// A server is not left for calls that others answer or that were given no time, and not at once
// again.
func TestNATSStays(t *testing.T) {
	s := startNATS(t, natsOptions(t))
	events := &told{}
	config := testConfig(s.ClientURL())
	config.Event = events.take
	n := openTestNATS(t, config)
	ago := func(kind kind, began time.Duration) *waiting {
		w := n.wait(t.Context(), kind)
		w.timer.Stop()
		w.began = w.began.Add(-began)
		return w
	}
	moves := func() int {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.silences.moves
	}
	ago(publishing, answerWait/2).silent()
	ago(asking, answerWait/2).silent()
	if moves() != 0 {
		t.Fatal("the server is left too soon")
	}
	ago(publishing, 0).answered()
	ago(publishing, 2*answerWait).silent() // another was answered meanwhile
	over, end := context.WithCancel(t.Context())
	end()
	w := ago(asking, 2*answerWait)
	w.ctx = over
	w.silent()
	if moves() != 0 {
		t.Fatal("the server is left")
	}
	n.mu.Lock()
	n.silences.of = [kinds]silence{}
	n.mu.Unlock()
	ago(asking, answerWait).silent()
	eventually(t, "it connects again", func() bool { return len(events.events()) == 3 })
	for i, tc := range []struct {
		passed time.Duration
		moves  int
	}{{0, 1}, {minStay, 1}, {minStay, 2}, {3 * minStay, 2}, {minStay, 3}} {
		n.mu.Lock()
		n.silences.moved = n.silences.moved.Add(-tc.passed)
		n.mu.Unlock()
		ago(publishing, answerWait).silent()
		if moves() != tc.moves {
			t.Fatalf("step %d: it has moved %d times, want %d", i, moves(), tc.moves)
		}
		eventually(t, "it connects again", func() bool { return len(events.events()) == 1+2*tc.moves })
	}
	ago(asking, 0).answered()
	if moves() != 0 {
		t.Error("an answer changes nothing")
	}
}

func openTestNATSConn(t testing.TB, url string) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}
