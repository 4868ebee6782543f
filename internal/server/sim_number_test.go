//go:build linux

package server

import (
	"bytes"
	"encoding/binary"
	"time"

	"sop-chat/internal/wire"
)

const simEpoch = 0x123456789abcdef0

// simNumbers is what a client of Subprotocol knows of the messages that it receives.
type simNumbers struct {
	known    uint64 // the number of the last message that it says it has
	welcomed bool
	caughtUp bool

	takesMotd, isGreeted bool
	target               int // before which message of the room it has caught up
	least                int // how many messages there were at least when it was admitted, published or not
	before               int // how many messages of the room are settled: received, or its own
	frame                []simNumbered
	last                 time.Time // when the last message of the frame before was received

	named, gaps, cuts, missed int // how often each was seen
}

// A simNumbered is what a frame says of one of its messages.
type simNumbered struct {
	number  uint64
	at      int64  // of its frame, in milliseconds
	name    string // of its sender, if it came
	isFirst bool   // in its frame
	isEmpty bool   // the frame has no message
}

// newSimNumbers returns the numbers of a client that has nothing yet, or some of what
// there was, or says so.
func newSimNumbers(r *simRoom) *simNumbers {
	w := r.world
	n := &simNumbers{takesMotd: w.chance(2)}
	switch w.rng.IntN(4) {
	case 0:
		n.known = r.config.first + uint64(w.rng.IntN(len(r.oracle.order)+2)) - 1
	case 1:
		n.known = r.config.first + uint64(max(0, len(r.oracle.order)-w.rng.IntN(10)))
	case 2:
		n.known = w.rng.Uint64()
	}
	return n
}

// begin returns the index of the first message that a client is to receive which
// is accepted after that many messages.
func (n *simNumbers) begin(c *simClient, messages int) int {
	if n.known == 0 {
		return max(0, messages-c.room.config.replay)
	}
	kept := max(0, messages-c.room.config.kept)
	if n.known < c.room.config.first {
		return kept
	}
	return min(max(kept, int(min(n.known-c.room.config.first+1, uint64(messages)))), messages)
}

// see takes a frame, and returns its messages.
func (n *simNumbers) see(c *simClient, payload []byte) []byte {
	w := c.world
	if len(payload) < numberSize {
		w.failf("%v receives a frame of %d bytes", c, len(payload))
	}
	number, at := binary.BigEndian.Uint64(payload), int64(binary.BigEndian.Uint64(payload[8:]))
	payload = payload[numberSize:]
	if !n.welcomed {
		return n.welcome(c, number, payload)
	}
	if number == 0 {
		n.takeMotd(c, payload)
		return nil
	}
	n.checkGreeted(c)
	name := ""
	if len(payload)%wire.Size == wire.NameSize {
		name = string(bytes.TrimRight(payload[:wire.NameSize], "\x00"))
		if payload = payload[wire.NameSize:]; len(payload) != wire.Size || name == "" {
			w.failf("%v receives the name %q and %d bytes", c, name, len(payload))
		}
	}
	if len(payload)%wire.Size != 0 {
		w.failf("%v receives %d bytes of messages", c, len(payload))
	}
	if len(payload) == 0 {
		n.frame = append(n.frame, simNumbered{number: number, isFirst: true, isEmpty: true})
		return nil
	}
	for i := range len(payload) / wire.Size {
		n.frame = append(n.frame, simNumbered{number: number + uint64(i), at: at, name: name, isFirst: i == 0})
	}
	return payload
}

// welcome takes what is in the first frame before the echo.
func (n *simNumbers) welcome(c *simClient, number uint64, payload []byte) []byte {
	w := c.world
	if len(payload) != welcomeSize-numberSize+wire.Size {
		w.failf("the first frame of %v has %d bytes behind the number", c, len(payload))
	}
	epoch, known := binary.BigEndian.Uint64(payload), binary.BigEndian.Uint64(payload[8:])
	n.welcomed, n.before = true, c.begin
	last := c.room.config.first + uint64(c.before) - 1
	if number != c.room.config.first+uint64(c.begin) || epoch != simEpoch || known != min(n.known, last) {
		w.failf("%v has %d and is admitted after %d; it is told number %d, known %d, epoch %x; it is to receive %d first",
			c, n.known, last, number, known, epoch, c.room.config.first+uint64(c.begin))
	}
	if c.room.link != nil && n.known > last {
		w.failf("%v is admitted with %d before the room has more than %d", c, n.known, last)
	}
	if known > 0 && known+1 < number {
		n.missed++
	}
	return payload[welcomeSize-numberSize:]
}

// takeEmpty takes the frames without messages that are next.
func (n *simNumbers) takeEmpty(c *simClient) {
	for len(n.frame) > 0 && n.frame[0].isEmpty {
		before := int(n.frame[0].number - c.room.config.first)
		if n.caughtUp && before == n.before {
			c.world.failf("%v is told again that %d messages are settled", c, before)
		}
		if !n.caughtUp && before < n.least {
			c.world.failf("%v is told that it has caught up with %d messages, and there were %d already", c, before, n.least)
		}
		n.settle(c, before)
		n.frame = n.frame[1:]
		n.caughtUp = true
	}
}

// settle notes that all before an index is received or the client's own.
func (n *simNumbers) settle(c *simClient, before int) {
	w := c.world
	c.start()
	for i := max(n.before, c.next); i < before; i++ {
		if i >= len(c.room.oracle.order) || c.room.oracle.order[i].client != c {
			w.failf("%v is told that message %d of %d is settled, which is another's", c, i, len(c.room.oracle.order))
		}
		n.gaps++
	}
	if before < n.before {
		w.failf("%v is told the number %d after %d", c, before, n.before)
	}
	n.before = before
}

// check checks what came with a message, which is the room's with an index.
func (n *simNumbers) check(c *simClient, index int, m logged) {
	w := c.world
	n.takeEmpty(c)
	got := n.frame[0]
	n.frame = n.frame[1:]
	if got.number != c.room.config.first+uint64(index) {
		w.failf("%v receives message %d of the room as number %d", c, index, got.number-c.room.config.first)
	}
	if n.settle(c, index); c.room.gate == nil && !n.caughtUp && index >= n.target {
		w.failf("%v has caught up with the first %d messages and is not told so before the next", c, n.target)
	}
	n.before = index + 1
	want, says := "", m.message()
	if string(says.TrimmedName()) != m.joinedAs() {
		want = m.joinedAs()
		n.named++
	}
	if got.name != want {
		w.failf("%v receives the name %q before a message of %q", c, got.name, m.joinedAs())
	}
	if got.isFirst && got.at != m.at.UnixMilli() {
		w.failf("%v receives message %d with the time %v; it was received at %v", c, index, time.UnixMilli(got.at), m.at)
	}
	isLast := len(n.frame) == 0 || n.frame[0].isFirst
	if late := m.at.Sub(time.UnixMilli(got.at)); isLast && (late > frameSpan+time.Millisecond || late < -time.Millisecond) {
		w.failf("%v receives message %d in a frame of a time %v before", c, index, late)
	}
	if got.isFirst && m.at.Sub(n.last) > frameSpan {
		n.cuts++
	}
	n.last = m.at
}

// checkSettled checks that a client that was sent all there is has been told so.
func (n *simNumbers) checkSettled(c *simClient) {
	if !n.caughtUp || n.before < len(c.room.oracle.order) {
		c.world.failf("%v is told that %d of %d messages are settled; caught up: %v", c, n.before, len(c.room.oracle.order), n.caughtUp)
	}
}
