package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sop-chat/internal/english"
	"sop-chat/internal/websocket"
)

// Frames of a WebSocket, as RFC 6455 has them in section 5.2. Those of a client
// are masked, those of a server are not:
//
//	byte 0        byte 1        0, 2 or 8 bytes    0 or 4 bytes
//	┌───┬────────┬────┬────────┬──────────────────┬──────────────┬─────────┐
//	│fin│ opcode │mask│ length │ longer length    │ masking key  │ payload │
//	└───┴────────┴────┴────────┴──────────────────┴──────────────┴─────────┘
//
// A frameReader takes a server's frames apart, wherever the stream is cut.
type frameReader struct {
	unit    uint64 // what the length of a message has to be a multiple of
	opcode  byte   // of the frame that is being read
	fin     bool
	begun   bool   // a message is, and goes on in the next data frame
	left    uint64 // bytes of the payload that have not come
	length  uint64 // of the message so far
	header  []byte // the beginning of a header
	control []byte // the payload of a control frame
}

// next reads from b what belongs to one frame, and returns the rest of b. What
// it has read is a part of a message (OpBinary), a whole control frame (OpClose,
// OpPing or OpPong), or nothing of either yet (OpContinuation). The payload is a
// part of b, or valid until the next control frame.
func (r *frameReader) next(b []byte) (opcode byte, payload, rest []byte, err error) {
	if r.left == 0 {
		if b, err = r.readHeader(b); err != nil || len(r.header) > 0 {
			return 0, nil, b, err
		}
	}
	n := int(min(r.left, uint64(len(b))))
	payload, rest = b[:n], b[n:]
	r.left -= uint64(n)
	if r.opcode < websocket.OpClose {
		return websocket.OpBinary, payload, rest, r.finish()
	}
	r.control = append(r.control, payload...)
	if r.left > 0 {
		return websocket.OpContinuation, nil, rest, nil
	}
	return r.opcode, r.control, rest, nil
}

// readHeader reads a header, or keeps what there is of it.
func (r *frameReader) readHeader(b []byte) (rest []byte, err error) {
	if len(r.header) == 0 { // the common case
		if n, err := r.parseHeader(b); n > 0 || err != nil {
			return b[n:], err
		}
	}
	had := len(r.header)
	r.header = append(r.header, b[:min(len(b), websocket.MaxHeader-had)]...)
	n, err := r.parseHeader(r.header)
	if n == 0 {
		return nil, err // not a byte was behind it
	}
	r.header = r.header[:0]
	return b[n-had:], err
}

// parseHeader reads a header and returns how long it is, or 0 if it is not
// whole.
func (r *frameReader) parseHeader(b []byte) (n int, err error) {
	if len(b) < 2 {
		return 0, nil
	}
	n, length := 2, uint64(b[1]&^websocket.BitMasked)
	switch {
	case b[1]&websocket.BitMasked != 0:
		return 0, errors.New("the server masks its frames, which only clients do (RFC 6455, 5.1)")
	case length == websocket.Length16:
		n = 4
	case length == websocket.Length64:
		n = websocket.MaxHeader
	}
	if len(b) < n {
		return 0, nil
	}
	switch length {
	case websocket.Length16:
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case websocket.Length64:
		length = binary.BigEndian.Uint64(b[2:])
	}
	return n, r.begin(b[0], length)
}

// begin notes what a header says, and checks it.
func (r *frameReader) begin(first byte, length uint64) error {
	r.opcode, r.fin, r.left = first&websocket.BitsOpcode, first&websocket.BitFinal != 0, length
	switch {
	case first&websocket.BitsReserved != 0:
		return fmt.Errorf("a frame begins with %#02x, which has bits of an extension that was not asked for", first)
	case length > math.MaxInt64:
		return fmt.Errorf("a frame is %s long, more than there can be (RFC 6455, 5.2)", english.Count(length, "byte"))
	}
	switch r.opcode {
	case websocket.OpContinuation:
		if !r.begun {
			return errors.New("a frame continues a message that has not begun")
		}
		r.begun = !r.fin
	case websocket.OpBinary:
		if r.begun {
			return errors.New("a message begins within another")
		}
		r.length, r.begun = 0, !r.fin
	case websocket.OpText:
		return errors.New("a frame is text, where messages are binary")
	case websocket.OpClose, websocket.OpPing, websocket.OpPong:
		if !r.fin || length > websocket.MaxControl {
			return fmt.Errorf("a control frame of %s is too long, or in parts (RFC 6455, 5.5)", english.Count(length, "byte"))
		}
		r.control = r.control[:0]
		return nil
	default:
		return fmt.Errorf("a frame has the opcode %#x, which there is not", r.opcode)
	}
	r.length += length
	return nil
}

// finish checks a message's length when all of it is there.
func (r *frameReader) finish() error {
	if r.left == 0 && r.fin && r.length%r.unit != 0 {
		return fmt.Errorf("a WebSocket message has %s, which is not a multiple of %d", english.Count(r.length, "byte"), r.unit)
	}
	return nil
}
