package bench

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"sop-chat/internal/english"
	"sop-chat/internal/wire"
)

// A driver is the load: it sends what is due, and checks and takes down what
// comes. Times count from its epoch.
type driver struct {
	dialect   *Dialect
	transport transport
	epoch     time.Time
	codec     *codec
	rooms     []roomLoad
	unsettled []int // rooms in which something came since they were settled
	recorder  *recorder
	clients   []client // by connection
	senders   []sender
	pace      *pace // or nil: then each sender has a window
	measured  span  // the messages of this time are taken down; then sending ends
	told      bool  // the clients are told the numbers of messages

	composed     int64 // messages
	expected     int64 // deliveries of those
	deliveries   int64
	delivered    []int64                 // those of each server
	acknowledged int64                   // messages of which the sender was told the number
	lateness     *hdrhistogram.Histogram // of the driver itself: sent after they were due
	composing    []byte                  // what is about to be sent
	unwrapped    []byte                  // what was received, without envelopes
}

// A roomLoad is a room: the clients that are in it, in turns, and what they receive.
type roomLoad struct {
	check     check
	receivers int  // how many clients receive each message
	unsettled bool // something came since it was settled
}

// A client is one connection.
type client struct {
	role
	server int           // at which it is
	rest   []byte        // the beginning of a delivery whose other bytes have not come
	at     time.Duration // when the server received what comes now, if the client is told
}

// A sender is a client that sends.
type sender struct {
	connection int
	composed   uint32        // messages
	settled    uint32        // of them are acknowledged
	unsent     []byte        // what the connection has not taken yet
	free       time.Duration // since when it has taken everything
	window     window
}

// A span is a stretch of time.
type span struct{ begin, end time.Duration }

func (s span) has(t time.Duration) bool { return s.begin <= t && t < s.end }

// maxBurst is how many messages are written at once.
const maxBurst = 128

// A frame has messages of a second. Clocks that are set meanwhile may differ more.
const (
	frameSpan = time.Second
	clockSlip = time.Second
)

var _ numberHandler = (*driver)(nil)

func newDriver(c *Config, t transport, seed uint64) *driver {
	d := &driver{
		dialect:   &c.Dialect,
		transport: t,
		epoch:     time.Now(),
		codec:     newCodec(seed, c.Senders),
		recorder:  newRecorder(),
		clients:   make([]client, c.connections()),
		senders:   make([]sender, c.Senders),
		delivered: make([]int64, max(len(c.Servers), 1)),
		measured:  span{c.Warmup, c.Warmup + c.Duration},
		lateness:  newHistogram(),
		composing: make([]byte, 0, maxBurst*c.Dialect.Publish.size()),
		unwrapped: make([]byte, 0, readSize),
	}
	firstSender := 0
	if c.Dialect.Apart {
		firstSender = c.Clients
	}
	roles := make([]role, len(d.clients))
	for i := range roles {
		roles[i] = role{receives: i < c.Clients, sender: nobody}
		if s := i - firstSender; s >= 0 && s < c.Senders {
			roles[i].sender = s
			d.senders[s] = sender{connection: i, window: newWindow(max(c.Window, 1))}
		}
		d.clients[i].role, d.clients[i].server = roles[i], c.server(i)
	}
	if web, ok := t.(*webSocketTransport); ok {
		d.told = web.told
	}
	if c.Rate > 0 && c.Senders > 0 {
		d.pace = &pace{rate: uint64(c.Rate), senders: uint64(c.Senders), end: d.measured.end}
	}
	d.rooms = make([]roomLoad, max(len(c.Rooms), 1))
	for i := range d.rooms {
		r := share{rooms: len(d.rooms), room: i}
		d.rooms[i].receivers = r.of(c.Clients)
		if !c.Dialect.Apart {
			d.rooms[i].receivers-- // not the sender
		}
		if c.Dialect.AnyOrder {
			d.rooms[i].check = newAnyOrder(d.codec, roles, c.Senders)
			continue
		}
		o := newOrder(d.codec, r, roles, c.Senders)
		o.told = d.told
		d.rooms[i].check = o
	}
	return d
}

// room returns the room of a connection, or of a sender.
func (d *driver) room(number int) *roomLoad { return &d.rooms[number%len(d.rooms)] }

// settle settles the rooms in which something came.
func (d *driver) settle() error {
	for _, i := range d.unsettled {
		d.rooms[i].unsettled = false
		if err := d.rooms[i].check.settle(); err != nil {
			return err
		}
	}
	d.unsettled = d.unsettled[:0]
	return nil
}

// unsettle returns the check of a connection's room, which is about to be told what
// came.
func (d *driver) unsettle(connection int) check {
	r := d.room(connection)
	if !r.unsettled {
		r.unsettled = true
		d.unsettled = append(d.unsettled, connection%len(d.rooms))
	}
	return r.check
}

// missing says what has not come of the messages that were sent.
func (d *driver) missing() error {
	sent := make([]uint32, len(d.senders))
	for i := range d.senders {
		sent[i] = d.senders[i].composed
	}
	for i := range d.rooms {
		if err := d.rooms[i].check.missing(sent); err != nil {
			return err
		}
	}
	return nil
}

func (d *driver) now() time.Duration { return time.Since(d.epoch) }

