package websocket

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"sop-chat/internal/wire"
)

// A frame is one as clients send it. The zero values of its fields but the opcode are
// what is right.
type frame struct {
	opcode  byte
	payload []byte

	more     bool // FIN is not set
	reserved byte // the three bits, RSV1 the highest
	unmasked bool
	mask     [4]byte
	length   int // how many bytes the length takes; 0 is what it needs
}

// header returns the header of f.
func (f frame) header() []byte {
	b := []byte{f.opcode | f.reserved<<4, 0}
	if !f.more {
		b[0] |= 0x80
	}
	n, size := len(f.payload), f.length
	if size == 0 {
		size = 1
		if n > 125 {
			size = 2
		}
		if n > 0xffff {
			size = 8
		}
	}
	switch size {
	case 1:
		b[1] = byte(n)
	case 2:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	case 8:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if !f.unmasked {
		b[1] |= 0x80
		b = append(b, f.mask[:]...)
	}
	return b
}

// encode returns the bytes of f.
func (f frame) encode() []byte {
	b := f.header()
	for i, c := range f.payload {
		if !f.unmasked {
			c ^= f.mask[i%4]
		}
		b = append(b, c)
	}
	return b
}

// encode returns the bytes of frames, one after the other.
func encode(frames ...frame) []byte {
	var all []byte
	for _, f := range frames {
		all = append(all, f.encode()...)
	}
	return all
}

var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d} // that of the RFC's examples, section 5.7

func binaryFrame(payload []byte) frame { return frame{opcode: OpBinary, payload: payload, mask: mask} }

// first returns the first frame of a WebSocket message that has more.
func first(payload []byte) frame {
	return frame{opcode: OpBinary, payload: payload, mask: mask, more: true}
}

// middle and last return those that follow it.
func middle(payload []byte) frame { return frame{payload: payload, mask: mask, more: true} }
func last(payload []byte) frame   { return frame{payload: payload, mask: mask} }

func ping(payload string) frame { return frame{opcode: OpPing, payload: []byte(payload), mask: mask} }

func pong(payload string) frame { return frame{opcode: OpPong, payload: []byte(payload), mask: mask} }

func closing(status Status, reason string) frame {
	payload := binary.BigEndian.AppendUint16(nil, uint16(status))
	return frame{opcode: OpClose, payload: append(payload, reason...), mask: mask}
}

// messages returns n messages, of which no two bytes that are close are alike.
func messages(n int) []byte {
	b := make([]byte, n*wire.Size)
	for i := range b {
		b[i] = byte(i*7 + i/wire.Size)
	}
	return b
}

// An outcome is all that came of some bytes.
type outcome struct {
	data    string
	pong    bool // one arrived
	empty   bool // a frame without messages arrived
	close   Status
	broke   string // the violation
	pongDue string // the frame that is due at the end
	idle    bool   // the decoder is its zero value, the pong that is due left aside
}

func (o outcome) String() string {
	return fmt.Sprintf("%d bytes of messages (%x), pong %v, empty %v, close %d %q, pong due %q, idle %v",
		len(o.data), sha1.Sum([]byte(o.data)), o.pong, o.empty, o.close, o.broke, o.pongDue, o.idle)
}

// decode decodes input, cut at some places.
func decode(t testing.TB, input []byte, cuts ...int) outcome {
	t.Helper()
	var (
		d      Decoder
		spares Spares
		all    outcome
	)
	from := 0
	for _, to := range append(slices.Clone(cuts), len(input)) {
		b := bytes.Clone(input[from:to])
		from = to
		r := d.Decode(b, &spares)
		d = goOn(t, &d)
		if all.close != 0 && r != (Received{}) {
			t.Fatalf("after the end there was %+v", r)
		}
		all.data += string(b[:r.Data])
		all.pong = all.pong || r.Pong
		all.empty = all.empty || r.Empty
		if r.Close != 0 {
			all.close, all.broke = r.Close, r.Violation
		}
	}
	due := d.PongDue()
	all.pongDue = string(d.AppendPong(nil, &spares))
	if due != (all.pongDue != "") {
		t.Errorf("a pong is due: %v; it is %q", due, all.pongDue)
	}
	if d.PongDue() || len(d.AppendPong(nil, &spares)) > 0 {
		t.Error("a pong is due twice")
	}
	all.idle = d == Decoder{}
	return all
}

// everywhere returns all places but the ends of so many bytes.
func everywhere(n int) []int {
	var cuts []int
	for i := 1; i < n; i++ {
		cuts = append(cuts, i)
	}
	return cuts
}

// decodeAnyhow decodes input in one piece, in pieces of a byte, and in two pieces cut
// at each of the first and last places. It fails if that makes a difference.
func decodeAnyhow(t testing.TB, input []byte) outcome {
	t.Helper()
	want := decode(t, input)
	if got := decode(t, input, everywhere(len(input))...); got != want {
		t.Errorf("byte by byte: %v\nin one piece: %v", got, want)
	}
	const some = 100
	for cut := range len(input) {
		if cut > some && cut < len(input)-some {
			continue
		}
		if got := decode(t, input, cut); got != want {
			t.Errorf("cut at %d: %v\nin one piece: %v", cut, got, want)
		}
	}
	return want
}
