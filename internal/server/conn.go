//go:build linux

package server

import (
	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/wire"
)

// A state says what a connection is for the loop it belongs to. Each leads
// only to later ones.
type state uint8

const (
	// pending: its authentication message is not complete.
	pending state = iota
	// greeting: it gave the right key and has a place; its echo is not wholly
	// written, so nothing else may be.
	greeting
	// member: it publishes, and it receives what others publish.
	member
	// draining: it isn't written to any more; what it sent is still read.
	draining
	// closed: its descriptor is gone.
	closed
)

// A conn is one connection. It belongs to the goroutine of one loop: the first
// one's until it is a member, then that of the loop it is handed to, for life.
//
// Idle members are what a server has most of, so a conn holds only what
// identifies it; what is needed now and then hangs off a pointer.
type conn struct {
	broadcast.Sender // set when it authenticates, except for ID and Addr

	fd         int
	generation uint32
	index      int32            // in the loop's members; -1 if it is none
	interest   netpoll.Interest // what the poller waits for
	state      state
	paused     bool // not read for now; the loop has it on its list
	patient    bool // its window is shut, so TCP_USER_TIMEOUT is off

	cursor  broadcast.Position // what it has been sent, in the room's log
	lastOwn broadcast.Position // none of its own messages is at or after it

	partial *partial // an incomplete message; nil while there is none
	lag     *lag     // set while it has yet to get something
}

// A partial is the beginning of a message, or while greeting the end of an
// echo.
type partial struct {
	message wire.Message
	have    int // bytes of it that have come, or have yet to go
}

// A lag is what a loop keeps of a member whose socket took less than there was.
type lag struct {
	index   int  // in the loop's lagging
	ready   bool // it is on the loop's list of those to be written again
	starved bool // not the socket was full, but the kernel's memory short
}
