//go:build linux

package server

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A simClient is a client at the other end of the network, good or bad.
type simClient struct {
	world  *world
	room   *simRoom // in which it is, or wants to be
	number int
	socket *socket
	key    string
	chosen string        // its name; "" is one that no other has
	web    *simWebSocket // nil: it speaks TCP

	addr   netip.AddrPort // that the proxy says it has, if it does
	header int            // bytes to be sent of what the proxy says before
	misled bool           // the proxy says something invalid

	eager  bool    // reads all that comes, whenever there is time to
	steady bool    // reads slowly, and never stops
	due    float64 // bytes that it is to read by now, if steady
	lazy   bool    // does not read for now

	began   bool   // to send its authentication message
	sending []byte // the rest of what is being sent
	sent    int    // messages of which the first byte is on its way
	whole   int    // messages of which all bytes are
	partial int    // bytes of the last one that are, if not all
	closing bool   // nothing more will be sent
	isVoid  bool   // what it said is void, as its client has gone to another server
	gone    bool   // it closed its end in both directions

	inbox    []byte
	echoed   bool
	received int // messages
	before   int // how many messages there were when it was accepted
	begin    int // index of the first message it must receive: what is replayed, then all that is published
	next     int // index of the next message it must receive; -1 before the first

	motd []wire.Message // what is left of what it is to receive behind its echo

	identity uint64 // which client it says it is; 0 if it does not

	// What the log says about it.
	accepted, joined, left, evicted bool
	replaced                        bool // another that says it is the same was accepted later
	reason                          string
	published                       int

	arrivedAt time.Time
	denied    bool // its address was, while it was there
	kicked    bool // by the operator
}

// acceptedAfter records that the client is accepted after that many messages are published,
// and that many appended.
func (c *simClient) acceptedAfter(messages, appended int) {
	c.before, c.begin, c.motd = messages, max(0, messages-c.room.config.replay), c.world.speeches.motd
	if c.web != nil && c.web.numbers != nil {
		c.begin = c.web.numbers.begin(c, messages)
		c.web.numbers.least = appended
	}
}

func (c *simClient) String() string {
	return fmt.Sprintf("client %d (sent %d, published %d, left %v %q)", c.number, c.sent, c.published, c.left, c.reason)
}

// name returns the name, which no other client has, but others may look like, see
// simSkeletons.
func (c *simClient) name() string { return fmt.Sprintf("%s %d", cmp.Or(c.chosen, "client"), c.number) }

// delivered returns the client's n-th message as others receive it.
func (c *simClient) delivered(n int) wire.Message {
	m := c.message(n)
	if c.room.config.verifies {
		name := make([]byte, wire.NameSize)
		copy(name, c.joinedAs())
		copy(m[:], name)
	}
	return m
}

// message returns the client's n-th message; the 0th is its authentication.
func (c *simClient) message(n int) wire.Message {
	text := c.key
	if n > 0 {
		text = fmt.Sprintf("%d:%d", c.number, n)
	}
	name := c.name()
	switch n % 8 {
	case 6:
		name = " " + name + " "
	case 7:
		name = "somebody else"
	}
	m, err := wire.New(name, text)
	if err != nil {
		panic(err)
	}
	if n > 0 { // bytes behind the terminator are forwarded too
		for i := wire.NameSize + 64; i < wire.Size; i++ {
			m[i] = byte(i*n + c.number)
		}
	}
	return m
}

// connect adds a client, which connects.
func (w *world) connect() {
	room := w.any()
	c := &simClient{world: w, room: room, number: w.born, key: room.key(), next: -1, arrivedAt: w.now}
	if !w.chance(3) {
		c.chosen = []string{"ian", "Ian", "lan", "IAN", "bob"}[w.rng.IntN(5)]
	}
	w.born++
	switch w.rng.IntN(16) {
	case 0:
		c.key = w.wrongKey()
	case 1:
		c.key = "person:wrong"
	case 2, 3, 4, 5:
		c.key = w.keyring.add(c)
	default:
		if w.origins != nil && w.chance(2) {
			c.key = w.wrongKey()
		}
	}
	switch w.rng.IntN(4) {
	case 0, 1:
		c.eager = true
	case 2:
		c.steady = true
	}
	c.socket = &socket{
		peer:   c,
		addr:   netip.AddrPortFrom(w.someAddress(), uint16(c.number)),
		fd:     -1,
		openAt: w.now,
		inCap:  1 + w.rng.IntN(64<<10),
		outCap: 100 + w.rng.IntN([]int{1 << 10, 32 << 10, 512 << 10}[w.rng.IntN(3)]),
	}
	if c.steady {
		c.socket.outCap += 8 << 10 // what a tenth of a second takes
	}
	w.clients = append(w.clients, c)
	if w.chance(2) {
		c.web = new(simWebSocket)
		if w.chance(2) {
			c.web.numbers = newSimNumbers(room)
		}
	}
	listens := c.web == nil && !w.chance(4)
	if listens && w.chance(2) {
		c.comeByProxy()
	}
	if !w.chance(8) { // some send nothing at first
		c.queue(0)
	}
	c.push()
	if listens {
		w.arriving = append(w.arriving, c.socket)
		return
	}
	w.install(c.socket)
	c.socket.isPipe = w.chance(8)
	adopted := Adopted{FD: c.socket.fd, Peer: c.socket.addr, Remote: c.socket.addr.Addr(), WebSocket: c.web != nil}
	if c.web != nil && c.web.numbers != nil {
		adopted.Numbered, adopted.Has = true, Since{Epoch: simEpoch, Number: c.web.numbers.known, Client: c.identify(), Motd: c.web.numbers.takesMotd}
		if c.web.numbers.known == 0 {
			adopted.Has.Epoch = 0
		}
	}
	if s := c.socket; w.chance(4) { // some of what was sent came with the handshake
		n := w.rng.IntN(len(s.in) + 1)
		adopted.Received, s.in = slices.Clone(s.in[:n]), s.in[n:]
	}
	w.handoff.put(adopted)
	w.adopted++
}

