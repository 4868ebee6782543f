package e2e

import (
	"fmt"
	"testing"
)

// Thousands of clients that come and go, a third each without having said who they are,
// with a close and with a reset, leave no descriptor and no memory behind, and
// no one inside notices.
func TestChurn(t *testing.T) {
	t.Parallel()
	const wave, mostMemory = 60, 16 << 20
	total := scaled(10_000, 100_000)
	srv := start(t, "--max-clients", "0")
	listening := srv.sockets()
	comeAndGo(t, srv, wave)
	a, b := join(t, srv, "a"), join(t, srv, "b")
	peak := srv.peakMemory()
	for gone := 0; gone < total; gone += wave {
		comeAndGo(t, srv, wave)
		b.expect(a.say(fmt.Sprint(gone, " are gone")))
	}
	b.expectNothing(a)
	a.Close()
	b.Close()
	eventually(t, "no socket is left but the listening ones", func() bool { return srv.sockets() == listening })
	if grown := srv.peakMemory() - peak; grown > memory(mostMemory) {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
}

// comeAndGo lets clients connect and leave, in all ways, at the same time.
func comeAndGo(t testing.TB, srv *server, n int) {
	t.Helper()
	var guests []*client
	for i := range n {
		if i%3 == 0 {
			guests = append(guests, connect(t, srv))
		} else {
			guests = append(guests, join(t, srv, fmt.Sprintf("guest %d", i)))
		}
	}
	for i, c := range guests {
		if i%3 == 1 {
			c.reset()
		} else {
			c.Close()
		}
	}
}
