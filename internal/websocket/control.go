package websocket

import (
	"encoding/binary"
	"unicode/utf8"
)

// A control is the payload of an incomplete control frame, or of a ping that is to be
// answered.
type control struct {
	have    int
	payload [MaxControl]byte
}

// Spares are buffers for the payloads of control frames. Decoders take one when they
// need it and give it back, so few are needed for many clients. Spares belong to one
// goroutine. The zero value is ready to be used.
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

// put takes back a buffer, unless it is nil. A few are kept for reuse.
func (s *Spares) put(c *control) {
	const kept = 64
	if c != nil && len(s.free) < kept {
		s.free = append(s.free, c)
	}
}

// parseClose returns the status in the payload of a close frame, and checks the reason
// that follows it (section 5.5.1).
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
