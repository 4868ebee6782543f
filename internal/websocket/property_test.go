package websocket

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// However a client's messages are fragmented, however its bytes are cut, and whenever its
// pings are answered: the messages come out as they went in, a pong is due once the
// latest ping is complete, and the close frame or violation is reported.
func TestDecodeStream(t *testing.T) { rapid.Check(t, decodeStream) }

// The same, looked for by the fuzzer.
func FuzzDecodeStream(f *testing.F) { f.Fuzz(rapid.MakeFuzz(decodeStream)) }

func decodeStream(t *rapid.T) {
	s := stream{t: t}
	for range rapid.IntRange(0, 5).Draw(t, "WebSocket messages") {
		s.message()
	}
	s.end()
	s.check()
}

// A stream is what a client sends, and what has to be found in it.
type stream struct {
	t     *rapid.T
	bytes []byte
	data  []byte // of messages
	// The ping and close frames, in the order of their places.
	controls []answerable
	pongs    int
	close    Status
	broke    string
}

// An answerable is a ping or a close frame of a stream.
type answerable struct {
	headerEnd, end int
	payload        []byte
	isPing         bool
}

// add adds a frame with a random mask.
func (s *stream) add(f frame) {
	copy(f.mask[:], rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(s.t, "mask"))
	headerEnd := len(s.bytes) + len(f.header())
	s.bytes = append(s.bytes, f.encode()...)
	switch f.opcode {
	case OpPing, OpClose:
		s.controls = append(s.controls, answerable{headerEnd, len(s.bytes), f.payload, f.opcode == OpPing})
	case OpPong:
		s.pongs++
	case OpBinary, OpContinuation:
		s.data = append(s.data, f.payload...)
	}
}

// message adds a WebSocket message in fragments, with control frames around them.
func (s *stream) message() {
	n := wire.Size * rapid.OneOf(rapid.IntRange(1, 3), rapid.IntRange(1, 32)).Draw(s.t, "messages")
	payload := bytes.Clone(messages(33)[rapid.IntRange(0, wire.Size-1).Draw(s.t, "from"):][:n])
	cuts := rapid.SliceOfN(rapid.IntRange(0, n), 0, 4).Draw(s.t, "fragments")
	slices.Sort(cuts)
	from := 0
	for i, to := range append(cuts, n) {
		s.control()
		f := frame{opcode: OpBinary, payload: payload[from:to], more: i < len(cuts)}
		if i > 0 {
			f.opcode = OpContinuation
		}
		s.add(f)
		from = to
	}
	s.control()
}

func (s *stream) control() {
	for range rapid.IntRange(0, 2).Draw(s.t, "control frames") {
		s.add(frame{
			opcode:  rapid.SampledFrom([]byte{OpPing, OpPong}).Draw(s.t, "opcode"),
			payload: rapid.SliceOfN(rapid.Byte(), 0, 125).Draw(s.t, "payload"),
		})
	}
}

// end adds a close frame or a violation, and bytes after it; or nothing.
func (s *stream) end() {
	switch rapid.SampledFrom([]string{"not", "close", "break"}).Draw(s.t, "end") {
	case "not":
		return
	case "close":
		s.close = Status(rapid.OneOf(rapid.IntRange(1007, 1014), rapid.IntRange(3000, 4999)).Draw(s.t, "code"))
		s.add(closing(s.close, rapid.StringN(0, 30, 123).Draw(s.t, "reason")))
	case "break":
		broken := rapid.SampledFrom([]struct {
			f frame
			v *violation
		}{
			{frame{opcode: 3}, errOpcode},
			{frame{opcode: OpText}, errKind},
			{frame{opcode: OpPing, reserved: 1}, errReserved},
			{frame{opcode: OpContinuation}, errContinuation},
		}).Draw(s.t, "broken frame")
		s.bytes = append(s.bytes, broken.f.encode()...)
		s.close, s.broke = broken.v.status, broken.v.text
	}
	s.bytes = append(s.bytes, rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(s.t, "more")...)
}

// check decodes the stream in pieces, and checks what was found.
func (s *stream) check() {
	var (
		d                Decoder
		spares           Spares
		data             []byte
		pong             bool
		close            Status
		broke            string
		answered, at     int // controls that were answered or replaced; bytes decoded
		cuts             = rapid.SliceOfN(rapid.IntRange(0, len(s.bytes)), 0, 20).Draw(s.t, "cuts")
		outLast, outNext [MaxControlFrame]byte
	)
	slices.Sort(cuts)
	for _, to := range append(cuts, len(s.bytes)) {
		piece := bytes.Clone(s.bytes[at:to])
		at = to
		r := d.Decode(piece, &spares)
		data = append(data, piece[:r.Data]...)
		pong = pong || r.Pong
		if r.Close != 0 {
			close, broke = r.Close, r.Violation
		}
		due := -1 // the ping that is to be answered
		for i, c := range s.controls {
			switch {
			case c.headerEnd > at:
			case c.end <= at && c.isPing:
				due = i
			default:
				due = -1
			}
		}
		isDue := due >= answered && due >= 0 && close == 0
		if d.PongDue() != isDue {
			s.t.Fatalf("after %d bytes a pong is due: %v", at, d.PongDue())
		}
		if !isDue || rapid.Bool().Draw(s.t, "the socket is full") {
			continue
		}
		want := frame{opcode: OpPong, payload: s.controls[due].payload, unmasked: true}.encode()
		if got := d.AppendPong(outLast[:0], &spares); !bytes.Equal(got, want) {
			s.t.Fatalf("after %d bytes the pong is %x, want %x", at, got, want)
		}
		if got := d.AppendPong(outNext[:0], &spares); len(got) > 0 {
			s.t.Fatalf("after %d bytes there is another pong, %x", at, got)
		}
		answered = due + 1
	}
	if !bytes.Equal(data, s.data) {
		s.t.Fatalf("%d bytes of messages, want %d; or others", len(data), len(s.data))
	}
	if close != s.close || broke != s.broke {
		s.t.Fatalf("closed with %d %q, want %d %q", close, broke, s.close, s.broke)
	}
	if pong != (s.pongs > 0) {
		s.t.Fatalf("a pong: %v; %d were sent", pong, s.pongs)
	}
	if s.close == 0 && !d.PongDue() && d != (Decoder{}) {
		s.t.Fatalf("%+v is left of an idle client", d)
	}
}
