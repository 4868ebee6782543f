package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// A halting transport takes so many bytes, and then no more.
type halting struct {
	sink
	room    int
	written []byte
}

func (h *halting) write(_ int, b []byte) (int, error) {
	n := min(len(b), h.room)
	h.room -= n
	h.written = append(h.written, b[:n]...)
	return n, nil
}

// A listener notes what it is told.
type listener struct {
	connects, writables int
	bytes               []byte
	pieces              int
	cause               error
}

func (l *listener) connected(int) error { l.connects++; return nil }
func (l *listener) writable(int) error  { l.writables++; return nil }
func (l *listener) ended(_ int, cause error) error {
	l.cause = cause
	return nil
}

func (l *listener) received(_ int, b []byte, _ time.Duration) error {
	l.bytes = append(l.bytes, b...)
	l.pieces++
	return nil
}

// openWebSocket returns a transport with one WebSocket that is there.
func openWebSocket(t testing.TB, inner transport, h handler) *webSocketTransport {
	t.Helper()
	d := Chat("key")
	d.WebSocket = &WebSocket{Path: "/ws"}
	w := overWebSockets(inner, &Config{Dialect: d, Servers: make([]Server, 1)})
	w.handler = h
	if err := errors.Join(w.connect(0, netip.AddrPort{}), w.connected(0)); err != nil {
		t.Fatal(err)
	}
	if err := w.received(0, []byte(accepted(w.links[0].upgrade.key)), 0); err != nil {
		t.Fatal(err)
	}
	return w
}

// unmask takes a client's frame off the front of b.
func unmask(t testing.TB, b []byte) (first byte, payload, rest []byte) {
	t.Helper()
	n, header := int(b[1]&^websocket.BitMasked), 2
	if n == websocket.Length16 {
		n, header = int(b[2])<<8|int(b[3]), 4
	}
	if b[1]&websocket.BitMasked == 0 || n == websocket.Length64 {
		t.Fatalf("not a masked frame: %.20x", b)
	}
	key, payload := b[header:][:4], bytes.Clone(b[header+4:][:n])
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	return b[0], payload, b[header+4+n:]
}

// Frames are written whole, a message each, however little the connection
// takes; and nothing else is taken until they are gone.
func TestWebSocketWrites(t *testing.T) {
	inner, h := &halting{room: 1 << 20}, &listener{}
	w := openWebSocket(t, inner, h)
	inner.written, inner.room = nil, 100
	var want []byte
	for i := range 3 * wire.Size {
		want = append(want, byte(i%251))
	}
	if n, err := w.write(0, want); n != len(want) || err != nil {
		t.Fatalf("took %d bytes, %v", n, err)
	}
	for len(w.links[0].unsent) > 0 {
		if n, err := w.write(0, want); n != 0 || err != nil || h.writables > 0 {
			t.Fatalf("took %d bytes while others wait, %v", n, err)
		}
		inner.room = 100
		if err := w.writable(0); err != nil {
			t.Fatal(err)
		}
	}
	if h.writables != 1 {
		t.Errorf("it was said %d times that there may be written", h.writables)
	}
	var got []byte
	for b := inner.written; len(b) > 0; {
		first, payload, rest := unmask(t, b)
		if first != websocket.BitFinal|websocket.OpBinary || len(payload) != wire.Size {
			t.Fatalf("a frame %#x of %d bytes", first, len(payload))
		}
		got, b = append(got, payload...), rest
	}
	if !bytes.Equal(got, want) {
		t.Error("what is in the frames is not what was written")
	}
}

