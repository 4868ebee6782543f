package e2e

import (
	"testing"

	"sop-chat/internal/wire"
)

// A state is a situation in which a server can be.
type state struct {
	what  string
	moves bool // if it is left alone, it does not become quiet
	begin func(t *testing.T) *server
}

var states = []state{
	{"no clients", false, func(t *testing.T) *server { return start(t) }},
	{"idle clients", false, func(t *testing.T) *server {
		srv := start(t)
		joinMany(t, srv, 4)
		return srv
	}},
	{"not yet authenticated", false, func(t *testing.T) *server {
		srv := start(t)
		connect(t, srv)
		connect(t, srv).Write(make([]byte, wire.Size-1))
		return srv
	}},
	{"an incomplete message", false, func(t *testing.T) *server {
		srv := start(t)
		a, b := join(t, srv, "a"), join(t, srv, "b")
		a.Write(append(stream(message("a", "whole")), "part"...))
		b.expect(message("a", "whole"))
		return srv
	}},
	{"a flood", true, func(t *testing.T) *server {
		srv := start(t)
		startTraffic(t, srv).waitForMore(1000)
		return srv
	}},
	{"a client that does not read", false, func(t *testing.T) *server {
		srv, _, _ := holdRoom(t)
		return srv
	}},
	{"stdout stuck", true, func(t *testing.T) *server {
		srv, _ := startStuck(t)
		startTraffic(t, srv).waitForMore(20_000) // More than a pipe takes.
		return srv
	}},
	{"a stuck terminal", true, func(t *testing.T) *server {
		_, terminal := openTerminal(t)
		srv := setup{stdout: terminal}.start(t)
		startTraffic(t, srv).waitForMore(20_000)
		return srv
	}},
	{"stdout closed", true, func(t *testing.T) *server {
		srv := startClosed(t)
		startTraffic(t, srv).waitForMore(1000)
		return srv
	}},
	{"many clients", false, func(t *testing.T) *server {
		srv := start(t, "--max-clients", "0")
		joinMany(t, srv, 300)
		return srv
	}},
}
