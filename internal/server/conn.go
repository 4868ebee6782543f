//go:build linux

package server

import (
	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
)

// A state says what a connection is for the loop it belongs to. States only
// move down:
//
//	accepted by a listener, or handed over
//	   │
//	   ├──── the room is full, epoll refuses it ──────────────────────┐
//	   ▼                                                              │
//	pending ──── wrong key, room full, name taken, too slow, … ───────┤
//	   ├─ its key may not be looked at yet ──▶ delayed ─── the same ───┤
//	   │◀──────────────────────────────────────────┘                  │
//	   ├─ key to be checked; or right, but it has a ───▶ waiting ─────┤
//	   │  former connection, or the room was full or      │           │
//	   │  its name taken a moment ago                     │           │
//	   │  right key: takes a slot; a join cursor          │           │
//	   ▼  keeps what follows                              ▼           │
//	echoing ──── write fails, too slow ───────────────────────────────┤
//	   │  echo written: assigned to a loop, which admits it           │
//	   ▼                                                              │
//	member  ──── end of stream, read fails, holds others up ──────────┤
//	   │  write fails, connection broken, ended while it is paused    │
//	   ▼                                                              │
//	draining ─── all that it had sent is read ────────────────────────┤
//	                                                                  ▼
//	                                                                closed
//
// Any state ends in closed when epoll_ctl fails or the server stops.
type state uint8

const (
	// pending: its authentication message is not complete.
	pending state = iota
	// delayed: its authentication message is complete, but after wrong keys of its
	// origin the next ones have to wait, see origins.go.
	delayed
	// waiting: it gave a key, and waits until that has been checked, see pass.go; or the
	// right one, and waits until the client's former connection has ended, see takeover.go,
	// or until the room has what it has, see behind.go; or for the next wake-up, if the room
	// was full or its name taken.
	waiting
	// echoing: it gave the right key and has a slot. Nothing else may be written
	// to it before its echo.
	echoing
	// member: it publishes, and receives what others publish.
	member
	// draining: it is no longer written to; what it had sent is still read.
	draining
	// closed: it is closed, or will be by the next closeEnded.
	closed
)

// A conn is one connection. It belongs to the goroutine of one loop: the first
// loop's until it is a member, then for good that of the loop it is assigned to.
//
// A server has more idle members than anything else, so a conn holds only what
// identifies it. What is needed now and then hangs off a pointer.
type conn struct {
	broadcast.Sender // set when it authenticates, except for ID and Addr

	fd             int32
	generation     uint32
	audience       int32            // of its loop; -1 while it is not to be a member of one
	index          int32            // in the audience's members; -1 if it is not among them
	interest       netpoll.Interest // what the poller waits for
	state          state
	paused         bool // not read for now; it is in the audience's list of paused members
	userTimeoutOff bool // its window is closed, so TCP_USER_TIMEOUT is off
	framing        framing

	cursor  broadcast.Position // what it has been sent, in the room's log
	lastOwn broadcast.Position // none of its own messages is at or after it; or inOutgoing

	partial *partial // what is incomplete of what it sends or is sent; nil while nothing is
	lag     *lag     // set while it has yet to receive something
}

// A framing is what messages are in on a connection.
type framing uint8

const (
	raw       framing = iota // messages are all there is
	webSocket                // they are in frames of RFC 6455
	// numbered: and each frame says which messages it has, see Subprotocol.
	numbered
)

func (c *conn) isWebSocket() bool { return c.framing != raw }

// arm makes the poller wait for what the connection's state calls for.
func (c *conn) arm(k kernel) outcome {
	var want netpoll.Interest
	switch c.state {
	case pending:
		want = netpoll.Readable
	case echoing:
		want = netpoll.Writable
	case member:
		want = netpoll.Readable
		if c.paused {
			want = netpoll.Hangup
		}
		if c.lag != nil && !c.lag.deferred {
			want |= netpoll.Writable
		}
	}
	if want == c.interest {
		return outcome{}
	}
	c.interest = want
	if errno := k.Modify(int(c.fd), c.generation, want); errno != 0 {
		return outcome{ended, causeErrno("epoll_ctl", errno)}
	}
	return outcome{}
}
