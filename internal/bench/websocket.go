package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// A webSocketTransport carries bytes in the binary frames of WebSockets, over
// another transport. It stands between that and the handler:
//
//	handler ◀── webSocketTransport ◀── transport
//	        ──▶                    ──▶
//
// To the handler a connection is there when the server has upgraded it. What it
// writes is sent a message a frame, as the page does, masked with keys of their
// own; what is received are the payloads, wherever frames begin and end. Where the
// server speaks the subprotocol Numbers, a numberHandler is told of the numbers.
type webSocketTransport struct {
	inner    transport
	handler  handler // while it waits
	config   *Config
	piece    int    // bytes that are sent in one frame
	unit     uint64 // see frameReader
	links    []webSocket
	framing  []byte // what is about to be sent
	answered bool   // the first link knows whether the server speaks the subprotocol
	told     bool   // it does
	rooms    []room // what all admissions to each say, then
}

// A webSocket is one connection.
type webSocket struct {
	upgrade *upgrade // until the server has answered it
	closed  bool     // the server has ended it; what comes is ignored
	frames  frameReader
	numbers numbers
	unsent  []byte // frames that the connection has not taken yet
}

// worthMoving is up to how many bytes payloads are moved together, so that they
// can be handed over at once. Moving more costs more than handing over.
const worthMoving = 2 << 10

var (
	_ transport = (*webSocketTransport)(nil)
	_ handler   = (*webSocketTransport)(nil)
)

// overWebSockets returns a transport for servers whose dialect is spoken through
// WebSockets. Closing it closes the one beneath.
func overWebSockets(inner transport, c *Config) *webSocketTransport {
	t := &webSocketTransport{
		inner: inner, config: c, piece: c.Dialect.Publish.size(), unit: 1,
		rooms: make([]room, max(len(c.Rooms), 1)),
	}
	if c.Dialect.bare() {
		t.unit = wire.Size // nothing but frames says where messages begin
	}
	return t
}

func (t *webSocketTransport) close() { t.inner.close() }

// room returns the room of a connection.
func (t *webSocketTransport) room(number int) *room { return &t.rooms[number%len(t.rooms)] }

func (t *webSocketTransport) connect(number int, to netip.AddrPort) error {
	d, host := &t.config.Dialect, t.config.host(number)
	l := webSocket{upgrade: newUpgrade(d.WebSocket, d.Subprotocol, host, to), frames: frameReader{unit: t.unit}}
	if number == len(t.links) {
		t.links = append(t.links, l)
	} else {
		t.links[number] = l
	}
	return t.inner.connect(number, to)
}

// write takes all, or nothing as long as there is something left of before.
func (t *webSocketTransport) write(number int, b []byte) (int, error) {
	l := &t.links[number]
	if len(l.unsent) > 0 {
		return 0, nil
	}
	piece := len(b)
	if piece%t.piece == 0 {
		piece = t.piece
	}
	t.framing = t.framing[:0]
	for rest := b; len(rest) > 0; rest = rest[piece:] {
		t.framing = websocket.AppendMasked(t.framing, websocket.OpBinary, rest[:piece], rand.Uint32())
	}
	return len(b), t.send(number, t.framing)
}

// send writes whole frames; what the connection does not take waits.
func (t *webSocketTransport) send(number int, frames []byte) error {
	l := &t.links[number]
	n := 0
	if len(l.unsent) == 0 {
		var err error
		if n, err = t.inner.write(number, frames); err != nil {
			return err
		}
	}
	l.unsent = append(l.unsent, frames[n:]...)
	return nil
}

func (t *webSocketTransport) wait(until time.Time, h handler) error {
	t.handler = h
	return t.inner.wait(until, t)
}

// connected asks for a WebSocket.
func (t *webSocketTransport) connected(number int) error {
	return t.send(number, t.links[number].upgrade.request())
}

func (t *webSocketTransport) writable(number int) error {
	l := &t.links[number]
	if len(l.unsent) > 0 {
		n, err := t.inner.write(number, l.unsent)
		if err != nil {
			return t.ended(number, err)
		}
		l.unsent = append(l.unsent[:0], l.unsent[n:]...)
	}
	if len(l.unsent) > 0 || l.upgrade != nil || l.closed {
		return nil
	}
	return t.handler.writable(number)
}

func (t *webSocketTransport) ended(number int, cause error) error {
	l := &t.links[number]
	if l.closed {
		return nil
	}
	l.closed = true
	if _, failed := errors.AsType[*connectError](cause); l.upgrade != nil && !failed {
		return fmt.Errorf("client %d: %w", number, l.upgrade.unanswered(cause))
	}
	return t.handler.ended(number, cause)
}

func (t *webSocketTransport) received(number int, b []byte, ago time.Duration) error {
	l := &t.links[number]
	if l.upgrade != nil {
		whole, rest, err := l.upgrade.read(b)
		if err != nil {
			return fmt.Errorf("client %d: %w", number, err)
		}
		if !whole {
			return nil
		}
		if err := t.agree(number, l.upgrade.agreed); err != nil {
			return err
		}
		l.upgrade, b = nil, rest
		if err := t.handler.connected(number); err != nil {
			return err
		}
	}
	return t.unframe(number, b, ago)
}

