package e2e

import (
	"fmt"
	"io"
	"testing"
	"time"
)

// With far more clients than descriptors, members chat as usual, the server does
// not spin, and all waiting clients join when others leave.
func TestDescriptorLimit(t *testing.T) {
	t.Parallel()
	const clients, limit, surelyInside = 200, 64, 30
	srv := setup{
		flags:   []string{"--max-clients", "0", "--auth-timeout", "10m"},
		wrapper: []string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, limit), "sh"},
	}.start(t)
	a, b := join(t, srv, "a"), join(t, srv, "b").reader("a")
	entered := gather(t, srv, clients)
	var inside []*client
	for range surelyInside {
		inside = append(inside, next(t, entered))
	}

	computed, begun := srv.processorTime(), time.Now()
	chat(t, a, b, 0, 30, 50*time.Millisecond)
	computed, passed := srv.processorTime()-computed, time.Since(begun)
	if computed > passed/2 {
		t.Errorf("in %v of quiet chat the server computed for %v", passed, computed)
	}
	if len(inside)+len(entered) > limit {
		t.Fatalf("%d clients got in through %d descriptors", len(inside)+len(entered), limit)
	}

	for i := range clients {
		if i >= len(inside) {
			inside = append(inside, next(t, entered))
		}
		inside[i].Close()
	}
	chat(t, a, b, 30, 10, time.Millisecond)
}

// gather makes n clients connect and authenticate, and sends those that are
// admitted on the channel. They read and discard everything.
func gather(t testing.TB, srv *server, n int) <-chan *client {
	t.Helper()
	entered := make(chan *client, n)
	for i := range n {
		auth := message(fmt.Sprintf("c%03d", i), key)
		c := connect(t, srv)
		c.send(auth)
		go func() {
			if in, _ := c.gotEcho(auth); in {
				entered <- c
				io.Copy(io.Discard, c)
			}
		}()
	}
	return entered
}

func next(t testing.TB, entered <-chan *client) *client {
	t.Helper()
	select {
	case c := <-entered:
		return c
	case <-time.After(testTimeout):
		t.Fatalf("in vain waited %v for another client to get in", testTimeout)
		return nil
	}
}
