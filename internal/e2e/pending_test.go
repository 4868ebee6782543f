package e2e

import (
	"net"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// Many connections that send nothing take no slot, and keep no client out,
// whether it connects before or after them.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what      string
		addresses int // of the silent connections
		flags     []string
	}{
		{"one address", 1, nil},
		{"ten addresses", 10, nil},
		{"a hundred addresses", 100, nil},
		{"no limit on clients", 1, []string{"--max-clients", "0"}},
		{"a small bound", 10, []string{"--max-pending", "3"}},
	} {
		t.Run(test.what, func(t *testing.T) {
			srv := start(t, append([]string{"--auth-timeout", "10m"}, test.flags...)...)
			addSilent := func() {
				for i := range 100 {
					connectBy(t, srv, from(i%test.addresses))
				}
			}
			addSilent()
			a, b := join(t, srv, "a"), join(t, srv, "b")
			addSilent()
			c, d := join(t, srv, "c"), join(t, srv, "d")
			a.expectNothing(b, c, d)
		})
	}
}

// from returns a dialer that uses the n'th local address after 127.0.0.1.
func from(n int) net.Dialer {
	return net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(n+1))}}
}

// When there are too many pending connections, the oldest silent one is evicted,
// long before its timeout. The newest can still authenticate.
func TestOldestIsEvicted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what      string
		addresses int
		bound     int
	}{
		{"from one address", 1, 16},
		{"in all", 50, 64},
	} {
		t.Run(test.what, func(t *testing.T) {
			srv := start(t, "--auth-timeout", "10m")
			var silent []*client
			for i := range test.bound + 5 {
				silent = append(silent, connectBy(t, srv, from(i%test.addresses)))
			}
			silent[0].expectFullyClosed()
			silent[len(silent)-1].authenticate("the newest", key)
		})
	}
}

// A connection that does not authenticate in time is closed, also if it sends a
// byte from time to time. A member may be silent.
func TestAuthTimeout(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	srv := start(t, "--auth-timeout", timeout.String())
	inside := join(t, srv, "inside")
	begun := time.Now()
	silent, half, slow := connect(t, srv), connect(t, srv), connect(t, srv)
	auth := message("half", key)
	if _, err := half.Write(auth[:wire.Size-1]); err != nil {
		t.Fatal(err)
	}
	dripped := beside(t, func() error { return drip(slow, auth) })
	silent.expectClosed()
	if after := time.Since(begun); after < timeout/2 {
		t.Errorf("the silent client was closed after %v, want %v", after, timeout)
	}
	half.expectClosed()
	slow.expectClosed()
	wait(dripped)
	join(t, srv, "another").expectNothing(inside)
}

// drip sends a message's bytes one by one, until the connection is closed. It
// would take half a minute, but never pauses for longer than 50 ms.
func drip(c *client, m wire.Message) error {
	next := time.NewTicker(50 * time.Millisecond)
	defer next.Stop()
	for i := range m {
		<-next.C
		if _, err := c.Write(m[i : i+1]); err != nil {
			return nil
		}
	}
	return nil
}
