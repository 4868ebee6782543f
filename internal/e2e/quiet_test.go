package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// When nothing happens, the server uses no processor time, whatever is pending: a
// loop that spins would use a whole core.
func TestQuiet(t *testing.T) {
	t.Parallel()
	for _, state := range slices.Concat(states, stillStates) {
		if state.moves {
			continue
		}
		t.Run(state.what, func(t *testing.T) {
			t.Parallel()
			srv := state.begin(t)
			expectQuiet(t, srv)
		})
	}
}

// expectQuiet checks that the server comes to rest: in half a second it uses next
// to no processor time.
func expectQuiet(t testing.TB, srv *server) {
	t.Helper()
	const look, most = 500 * time.Millisecond, 50 * time.Millisecond
	next := time.NewTicker(look)
	defer next.Stop()
	var computed time.Duration
	for range 10 { // The first looks may see the end of what was going on.
		before := srv.processorTime()
		<-next.C
		if computed = srv.processorTime() - before; computed <= most {
			return
		}
	}
	t.Errorf("in %v without anything to do the server computed for %v", look, computed)
}

// stillStates are states that could make a loop spin: the kernel keeps reporting
// an event about which nothing can be done.
var stillStates = []state{
	{"resets in a held room", false, func(t *testing.T) *server {
		srv, _, _ := holdRoom(t)
		for i := range 5 {
			c := join(t, srv, fmt.Sprint("resets ", i))
			c.flood(0, 100)
			c.reset()
		}
		return srv
	}},
	{"closes in a held room", false, func(t *testing.T) *server {
		srv, _, _ := holdRoom(t)
		for i := range 5 {
			c := join(t, srv, fmt.Sprint("closes ", i))
			c.flood(0, 100)
			c.Close()
		}
		return srv
	}},
	{"half-closes in a held room", false, func(t *testing.T) *server {
		srv, _, _ := holdRoom(t)
		for i := range 5 {
			c := join(t, srv, fmt.Sprint("half-closes ", i))
			c.flood(0, 100)
			c.halfClose()
		}
		return srv
	}},
	{"far behind, in a room that is not held", false, func(t *testing.T) *server {
		srv := start(t)
		a, b := join(t, srv, "a"), join(t, srv, "b")
		joinNotReading(t, srv, "deaf")
		sent := beside(t, func() error { return a.flood(0, 20_000) })
		if err := b.reader("a").readAll(20_000); err != nil {
			t.Fatal(err)
		}
		wait(sent)
		return srv
	}},
	{"stdout stuck, after a flood", false, func(t *testing.T) *server {
		srv, _ := startStuck(t)
		tr := startTraffic(t, srv)
		tr.waitForMore(20_000)
		tr.finish()
		return srv
	}},
	{"stdout closed, after a flood", false, func(t *testing.T) *server {
		srv := startClosed(t)
		tr := startTraffic(t, srv)
		tr.waitForMore(1000)
		tr.finish()
		return srv
	}},
	{"turned away at a full room", false, func(t *testing.T) *server {
		srv := start(t)
		joinMany(t, srv, 4)
		for range 10 {
			connect(t, srv)
		}
		return srv
	}},
}