// send sends what is due.
func (d *driver) send(now time.Duration) error {
	for i := range d.senders {
		s := &d.senders[i]
		for due := d.due(i, now); due > 0 && len(s.unsent) == 0; {
			burst := min(due, maxBurst)
			due -= burst
			if err := d.sendBurst(i, burst, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// due returns how many messages a sender should send now.
func (d *driver) due(i int, now time.Duration) uint32 {
	s := &d.senders[i]
	switch {
	case d.pace != nil:
		return d.pace.due(i, now) - s.composed
	case now >= d.measured.end:
		return 0
	}
	return s.window.free(s.composed)
}

func (d *driver) sendBurst(i int, burst uint32, now time.Duration) error {
	s := &d.senders[i]
	b := d.composing[:0]
	receivers := d.room(i).receivers
	for range burst {
		m := message{from: uint32(i), number: s.composed, at: now}
		if d.pace != nil {
			m.at = d.pace.at(i, m.number)
			if m.at >= s.free && d.measured.has(m.at) {
				d.lateness.RecordValue(int64(now - m.at))
			}
		} else {
			s.window.sent(m.number, receivers)
		}
		b = d.compose(b, m)
		s.composed++
	}
	d.composed += int64(burst)
	d.expected += int64(burst) * int64(receivers)
	return d.write(s, b, now)
}

// compose appends a message in its envelope.
func (d *driver) compose(b []byte, m message) []byte {
	b = append(b, d.dialect.Publish.Before...)
	at := len(b)
	b = b[:at+wire.Size]
	d.codec.write(b[at:], m)
	return append(b, d.dialect.Publish.After...)
}

// write writes bytes of a sender; what the connection does not take waits.
func (d *driver) write(s *sender, b []byte, now time.Duration) error {
	n, err := d.transport.write(s.connection, b)
	if err != nil {
		return d.ended(s.connection, err)
	}
	s.unsent = append(s.unsent[:0], b[n:]...)
	s.free = now
	return nil
}

func (d *driver) writable(connection int) error {
	i := d.clients[connection].sender
	if i == nobody || len(d.senders[i].unsent) == 0 {
		return nil
	}
	s := &d.senders[i]
	return d.write(s, s.unsent, d.now())
}

func (d *driver) received(connection int, b []byte, ago time.Duration) error {
	c := &d.clients[connection]
	if !c.receives {
		return nil
	}
	now := d.now() - ago // when it arrived
	if len(c.rest) > 0 {
		had := len(c.rest)
		c.rest = append(c.rest, b[:min(len(b), d.dialect.Deliver.size()-had)]...)
		n, err := d.take(connection, c.rest, now)
		if n == 0 || err != nil {
			return err
		}
		b = b[n-had:]
		c.rest = c.rest[:0]
	}
	n, err := d.take(connection, b, now)
	c.rest = append(c.rest, b[n:]...)
	return err
}

// take takes from a stream what is whole, and returns how much that is.
func (d *driver) take(connection int, stream []byte, now time.Duration) (n int, err error) {
	messages, n, err := d.dialect.unwrap(stream, d.unwrapped)
	if err != nil {
		return n, fmt.Errorf("client %d: %w", connection, err)
	}
	entries, err := d.unsettle(connection).take(connection, messages)
	if err != nil {
		return n, err
	}
	d.deliveries += int64(len(entries))
	d.delivered[d.clients[connection].server] += int64(len(entries))
	for len(entries) > 0 {
		n := burst(entries)
		if d.told {
			if err := d.checkTime(connection, entries[0].message, now); err != nil {
				return 0, err
			}
		}
		d.account(entries[0].message, n, now)
		entries = entries[n:]
	}
	return n, nil
}

// burst returns how many messages at the front were sent at the same time by
// the same sender.
func burst(entries []entry) int {
	first := &entries[0]
	for i := range entries {
		if e := &entries[i]; e.from != first.from || e.at != first.at {
			return i
		}
	}
	return len(entries)
}

// account takes down that n messages were received, of which the first is m.
func (d *driver) account(m message, n int, now time.Duration) {
	if d.pace == nil {
		d.senders[m.from].window.received(m.number, uint32(n))
	}
	if d.measured.has(m.at) {
		d.recorder.record(now-m.at, int64(n))
	}
}

// numbered takes down what a client is told of what it receives next.
func (d *driver) numbered(connection int, own uint64, at time.Time) error {
	c := &d.clients[connection]
	c.at = at.Sub(d.epoch)
	if own == 0 {
		return nil
	}
	if c.sender == nobody {
		return fmt.Errorf("client %d is told of %s of its own, and it sends none", connection, english.Count(own, "message"))
	}
	s := &d.senders[c.sender]
	if unsettled := s.composed - s.settled; own > uint64(unsettled) {
		return fmt.Errorf("client %d is told of %s of its own, of %d that it sent and was not told of",
			connection, english.Count(own, "message"), unsettled)
	}
	s.settled += uint32(own)
	d.acknowledged += int64(own)
	return d.unsettle(connection).acknowledge(connection, own)
}

// checkTime reports a message that its frame says was received at another time: before
// it was sent, or after it has arrived.
func (d *driver) checkTime(connection int, m message, now time.Duration) error {
	at := d.clients[connection].at
	if m.at <= at+frameSpan+clockSlip && at <= now+clockSlip {
		return nil
	}
	return fmt.Errorf("client %d is told that the server received %v at %v; it was sent at %v and has arrived at %v (after the begin of the run). "+
		"Or somebody has set a clock", connection, m, at, m.at, now)
}

func (d *driver) connected(int) error { return nil }

func (d *driver) ended(connection int, cause error) error {
	return fmt.Errorf("the server ended, or it dropped client %d: %w", connection, cause)
}
