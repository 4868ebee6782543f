package e2e

import (
	"net"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A crowd that connects and says nothing takes no place, and does not keep
// real clients out, neither those that come after it nor those in it.
func TestSilentCrowd(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what      string
		addresses int // that the crowd comes from
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
			crowd := func() {
				for i := range 100 {
					connectBy(t, srv, from(i%test.addresses))
				}
			}
			crowd()
			a, b := join(t, srv, "a"), join(t, srv, "b")
			crowd()
			c, d := join(t, srv, "c"), join(t, srv, "d")
			a.expectNothing(b, c, d)
		})
	}
}

// from is a dialer that uses the n'th address of this host beside 127.0.0.1.
func from(n int) net.Dialer {
	return net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(n+1))}}
}

// When there are too many pending connections, the oldest silent one
// gives way, long before its time is over; the newest can still authenticate.
func TestOldestGivesWay(t *testing.T) {
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
			var crowd []*client
			for i := range test.bound + 5 {
				crowd = append(crowd, connectBy(t, srv, from(i%test.addresses)))
			}
			crowd[0].expectFullyClosed()
			crowd[len(crowd)-1].authenticate("the newest", key)
		})
	}
}

// A client that does not authenticate in time is closed, also one that sends
// a byte from time to time; one that has authenticated may be silent.
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
