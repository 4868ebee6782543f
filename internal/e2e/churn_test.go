package e2e

import (
	"fmt"
	"testing"
)

// Thousands of clients come and go, a third of them before they authenticate, a
// third with a close and a third with a reset. They leave no descriptor and no
// memory behind, and members notice nothing.
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

// comeAndGo makes clients connect and leave at the same time, in all ways.
func comeAndGo(t testing.TB, srv *server, n int) {
	t.Helper()
	var clients []*client
	for i := range n {
		if i%3 == 0 {
			clients = append(clients, connect(t, srv))
		} else {
			clients = append(clients, join(t, srv, fmt.Sprintf("guest %d", i)))
		}
	}
	for i, c := range clients {
		if i%3 == 1 {
			c.reset()
		} else {
			c.Close()
		}
	}
}
