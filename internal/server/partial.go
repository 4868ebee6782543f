//go:build linux

package server

import "sop-chat/internal/wire"

// A partial is what is kept for a connection while something is incomplete:
// the beginning of a message, or, while echoing, the end of an echo and what follows it;
// and of a WebSocket its frames.
type partial struct {
	message  wire.Message
	have     int    // bytes of it that were received, or are yet to be sent
	greeting []byte // is to be sent after the echo, see motd; it is not changed
	frames   frames
}

// greeting returns what is left to be sent after the echo.
func (c *conn) greeting() []byte {
	if c.partial == nil {
		return nil
	}
	return c.partial.greeting
}

// isIdle reports whether nothing has to be kept.
func (p *partial) isIdle() bool { return p.have == 0 && len(p.greeting) == 0 && p.frames.isIdle() }

// incomplete returns the bytes of the incomplete message, or of the echo.
func (c *conn) incomplete() []byte {
	if c.partial == nil {
		return nil
	}
	return c.partial.message[:c.partial.have]
}

// frames returns the frames of a connection; nil if nothing is incomplete.
func (c *conn) frames() *frames {
	if c.partial == nil {
		return nil
	}
	return &c.partial.frames
}

// keep stores the bytes of an incomplete message, in place of those before.
func (c *conn) keep(s *system, rest []byte) {
	if len(rest) > 0 {
		p := c.makePartial(s)
		p.have = copy(p.message[:], rest)
	} else if c.partial != nil {
		c.partial.have = 0
		c.dropPartial(s)
	}
}

// makePartial returns the partial of a connection, which it has from now on until
// dropPartial.
func (c *conn) makePartial(s *system) *partial {
	if c.partial == nil {
		c.partial = s.partials.take()
	}
	return c.partial
}

// dropPartial gives the partial of a connection back if nothing is incomplete, or the
// connection is closed.
func (c *conn) dropPartial(s *system) {
	if c.partial == nil || c.state != closed && !c.partial.isIdle() {
		return
	}
	c.partial.have, c.partial.greeting, c.partial.frames = 0, nil, frames{}
	s.partials.put(c.partial)
	c.partial = nil
}