// identify returns which client this one says it is, which may be one that there is.
func (c *simClient) identify() uint64 {
	w := c.world
	for _, other := range w.clients {
		if other.identity == 0 || other == c || other.room != c.room {
			continue
		}
		isUnder := other.left && other.room.link != nil && other.room.link.has(other)
		if isUnder || !other.over() && w.chance(4) {
			c.identity = other.identity
		}
	}
	if c.identity == 0 && !w.chance(3) {
		c.identity = uint64(c.number) + 1
	}
	return c.identity
}

// others returns the other clients that say they are the same.
func (c *simClient) others() (same []*simClient) {
	for _, other := range c.world.clients {
		if other != c && c.identity > 0 && other.identity == c.identity && other.room == c.room {
			same = append(same, other)
		}
	}
	return same
}

// mayBeReplaced reports whether another has come as the same client, for which the
// server may end this one.
func (c *simClient) mayBeReplaced() bool {
	return slices.ContainsFunc(c.others(), func(other *simClient) bool { return other.hasKey() && other.whole > 0 })
}

// queue begins to send the message n.
func (c *simClient) queue(n int) {
	c.began = true
	m := c.message(n)
	if c.web != nil {
		c.frame(m[:])
		return
	}
	c.sending = append(c.sending, m[:]...)
}

// act does one thing that a client can do.
func (c *simClient) act() {
	w := c.world
	switch w.rng.IntN(40) {
	case 0:
		c.lazy = !c.eager && !c.steady && !c.lazy
	case 1:
		c.leave()
	case 2, 3, 4, 5, 6, 7:
		c.sendMore()
	default:
		c.push()
		if !c.steady && (!c.lazy || w.chance(50)) {
			c.read()
		}
	}
}

// sendMore begins to send more messages: one, or many.
func (c *simClient) sendMore() {
	if c.closing || len(c.sending) > 128*wire.Size {
		return
	}
	if !c.began {
		c.queue(0)
	}
	n := 1
	if c.world.chance(4) {
		n = 1 + c.world.rng.IntN(100)
	}
	var all []byte
	for range n {
		c.sent++
		m := c.message(c.sent)
		all = append(all, m[:]...)
	}
	if c.web != nil {
		c.frame(all)
	} else {
		c.sending = append(c.sending, all...)
	}
	c.push()
}

// push gives the network as much as it takes, or less.
func (c *simClient) push() {
	s, w := c.socket, c.world
	n := min(len(c.sending), s.inCap-len(s.in))
	if n <= 0 || s.broken || c.gone || s.fin || c.cutOff() {
		return
	}
	if w.chance(3) {
		n = 1 + w.rng.IntN(n)
	}
	s.in = append(s.in, c.sending[:n]...)
	c.sending = c.sending[n:]
	header := min(n, c.header)
	c.header -= header
	n -= header
	if c.web != nil {
		n = c.web.pushed(n)
	}
	bytes := c.partial + n
	c.whole += bytes / wire.Size // counts the authentication message
	c.partial = bytes % wire.Size
}

// cutOff reports whether the server has closed the connection.
func (c *simClient) cutOff() bool {
	return c.socket.closed
}

// leave ends the connection in one of the possible ways.
func (c *simClient) leave() {
	s, w := c.socket, c.world
	c.closing = true
	if c.web != nil && w.chance(2) {
		if !c.web.over {
			c.hangUp()
		}
		return
	}
	switch w.rng.IntN(4) {
	case 0: // half-close: goes on reading
		s.fin = true
	case 1: // close; what was not read makes it a reset
		s.fin, c.gone = true, true
		if len(s.out) > 0 {
			s.fail(104) // ECONNRESET
		}
		s.out = nil
	case 2: // reset
		c.gone = true
		s.fail(104)
	case 3: // stays, and sends nothing more
	}
}

// read takes what arrived, or a part of it if the client is not eager.
func (c *simClient) read() {
	n := len(c.socket.out)
	if n > 0 && !c.eager && c.world.chance(2) {
		n = 1 + c.world.rng.IntN(n)
	}
	c.take(n)
}

// steadyRate is how fast a steady client reads, in bytes a second: enough to
// make progress within simStallTimeout, however seldom the loop looks.
const steadyRate = 2 * broadcast.SegmentSize / 10

// take takes at most n bytes of what arrived and checks them.
func (c *simClient) take(n int) {
	s, w := c.socket, c.world
	n = min(n, len(s.out))
	if c.gone || n == 0 {
		return
	}
	came := s.out[:n]
	if c.web != nil {
		came = c.unframe(came)
	}
	c.inbox = append(c.inbox, came...)
	s.out = s.out[n:]
	s.taken += n
	if w.memory != nil {
		w.memory.taken(s)
	}
	for len(c.inbox) >= wire.Size {
		m := wire.Message(c.inbox[:wire.Size])
		c.inbox = c.inbox[wire.Size:]
		if c.echoed {
			if !c.takeMotd(&m) {
				c.room.oracle.received(c, &m)
			}
			continue
		}
		if m != c.message(0) || !c.hasKey() {
			w.failf("%v first receives %q %q, not its echo", c, m.Name(), m.Text())
		}
		c.echoed = true
	}
	if c.web != nil && c.web.numbers != nil {
		c.web.numbers.takeEmpty(c)
	}
}
