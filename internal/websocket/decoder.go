package websocket

import (
	"encoding/binary"
	"math"

	"sop-chat/internal/wire"
)

// A Decoder is what has to be known of a client's bytes until its next ones come. It
// belongs to one goroutine. Its zero value is ready to be used, and that is also
// what it is whenever a WebSocket message is complete and no ping is unanswered: an
// idle client needs none.
type Decoder struct {
	control *control // of a ping or close frame that is incomplete, or of a ping that is to be answered

	key    uint32   // takes the mask off the next byte of the payload
	left   uint16   // bytes of the payload that are to come; otherwise a header is
	before uint16   // bytes of the WebSocket message in its frames so far
	header [10]byte // of the frame
	have   uint8    // bytes of the header

	fragmented bool // the WebSocket message has more frames
	pongDue    bool // a ping is complete and unanswered
	ended      bool // what comes now is ignored
}

// Received is what some of a client's bytes were.
type Received struct {
	// Data is how many bytes of messages there were.
	Data int
	// Pong is set if there was a pong, so that the client is alive.
	Pong bool
	// Close is set once the WebSocket has to be closed: the client has sent a
	// close frame, or broken a rule. It is the status of the close frame to send.
	Close Status
	// Violation says which rule the client broke. It is the reason in the close
	// frame to send.
	Violation string
}

// Decode takes the next bytes of a client, and moves the bytes of messages among
// them to the front of b, to Received.Data. Of each message they may be any part;
// but a WebSocket message is whole messages, or a violation.
//
// So that nothing has to wait in the server, messages are returned before their
// WebSocket message is complete. A violation in a later frame of it comes after
// they were; one in the length of a single frame comes before.
//
// What comes after a close frame or a violation is ignored.
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
				violated = d.begin(spares)
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

func (d *Decoder) opcode() byte { return d.header[0] & bitsOpcode }

// headerSize returns how long the header is, as far as that is known.
func (d *Decoder) headerSize() uint8 {
	const mask = 4
	switch {
	case d.have < 2:
		return 2
	case d.header[1]&bitsLength == length16:
		return 2 + 2 + mask
	case d.header[1]&bitsLength == length64:
		return 2 + 8 // such a length is always a violation
	}
	return 2 + mask
}

// takeHeader takes what b has of the header, returns how much that was, and checks
// what is known of it in the order of its bytes. So it makes no difference where
// they are cut.
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

// fill copies bytes to the header until it has size.
func (d *Decoder) fill(b []byte, size uint8) int {
	n := copy(d.header[d.have:size], b)
	d.have += uint8(n)
	return n
}

// checkFirst checks the header's first byte.
func (d *Decoder) checkFirst() *violation {
	first, opcode := d.header[0], d.opcode()
	switch {
	case first&bitsReserved != 0:
		return errReserved
	case opcode == opContinuation:
		if !d.fragmented {
			return errContinuation
		}
	case opcode == opText, opcode == opBinary:
		if d.fragmented {
			return errUnfinished
		}
		if opcode == opText {
			return errKind
		}
	case opcode == opClose, opcode == opPing, opcode == opPong:
		if first&bitFinal == 0 {
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
	case second&bitMasked == 0:
		return errUnmasked
	case d.opcode()&bitControl != 0 && second&bitsLength > maxControl:
		return errControl
	}
	return nil
}

// begin begins the payload of the frame whose header is complete.
func (d *Decoder) begin(spares *Spares) *violation {
	length, violated := d.length()
	if violated != nil {
		return violated
	}
	switch d.opcode() {
	case opPing, opClose:
		// A ping that is unanswered yet need not be, once there is another
		// (section 5.5.3). So one buffer is enough.
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
	case opPong:
	default:
		if length > MaxMessage-uint64(d.before) {
			return errLarge
		}
		d.before += uint16(length)
		d.fragmented = d.header[0]&bitFinal == 0
		if !d.fragmented {
			if d.before == 0 || d.before%wire.Size != 0 {
				return errKind
			}
			d.before = 0
		}
	}
	d.left = uint16(length)
	d.key = binary.LittleEndian.Uint32(d.header[d.have-4:])
	return nil
}

// length returns the length of the payload. It has to take the fewest bytes that it
// fits.
func (d *Decoder) length() (uint64, *violation) {
	switch length := uint64(d.header[1] & bitsLength); length {
	case length16:
		length = uint64(binary.BigEndian.Uint16(d.header[2:]))
		if length < length16 {
			return 0, errLength
		}
		return length, nil
	case length64:
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

// takePayload takes the next bytes of a frame's payload. Those of messages go to data,
// which they may overlap.
func (d *Decoder) takePayload(data, b []byte, r *Received) {
	switch d.opcode() {
	case opPing, opClose:
		d.key = unmask(d.control.payload[d.control.have:], b, d.key)
		d.control.have += len(b)
	case opPong: // its payload is not looked at
	default:
		d.key = unmask(data, b, d.key)
		r.Data += len(b)
	}
	d.left -= uint16(len(b))
}

// finish ends a frame whose payload is complete.
func (d *Decoder) finish(r *Received, spares *Spares) {
	switch d.opcode() {
	case opPing:
		d.pongDue = true
	case opPong:
		r.Pong = true
	case opClose:
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

// end ends the WebSocket. A ping is not answered any more (section 5.5.2).
func (d *Decoder) end(r *Received, status Status, violation string, spares *Spares) {
	r.Close, r.Violation = status, violation
	spares.put(d.control)
	*d = Decoder{ended: true}
}

// PongDue reports whether the client has to be sent a pong. However many pings come
// before it can be sent, it is one.
func (d *Decoder) PongDue() bool { return d.pongDue }

// AppendPong appends the pong frame that is due to b, and counts it as sent. It
// appends nothing if none is due.
func (d *Decoder) AppendPong(b []byte, spares *Spares) []byte {
	if !d.pongDue {
		return b
	}
	payload := d.payload()
	b = append(b, bitFinal|opPong, byte(len(payload)))
	b = append(b, payload...)
	spares.put(d.control)
	d.control, d.pongDue = nil, false
	return b
}
