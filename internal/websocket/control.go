package websocket

import (
	"encoding/binary"
	"unicode/utf8"
)

// A control is the payload of a control frame: of one that is incomplete, or of a
// ping that is to be answered.
type control struct {
	have    int
	payload [maxControl]byte
}

// Spares are buffers for the payloads of control frames. A Decoder takes one when it
// needs it, and gives it back. Spares belong to one goroutine, and serve all of its
// decoders; the zero value is ready to be used.
type Spares struct {
	free []*control
}

func (s *Spares) get() *control {
	last := len(s.free) - 1
	if last < 0 {
		return new(control)
	}
	c := s.free[last]
	s.free = s.free[:last]
	return c
}

// put takes a buffer back; nil is none. A few are kept.
func (s *Spares) put(c *control) {
	const kept = 64
	if c != nil && len(s.free) < kept {
		c.have = 0
		s.free = append(s.free, c)
	}
}

// parseClose returns the status in the payload of a close frame, and checks the
// reason behind it (section 5.5.1).
func parseClose(payload []byte) (Status, *violation) {
	if len(payload) == 0 {
		return NoStatus, nil
	}
	if len(payload) == 1 {
		return 0, errClose
	}
	status := Status(binary.BigEndian.Uint16(payload))
	if !status.maySend() {
		return 0, errStatus
	}
	if !utf8.Valid(payload[2:]) {
		return 0, errReason
	}
	return status, nil
}
