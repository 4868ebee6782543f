//go:build linux

package server

import (
	"syscall"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// maxRead is how much is read from one client in one wake-up, in bytes, so
// that a client that floods the server does not keep the others waiting.
const maxRead = 64 << 10

// read reads from a member once, at most that many bytes, into space, behind the
// beginning of a message that came before. It returns how many bytes came, and how
// many of space are whole messages. The rest stays with c until its next bytes come.
func (c *conn) read(s *system, log *broadcast.Log, space []byte, most int) (came, whole int, out outcome) {
	have := copy(space, c.incomplete())
	space = space[:min(maxRead, have+most)]
	came, r, errno := c.receive(s, space[have:])
	switch {
	case errno != 0:
		return 0, 0, failed("read", errno)
	case came == 0:
		return 0, 0, outcome{ended, c.causeEnd()}
	case r.Empty && c.framing == numbered && c.state == member && !c.isBehind():
		c.catchUp(s, log)
	}
	whole = wire.Whole(have + r.Data)
	c.keep(s, space[whole:have+r.Data])
	if c.hasEnded() {
		out = outcome{ended, c.causeEnd()}
	}
	return came, whole, out
}

// receive reads once from a connection into b, and returns how many bytes came, and what
// was found in them. Of a raw connection, all of them are of messages. At the end of the
// stream nothing comes, and there is no error; also when a WebSocket was closed before.
func (c *conn) receive(s *system, b []byte) (came int, r websocket.Received, errno syscall.Errno) {
	if c.hasEnded() {
		return 0, r, 0
	}
	if early := c.received(); len(early) > 0 {
		came = copy(b, early)
		c.partial.frames.received = early[came:]
	} else if came, errno = s.readFrom(int(c.fd), b); errno == syscall.EINTR {
		return c.receive(s, b)
	} else if errno != 0 || came == 0 {
		return 0, r, errno
	}
	if !c.isWebSocket() {
		return came, websocket.Received{Data: came}, 0
	}
	f := &c.makePartial(s).frames
	f.unanswered = 0
	r = f.decoder.Decode(b[:came], &s.controls)
	if r.Close != 0 {
		f.ended, f.status, f.violation = true, r.Close, r.Violation
	}
	c.dropPartial(s)
	return came, r, 0
}

// causeEnd is for a connection that the client has ended.
func (c *conn) causeEnd() cause {
	if rule := c.violation(); rule != "" {
		return causeViolation(rule)
	}
	if have := len(c.incomplete()); have > 0 {
		return causeIncomplete(have)
	}
	return causeEnd
}
