package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sop-chat/internal/english"
)

// Frames of a WebSocket, as RFC 6455 has them in section 5.2. Those of a client
// are masked, those of a server are not:
//
//	byte 0        byte 1        0, 2 or 8 bytes    0 or 4 bytes
//	┌───┬────────┬────┬────────┬──────────────────┬──────────────┬─────────┐
//	│fin│ opcode │mask│ length │ longer length    │ masking key  │ payload │
//	└───┴────────┴────┴────────┴──────────────────┴──────────────┴─────────┘
const (
	finBit      = 0x80
	reservedBit = 0x70 // of extensions, of which none was asked for
	maskBit     = 0x80
	length16    = 126 // the length is in the next two bytes
	length64    = 127 // in the next eight

	maxControl      = 125   // bytes of a control frame's payload (5.5)
	maxServerHeader = 2 + 8 // bytes
)

// Opcodes, RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

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
// it has read is a part of a message (opBinary), a whole control frame (opClose,
// opPing or opPong), or nothing of either yet (opContinuation). The payload is a
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
	if r.opcode < opClose {
		return opBinary, payload, rest, r.finish()
	}
	r.control = append(r.control, payload...)
	if r.left > 0 {
		return opContinuation, nil, rest, nil
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
	r.header = append(r.header, b[:min(len(b), maxServerHeader-had)]...)
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
	n, length := 2, uint64(b[1]&^maskBit)
	switch {
	case b[1]&maskBit != 0:
		return 0, errors.New("the server masks its frames, which only clients do (RFC 6455, 5.1)")
	case length == length16:
		n = 4
	case length == length64:
		n = maxServerHeader
	}
	if len(b) < n {
		return 0, nil
	}
	switch length {
	case length16:
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case length64:
		length = binary.BigEndian.Uint64(b[2:])
	}
	return n, r.begin(b[0], length)
}

// begin notes what a header says, and checks it.
func (r *frameReader) begin(first byte, length uint64) error {
	r.opcode, r.fin, r.left = first&0x0f, first&finBit != 0, length
	switch {
	case first&reservedBit != 0:
		return fmt.Errorf("a frame begins with %#02x, which has bits of an extension that was not asked for", first)
	case length > math.MaxInt64:
		return fmt.Errorf("a frame is %s long, more than there can be (RFC 6455, 5.2)", english.Count(length, "byte"))
	}
	switch r.opcode {
	case opContinuation:
		if !r.begun {
			return errors.New("a frame continues a message that has not begun")
		}
		r.begun = !r.fin
	case opBinary:
		if r.begun {
			return errors.New("a message begins within another")
		}
		r.length, r.begun = 0, !r.fin
	case opText:
		return errors.New("a frame is text, where messages are binary")
	case opClose, opPing, opPong:
		if !r.fin || length > maxControl {
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

// appendFrame appends a client's frame, with its payload masked.
func appendFrame(b []byte, opcode byte, payload []byte, key uint32) []byte {
	b = append(b, finBit|opcode)
	switch n := len(payload); {
	case n < length16:
		b = append(b, maskBit|byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|length16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|length64), uint64(n))
	}
	b = binary.LittleEndian.AppendUint32(b, key)
	at := len(b)
	b = append(b, payload...)
	mask(b[at:], key)
	return b
}

// mask masks bytes, or unmasks them. The key's first byte is its lowest.
func mask(b []byte, key uint32) {
	twice := uint64(key)<<32 | uint64(key)
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^twice)
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * (i % 4)))
	}
}
