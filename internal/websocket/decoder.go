package websocket

import (
	"encoding/binary"
	"math"

	"sop-chat/internal/wire"
)

// A Decoder holds what has to be known of a client's bytes until its next bytes come.
// It belongs to one goroutine. Its zero value is ready to be used. Between WebSocket
// messages, with no frame begun and no pong due, a Decoder is its zero value again,
// so it need not be kept for an idle client.
type Decoder struct {
	control *control // of an incomplete ping or close frame, or of a ping to be answered

	key    uint32   // for the next byte of the payload
	left   uint16   // bytes of the payload to come; 0 while a header is expected
	before uint16   // bytes of the WebSocket message in its frames so far
	header [10]byte // of the current frame
	have   uint8    // bytes of the header that have come

	fragmented bool // more frames of the WebSocket message are expected
	pongDue    bool // a ping is complete and unanswered
	ended      bool // whatever follows is ignored
}

const _ uint16 = MaxMessage // fits left and before

// Received says what Decode found.
type Received struct {
	// Data is how many bytes of messages there were.
	Data int
	// Pong is set if there was a pong, which shows that the client is alive.
	Pong bool
	// Empty is set if there was a WebSocket message without messages.
	Empty bool
	// Close is set when the client has sent a close frame or broken a rule. The
	// answer is a close frame with this status. Nothing is found after that.
	Close Status
	// Violation says which rule the client broke. It is empty if the client sent a
	// close frame. It is the reason to send with the status.
	Violation string
}

// Decode decodes the next bytes of a client. It moves the bytes of messages to the
// front of b, which it overwrites. The last message may be incomplete; the next
// bytes then continue it.
//
// The messages are returned as they come, and not only when their WebSocket message
// is complete, so that nothing has to be kept. So if a WebSocket message in several
// frames turns out not to be whole messages, some of it has been returned before. One
// in a single frame is refused by its header.
func (d *Decoder) Decode(b []byte, spares *Spares) Received {
	var r Received
	for rest := b; len(rest) > 0 && !d.ended; {
		if d.left > 0 {
			n := min(int(d.left), len(rest))
			d.takePayload(b[r.Data:], rest[:n], &r)
			rest = rest[n:]
		} else {
			n, violated := d.takeHeader(rest)
			rest = rest[n:]
			if violated == nil && d.have == d.headerSize() {
				violated = d.begin(&r, spares)
			}
			if violated != nil {
				d.end(&r, violated.status, violated.text, spares)
				break
			}
		}
		if d.left == 0 && d.have == d.headerSize() {
			d.finish(&r, spares)
		}
	}
	return r
}

func (d *Decoder) opcode() byte { return d.header[0] & BitsOpcode }

// headerSize returns how long the header is, as far as that is known.
func (d *Decoder) headerSize() uint8 {
	const mask = 4
	switch {
	case d.have < 2:
		return 2
	case d.header[1]&BitsLength == Length16:
		return 2 + 2 + mask
	case d.header[1]&BitsLength == Length64:
		return 2 + 8 // which is a violation in any case, so the mask does not matter
	}
	return 2 + mask
}

// takeHeader takes the bytes of the header from b, and returns how many there were. It
// checks each byte as soon as it is there, so that the result does not depend on where
// the bytes were cut.
func (d *Decoder) takeHeader(b []byte) (n int, violated *violation) {
	for {
		size := d.headerSize()
		n += d.fill(b[n:], size)
		if violated := d.checkFirst(); violated != nil {
			return n, violated
		}
		if d.have < 2 {
			return n, nil
		}
		if violated := d.checkSecond(); violated != nil {
			return n, violated
		}
		if d.have < size || size == d.headerSize() {
			return n, nil
		}
	}
}

// fill copies bytes to the header until it has size bytes. It returns how many.
func (d *Decoder) fill(b []byte, size uint8) int {
	n := copy(d.header[d.have:size], b)
	d.have += uint8(n)
	return n
}

// checkFirst checks the header's first byte.
func (d *Decoder) checkFirst() *violation {
	first, opcode := d.header[0], d.opcode()
	switch {
	case first&BitsReserved != 0:
		return errReserved
	case opcode == OpContinuation:
		if !d.fragmented {
			return errContinuation
		}
	case opcode == OpText, opcode == OpBinary:
		if d.fragmented {
			return errUnfinished
		}
		if opcode == OpText {
			return errKind
		}
	case opcode == OpClose, opcode == OpPing, opcode == OpPong:
		if first&BitFinal == 0 {
			return errFragmented
		}
	default:
		return errOpcode
	}
	return nil
}