// unframe hands over what is in the frames of b.
func (t *webSocketTransport) unframe(number int, b []byte, ago time.Duration) error {
	l := &t.links[number]
	var run []byte // of payloads, moved together in b
	for len(b) > 0 && !l.closed {
		opcode, payload, rest, err := l.frames.next(b)
		if err != nil {
			return fmt.Errorf("client %d: %w", number, err)
		}
		b = rest
		switch opcode {
		case websocket.OpBinary:
			if t.told {
				if payload, run, err = t.unnumber(number, payload, run, ago); err != nil {
					return err
				}
			}
			if len(run) > 0 && len(payload) <= worthMoving {
				run = append(run, payload...) // which lies behind it in b
				continue
			}
			if err := t.handOver(number, run, ago); err != nil {
				return err
			}
			run = payload
		case websocket.OpPing:
			if err := t.answer(number, websocket.OpPong, payload); err != nil {
				return err
			}
		case websocket.OpClose:
			if err := t.handOver(number, run, ago); err != nil {
				return err
			}
			return t.answerClose(number, payload)
		}
	}
	return t.handOver(number, run, ago)
}

func (t *webSocketTransport) handOver(number int, payload []byte, ago time.Duration) error {
	if len(payload) == 0 {
		return nil
	}
	return t.handler.received(number, payload, ago)
}

// agree notes whether the server speaks the subprotocol with a client.
func (t *webSocketTransport) agree(number int, agreed bool) error {
	if t.answered && agreed != t.told {
		return fmt.Errorf("client %d: the server speaks %s with some clients and not with others", number, t.config.Dialect.Subprotocol)
	}
	if t.answered = true; agreed && !t.told {
		t.told, t.unit = true, 1
	}
	t.links[number].frames.unit = t.unit
	return nil
}

// unnumber takes what comes before the messages of a frame off a part of its payload.
// If those do not continue the run before them, it hands that over.
func (t *webSocketTransport) unnumber(number int, payload, run []byte, ago time.Duration) (messages, rest []byte, err error) {
	l := &t.links[number]
	payload, complete, err := l.numbers.take(payload, &l.frames)
	if err != nil {
		return nil, nil, fmt.Errorf("client %d: %w", number, err)
	}
	if complete {
		if run, err = t.beginFrame(number, run, ago); err != nil {
			return nil, nil, err
		}
	}
	if !l.numbers.caughtUp { // until then a page sends nothing, so it need not know that it is in
		l.numbers.echo = append(l.numbers.echo, payload...)
		return nil, run, nil
	}
	return payload, run, nil
}

// beginFrame does what follows from the number and the time of a frame, and returns
// the run that its messages continue.
func (t *webSocketTransport) beginFrame(number int, run []byte, ago time.Duration) ([]byte, error) {
	n := &t.links[number].numbers
	kind, own, err := n.begin(t.room(number))
	switch {
	case err != nil:
		return nil, fmt.Errorf("client %d: %w", number, err)
	case kind == catchingUp:
		echo := n.echo
		n.echo = nil
		return nil, t.handOver(number, echo, ago)
	case kind != beginning:
		return run, nil
	}
	if err := t.handOver(number, run, ago); err != nil {
		return nil, err
	}
	if h, ok := t.handler.(numberHandler); ok {
		return nil, h.numbered(number, own, t.room(number).clock(n.millis))
	}
	return nil, nil
}

// answer answers a control frame.
func (t *webSocketTransport) answer(number int, opcode byte, payload []byte) error {
	if err := t.send(number, websocket.AppendMasked(nil, opcode, payload, rand.Uint32())); err != nil {
		return t.ended(number, err)
	}
	return nil
}

// The codes of a WebSocket that ends as it should, RFC 6455 section 7.4.1, and of one
// that is refused, docs/web.md. A server that is older refuses with the first.
const (
	normalClosure = 1000
	wrongKey      = 4401
	nameTaken     = 4409
	roomFull      = 4503
)

// A closeError says that the server ended a WebSocket, and why.
type closeError struct {
	code   uint16 // 0 if there is none
	reason string
}

func (e *closeError) Error() string {
	text := "the WebSocket was closed"
	if e.code != 0 {
		text += fmt.Sprintf(" with code %d", e.code)
	}
	if e.reason != "" {
		text += fmt.Sprintf(" (%q)", e.reason)
	}
	return text
}

// isRefusal reports whether the server may have closed because of the key or the limit.
func (e *closeError) isRefusal() bool {
	return e.code == normalClosure || e.code == wrongKey || e.code == nameTaken || e.code == roomFull
}

// answerClose answers a close frame, which says that nothing else will come.
func (t *webSocketTransport) answerClose(number int, payload []byte) error {
	cause := &closeError{}
	switch {
	case len(payload) == 1:
		return fmt.Errorf("client %d: a close frame has half a code (RFC 6455, 5.5.1)", number)
	case len(payload) >= 2:
		cause.code, cause.reason = binary.BigEndian.Uint16(payload), string(payload[2:])
		payload = payload[:2]
	}
	if err := t.answer(number, websocket.OpClose, payload); err != nil {
		return err
	}
	return t.ended(number, cause)
}
