package client_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"sop-chat/client"
)

// The name of a room is learned through the page, by a client and by a session; a room
// without one, plain TCP and a supplied connection have none.
func TestRoomName(t *testing.T) {
	p := newPage(t)
	c := join(t, p.URL, "alice")
	s := stay(t, p.URL, "bob")
	for _, name := range []string{"", "class 7 – żółw", "maths"} {
		p.with(func() { p.name = name })
		if got, err := c.RoomName(within(t)); got != name || err != nil {
			t.Errorf("the client's room is %q (%v), want %q", got, err, name)
		}
		if got, err := s.RoomName(within(t)); got != name || err != nil {
			t.Errorf("the session's room is %q (%v), want %q", got, err, name)
		}
	}
	conn, err := net.Dial("tcp", p.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for what, addr := range map[string]string{"TCP": start(t).addr(), "a supplied connection": p.URL} {
		var options []client.Option
		if addr == p.URL {
			options = append(options, client.WithConn(conn))
		}
		c := join(t, addr, "carol", options...)
		if got, err := c.RoomName(within(t)); got != "" || err != nil {
			t.Errorf("over %s the room is %q (%v), want none", what, got, err)
		}
	}
}

// If the page can't be asked, the error says why, and the client goes on.
func TestRoomNameFails(t *testing.T) {
	p := newPage(t)
	c := join(t, p.URL, "alice")
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("no time")
	cancel(reason)
	if _, err := c.RoomName(ctx); !errors.Is(err, reason) {
		t.Errorf("RoomName() = %v, want %v", err, reason)
	}
	p.Listener.Close() // the client's connection goes on
	if _, err := c.RoomName(within(t)); err == nil || !strings.Contains(err.Error(), "the name of the room can't be learned: ") {
		t.Errorf("RoomName() = %v", err)
	}
	p.say("bob", "bob", "hello")
	for m, err := range c.Receive(within(t)) {
		if m.Text != "hello" || err != nil {
			t.Errorf("received %+v, %v; want hello", m, err)
		}
		break
	}
}
