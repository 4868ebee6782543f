//go:build linux

package server

import (
	"encoding/binary"

	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// A simWebSocket is the client's side of a WebSocket: what it sends is in frames of
// any kind that the RFC permits, and some that it does not.
type simWebSocket struct {
	numbers *simNumbers // of what it receives; nil: it did not ask for Subprotocol
	payload []bool      // of the bytes to be sent, which are of messages
	inbox   []byte      // frames, of which the last may be incomplete
	over    bool        // it has sent a close frame, or broken a rule
	pings   int         // sent, and not answered yet

	pongs, closeFrames int // received
}

// frame makes frames of whole messages: any number of them a WebSocket message, in
// any number of fragments, with control frames between.
func (c *simClient) frame(messages []byte) {
	rng := c.world.rng
	for len(messages) > 0 {
		size := wire.Size * min(1+rng.IntN(websocket.MaxMessage/wire.Size), len(messages)/wire.Size)
		rest := messages[:size]
		messages = messages[size:]
		opcode := byte(2)
		for len(rest) > 0 {
			n := len(rest)
			if c.world.chance(3) {
				n = rng.IntN(n + 1)
			}
			first := opcode
			if n == len(rest) {
				first |= 0x80
			}
			c.addFrame(first, rest[:n], true)
			rest, opcode = rest[n:], 0
			if c.world.chance(4) {
				kind := []byte{0x89, 0x8a}[rng.IntN(2)] // ping, pong
				if kind == 0x89 {
					c.web.pings++
				}
				c.addFrame(kind, make([]byte, rng.IntN(126)), false)
			}
		}
	}
}

// addFrame adds a frame to what is to be sent, masked.
func (c *simClient) addFrame(first byte, payload []byte, isData bool) {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		c.world.failf("a frame of %d bytes", n)
	}
	var mask [4]byte
	if !c.world.chance(4) { // some mask with zeros
		binary.BigEndian.PutUint32(mask[:], c.world.rng.Uint32())
	}
	b = append(b, mask[:]...)
	c.web.payload = append(c.web.payload, make([]bool, len(b))...)
	for i := range payload {
		b = append(b, payload[i]^mask[i%4])
		c.web.payload = append(c.web.payload, isData)
	}
	c.sending = append(c.sending, b...)
}

// hangUp ends the WebSocket: in order, or by what no server may accept.
func (c *simClient) hangUp() {
	c.web.over = true
	switch c.world.rng.IntN(5) {
	case 0, 1:
		c.addFrame(0x88, binary.BigEndian.AppendUint16(nil, 1000), false)
	case 2:
		c.addFrame(0x81, []byte("text"), false)
	case 3:
		c.addFrame(0xc2, make([]byte, 4), false) // a reserved bit
	case 4:
		c.addFrame(0x82, make([]byte, wire.Size-1), false)
	}
}

// pushed counts the bytes of messages among the first n to be sent.
func (w *simWebSocket) pushed(n int) (messages int) {
	for _, isData := range w.payload[:n] {
		if isData {
			messages++
		}
	}
	w.payload = w.payload[n:]
	return messages
}

// unframe returns the messages in what a client received, and answers pings.
func (c *simClient) unframe(b []byte) (messages []byte) {
	w := c.web
	w.inbox = append(w.inbox, b...)
	for {
		first, header, size, ok := parseFrame(w.inbox)
		if !ok {
			return messages
		}
		if first == 0x82 { // its payload is used as it comes
			if len(w.inbox) < header+size {
				return messages
			}
			payload := w.inbox[header : header+size]
			if w.numbers != nil {
				payload = w.numbers.see(c, payload)
			}
			messages = append(messages, payload...)
		} else {
			if len(w.inbox) < header+size {
				return messages
			}
			c.control(first, w.inbox[header:header+size])
		}
		w.inbox = w.inbox[header+size:]
	}
}

func (c *simClient) control(first byte, payload []byte) {
	switch first {
	case 0x88: // what follows is the end
		c.web.closeFrames++
	case 0x89:
		if !c.web.over {
			c.addFrame(0x8a, payload, false)
		}
	case 0x8a:
		c.web.pongs++
		if c.web.pings--; c.web.pings < 0 {
			c.world.failf("%v receives a pong for no ping", c)
		}
	default:
		c.world.failf("%v receives a frame that begins with %#x", c, first)
	}
}

// parseFrame returns the first byte of a frame from the server, and how long its
// header and its payload are.
func parseFrame(b []byte) (first byte, header, size int, ok bool) {
	if len(b) < 2 {
		return 0, 0, 0, false
	}
	switch header, size = 2, int(b[1]); size {
	case 126:
		if header = 4; len(b) < header {
			return 0, 0, 0, false
		}
		size = int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if header = 10; len(b) < header {
			return 0, 0, 0, false
		}
		size = int(binary.BigEndian.Uint64(b[2:]))
	}
	return b[0], header, size, true
}