// checkSecond checks the header's second byte.
func (d *Decoder) checkSecond() *violation {
	switch second := d.header[1]; {
	case second&BitMasked == 0:
		return errUnmasked
	case d.opcode()&BitControl != 0 && second&BitsLength > MaxControl:
		return errControl
	}
	return nil
}

// begin prepares for the payload, when the header is complete.
func (d *Decoder) begin(r *Received, spares *Spares) *violation {
	length, violated := d.length()
	if violated != nil {
		return violated
	}
	switch d.opcode() {
	case OpPing, OpClose:
		// Only the latest of several pings has to be answered (section 5.5.3),
		// and none after a close frame. So one buffer is enough.
		d.pongDue = false
		if length == 0 {
			spares.put(d.control)
			d.control = nil
			break
		}
		if d.control == nil {
			d.control = spares.get()
		}
		d.control.have = 0
	case OpPong:
	default:
		if length > MaxMessage-uint64(d.before) {
			return errLarge
		}
		d.before += uint16(length)
		d.fragmented = d.header[0]&BitFinal == 0
		if !d.fragmented {
			if d.before%wire.Size != 0 {
				return errKind
			}
			r.Empty = r.Empty || d.before == 0
			d.before = 0
		}
	}
	d.left = uint16(length)
	d.key = binary.LittleEndian.Uint32(d.header[d.have-4:])
	return nil
}

// length returns the length of the payload, which must be encoded in as few bytes as
// possible.
func (d *Decoder) length() (uint64, *violation) {
	switch length := uint64(d.header[1] & BitsLength); length {
	case Length16:
		length = uint64(binary.BigEndian.Uint16(d.header[2:]))
		if length < Length16 {
			return 0, errLength
		}
		return length, nil
	case Length64:
		length = binary.BigEndian.Uint64(d.header[2:])
		if length > math.MaxInt64 {
			return 0, errLengthBits
		}
		if length <= math.MaxUint16 {
			return 0, errLength
		}
		return length, nil
	default:
		return length, nil
	}
}

// takePayload takes b, the next bytes of the payload. Those of messages go to data,
// which may overlap b.
func (d *Decoder) takePayload(data, b []byte, r *Received) {
	switch d.opcode() {
	case OpPing, OpClose:
		d.key = Mask(d.control.payload[d.control.have:], b, d.key)
		d.control.have += len(b)
	case OpPong: // its payload is ignored
	default:
		d.key = Mask(data, b, d.key)
		r.Data += len(b)
	}
	d.left -= uint16(len(b))
}

// finish handles the end of a frame.
func (d *Decoder) finish(r *Received, spares *Spares) {
	switch d.opcode() {
	case OpPing:
		d.pongDue = true
	case OpPong:
		r.Pong = true
	case OpClose:
		status, violated := parseClose(d.payload())
		if violated != nil {
			d.end(r, violated.status, violated.text, spares)
		} else {
			d.end(r, status, "", spares)
		}
		return
	}
	d.key, d.header, d.have = 0, [10]byte{}, 0
}

// payload returns the payload of a ping or close frame.
func (d *Decoder) payload() []byte {
	if d.control == nil {
		return nil
	}
	return d.control.payload[:d.control.have]
}

// end ends the WebSocket. No ping is answered after that (section 5.5.2).
func (d *Decoder) end(r *Received, status Status, violation string, spares *Spares) {
	r.Close, r.Violation = status, violation
	spares.put(d.control)
	*d = Decoder{ended: true}
}

// PongDue reports whether the client has to be sent a pong. However many pings come
// before that is done, it is one pong.
func (d *Decoder) PongDue() bool { return d.pongDue }

// AppendPong appends the pong frame that is due, which is then no longer due. It
// appends nothing if none is.
func (d *Decoder) AppendPong(b []byte, spares *Spares) []byte {
	if !d.pongDue {
		return b
	}
	payload := d.payload()
	b = append(b, BitFinal|OpPong, byte(len(payload)))
	b = append(b, payload...)
	spares.put(d.control)
	d.control, d.pongDue = nil, false
	return b
}
