package e2e

import (
	"fmt"
	"net"
	"slices"
	"testing"
)

// While the room is full, a connection is accepted and closed at once, whether or
// not it has sent its authentication. Members notice nothing.
func TestFifthClient(t *testing.T) {
	t.Parallel()
	srv := start(t, "--auth-timeout", "10m")
	inside := joinMany(t, srv, 4)
	for range 20 {
		connect(t, srv).expectFullyClosed()
		if connect(t, srv).isAdmitted("fifth") {
			t.Fatal("a fifth client was let in")
		}
	}
	for i, c := range inside {
		c.expectNothing(slices.Concat(inside[:i], inside[i+1:])...)
	}
}

func joinMany(t testing.TB, srv *server, n int) []*client {
	t.Helper()
	var all []*client
	for i := range n {
		all = append(all, join(t, srv, fmt.Sprintf("c%03d", i)))
	}
	return all
}

// --max-clients limits how many clients are admitted; 0 is no limit.
func TestMaxClients(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		limit      string
		join, more int // how many get in, and how many then do not
	}{
		{"1", 1, 5},
		{"2", 2, 5},
		{"100", 100, 5},
		{"0", 150, 0},
	} {
		t.Run(test.limit, func(t *testing.T) {
			srv := start(t, "--max-clients", test.limit)
			inside := joinMany(t, srv, test.join)
			for range test.more {
				if connect(t, srv).isAdmitted("one too many") {
					t.Fatal("one too many was let in")
				}
			}
			inside[0].expectNothing(inside[1:]...)
		})
	}
}

// Of the clients that connected while there was a slot, only as many are admitted
// as there are slots. The others are closed when they authenticate, and are sent
// nothing.
func TestLastPlace(t *testing.T) {
	t.Parallel()
	srv := start(t, "--auth-timeout", "10m")
	joinMany(t, srv, 3)
	first, second, third := connect(t, srv), connect(t, srv), connect(t, srv)
	if !second.isAdmitted("second") {
		t.Fatal("the last place was not given to the first that authenticated")
	}
	for _, late := range []*client{first, third} {
		if late.isAdmitted("late") {
			t.Fatal("a fifth client was let in")
		}
	}
}

// Of many clients that authenticate at the same moment, exactly as many are
// admitted as there are slots, time and again.
func TestRaceForSlots(t *testing.T) {
	t.Parallel()
	const slots = 5
	srv := start(t, "--max-clients", "5", "--auth-timeout", "10m")
	auth := message("racer", key)
	for round := range 20 {
		var racers []*client
		for range 12 {
			racers = append(racers, connect(t, srv))
		}
		for _, c := range racers {
			c.Write(auth[:])
		}
		winners := 0
		for _, c := range racers {
			in, err := c.gotEcho(auth)
			if err != nil {
				t.Fatal(err)
			}
			if in {
				winners++
			}
		}
		if winners != slots {
			t.Fatalf("round %d: %d were let in, want %d", round, winners, slots)
		}
		for _, c := range racers {
			c.Close()
		}
		waitForSlots(t, srv, slots)
	}
}

// waitForSlots returns when the room is empty and has that many slots.
func waitForSlots(t testing.TB, srv *server, slots int) {
	t.Helper()
	var all []*client
	for range slots {
		all = append(all, joinEventually(t, srv, "between"))
	}
	for _, c := range all {
		c.halfClose()
		c.expectClosed()
	}
}

// All clients that connect at the same moment, from one address, and authenticate
// are admitted: the bound on pending connections does not affect them.
func TestThirtyAtOnce(t *testing.T) {
	t.Parallel()
	for range 3 {
		srv := start(t, "--max-clients", "100")
		inside := make([]*client, 30)
		var tasks []task
		for i := range inside {
			tasks = append(tasks, beside(t, func() (err error) {
				inside[i], err = tryJoin(srv, fmt.Sprintf("client %d", i))
				return err
			}))
		}
		wait(tasks...)
		for i, c := range inside {
			t.Cleanup(func() { c.Close() })
			inside[i] = c.in(t)
		}
		inside[0].expectNothing(inside[1:]...)
	}
}

// tryJoin is join for goroutines that are not the test's own.
func tryJoin(srv *server, name string) (*client, error) {
	c, err := tryConnect(srv, net.Dialer{})
	if err != nil {
		return nil, err
	}
	in, err := c.tryAuthenticate(name, key)
	if err == nil && !in {
		err = fmt.Errorf("%q was not let in", name)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Every way of leaving frees a slot, and not before it happens.
func TestPlaceIsFreed(t *testing.T) {
	t.Parallel()
	for _, leaving := range waysToLeave {
		t.Run(leaving.what, func(t *testing.T) {
			srv := start(t, "--max-clients", "2")
			stays := join(t, srv, "stays")
			for i := range 5 {
				leaves := joinEventually(t, srv, fmt.Sprintf("leaves %d", i))
				leaves.expect(stays.say("welcome"))
				if connect(t, srv).isAdmitted("too early") {
					t.Fatal("let in before another left")
				}
				stays.say("left unread")
				leaving.leave(leaves)
			}
			last := joinEventually(t, srv, "last")
			if connect(t, srv).isAdmitted("too late") {
				t.Fatal("somebody left twice")
			}
			last.expectNothing(stays)
		})
	}
}