// Pings are answered, also while something waits to be sent, and payloads of
// small frames are handed over together.
func TestWebSocketReads(t *testing.T) {
	inner, h := &halting{room: 1 << 20}, &listener{}
	w := openWebSocket(t, inner, h)
	inner.written, inner.room = nil, 10
	if _, err := w.write(0, make([]byte, wire.Size)); err != nil {
		t.Fatal(err)
	}
	var stream, want []byte
	for i := range 8 {
		m := bytes.Repeat([]byte{byte(i)}, wire.Size<<(i/2))
		stream = append(stream, serverFrame(websocket.BitFinal|websocket.OpBinary, m)...)
		want = append(want, m...)
		if i == 3 {
			stream = append(stream, serverFrame(websocket.BitFinal|websocket.OpPing, []byte("there?"))...)
		}
	}
	if err := w.received(0, stream, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(h.bytes, want) {
		t.Errorf("%d bytes were handed over, want %d", len(h.bytes), len(want))
	}
	if h.pieces != 3 { // those of up to 2 KiB are moved to the first, and those of 4 KiB are not
		t.Errorf("they were handed over in %d pieces", h.pieces)
	}
	inner.room = 1 << 20
	if err := w.writable(0); err != nil {
		t.Fatal(err)
	}
	_, _, rest := unmask(t, inner.written)
	if first, payload, rest := unmask(t, rest); first != websocket.BitFinal|websocket.OpPong || string(payload) != "there?" || len(rest) > 0 {
		t.Errorf("the ping was answered with %#x %q", first, payload)
	}
}

// A close frame is answered, and ends the connection once, with its reason.
func TestWebSocketCloses(t *testing.T) {
	inner, h := &halting{room: 1 << 20}, &listener{}
	w := openWebSocket(t, inner, h)
	inner.written = nil
	m := make([]byte, wire.Size)
	stream := append(serverFrame(websocket.BitFinal|websocket.OpBinary, m), serverFrame(websocket.BitFinal|websocket.OpClose, []byte("\x03\xe9bye"))...)
	stream = append(stream, serverFrame(websocket.BitFinal|websocket.OpBinary, m)...)
	if err := w.received(0, stream, 0); err != nil {
		t.Fatal(err)
	}
	if len(h.bytes) != wire.Size || h.cause == nil || h.cause.Error() != `the WebSocket was closed with code 1001 ("bye")` {
		t.Errorf("%d bytes, then %v", len(h.bytes), h.cause)
	}
	if first, payload, rest := unmask(t, inner.written); first != websocket.BitFinal|websocket.OpClose || string(payload) != "\x03\xe9" || len(rest) > 0 {
		t.Errorf("it was answered with %#x %q", first, payload)
	}
	h.cause = nil
	if err := w.ended(0, io.EOF); err != nil || h.cause != nil {
		t.Errorf("it ended twice: %v, %v", h.cause, err)
	}
	w = openWebSocket(t, inner, h)
	if err := w.received(0, serverFrame(websocket.BitFinal|websocket.OpClose, []byte{3}), 0); err == nil || !strings.Contains(err.Error(), "half a code") {
		t.Error(err)
	}
}

// Nothing is allocated for a message, neither sent nor received.
func TestWebSocketNoAllocations(t *testing.T) {
	t.Run("without numbers", func(t *testing.T) { testNoAllocations(t, false) })
	t.Run("with numbers", func(t *testing.T) { testNoAllocations(t, true) })
}

func testNoAllocations(t *testing.T, numbered bool) {
	w := openWebSocket(t, sink{}, &counter{})
	var stream []byte
	for i := range 100 {
		stream = append(stream, frameOf(1+i%40)...)
	}
	if numbered {
		stream = number(t, w, stream)
	}
	const cut = 70_001
	received := make([]byte, len(stream))
	burst := make([]byte, maxBurst*wire.Size)
	round := func() {
		copy(received, stream) // which is written into
		w.links[0].numbers.next = min(w.links[0].numbers.next, fakeFirst)
		for _, b := range [][]byte{received[:cut], received[cut:]} {
			if err := w.received(0, b, 0); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := w.write(0, burst); n != len(burst) || err != nil {
			t.Fatal(n, err)
		}
	}
	if n := testing.AllocsPerRun(20, round); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func frameOf(messages int) []byte {
	return serverFrame(websocket.BitFinal|websocket.OpBinary, make([]byte, messages*wire.Size))
}

// number has a WebSocket be told numbers from now on, and returns its frames with them.
func number(t testing.TB, w *webSocketTransport, frames []byte) (numbered []byte) {
	t.Helper()
	w.told, w.rooms[0], w.unit = true, room{epoch: fakeEpoch, first: fakeFirst}, 1
	w.links[0].frames.unit = 1
	w.links[0].numbers = numbers{next: fakeFirst, caughtUp: true}
	r := frameReader{unit: wire.Size}
	for next := uint64(fakeFirst); len(frames) > 0; {
		_, payload, rest, err := r.next(frames)
		if err != nil {
			t.Fatal(err)
		}
		b := binary.BigEndian.AppendUint64(nil, next)
		b = append(binary.BigEndian.AppendUint64(b, fakeMillis), payload...)
		numbered = append(numbered, serverFrame(websocket.BitFinal|websocket.OpBinary, b)...)
		next += uint64(len(payload) / wire.Size)
		frames = rest
	}
	return numbered
}

const fakeMillis = 1_700_000_000_000

// A counter counts the bytes that it is handed.
type counter struct {
	listener
	n int
}

func (c *counter) received(_ int, b []byte, _ time.Duration) error {
	c.n += len(b)
	return nil
}

// Taking frames apart costs this much, besides what BenchmarkReceive shows.
func BenchmarkUnframe(b *testing.B) {
	for _, test := range []struct {
		what     string
		messages int
		numbered bool
	}{
		{"of one message", 1, false},
		{"of 32 messages", 32, false},
		{"of one message with numbers", 1, true},
		{"of 32 messages with numbers", 32, true},
	} {
		b.Run(test.what, func(b *testing.B) {
			w := openWebSocket(b, sink{}, &counter{})
			var stream []byte
			const all = 384
			for range all / test.messages {
				stream = append(stream, frameOf(test.messages)...)
			}
			if test.numbered {
				stream = number(b, w, stream)
			}
			received := make([]byte, len(stream))
			for b.Loop() {
				b.StopTimer()
				copy(received, stream)
				w.links[0].numbers.next = min(w.links[0].numbers.next, fakeFirst)
				b.StartTimer()
				if err := w.received(0, received, 0); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/all, "ns/message")
		})
	}
}
