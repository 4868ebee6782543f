package bench

import (
	"io"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"sop-chat/internal/wire"
)

// A fakeServer is a server and the transport to it, without sockets. It lives
// in a bubble of synctest and takes a millisecond of the bubble's time for each
// round. What it does wrong can be chosen.
type fakeServer struct {
	fault  fault                        // or nil
	silent func(now time.Duration) bool // nothing is delivered
	full   func(now time.Duration) bool // nobody can send
	ends   int                          // after so many messages, if not 0
	rooms  int                          // over which the clients are spread; 0 is one
	begun  time.Time                    // when the last client had joined

	clients  []fakeClient
	messages int
}

// A fault chooses what a client is delivered.
type fault func(d delivery) []byte

type delivery struct {
	to, from int
	place    int    // in the order of all
	message  []byte // what should be delivered; nothing to the sender itself
	own      []byte // what was sent
}

type fakeClient struct {
	joined  bool
	blocked bool   // it has to be told when it can write
	sent    []byte // what has not been published
	inbox   []byte // what has not been delivered
}

var _ transport = (*fakeServer)(nil)

func (f *fakeServer) connect(number int, _ netip.AddrPort) error {
	if number != len(f.clients) {
		panic("connections are not numbered in order")
	}
	f.clients = append(f.clients, fakeClient{blocked: true})
	return nil
}

func (f *fakeServer) write(number int, b []byte) (int, error) {
	c := &f.clients[number]
	n := len(b)
	if c.joined && f.isFull() {
		n = min(n, 100) // not even a message
		c.blocked = true
	}
	c.sent = append(c.sent, b[:n]...)
	return n, nil
}

func (f *fakeServer) isFull() bool { return f.full != nil && f.full(time.Since(f.begun)) }

func (f *fakeServer) close() {}

func (f *fakeServer) wait(until time.Time, h handler) error {
	<-time.After(min(time.Millisecond, max(0, time.Until(until))))
	for i := range f.clients {
		if err := f.tell(i, h); err != nil {
			return err
		}
		f.publish(i)
	}
	if f.silent != nil && f.silent(time.Since(f.begun)) {
		return nil
	}
	// It begins with another one each time, so that everyone is first to
	// receive something.
	for i := range f.clients {
		if err := f.hand((i+f.messages)%len(f.clients), h); err != nil {
			return err
		}
	}
	if f.ends > 0 && f.messages >= f.ends {
		return h.ended(3, io.EOF)
	}
	return nil
}

// tell tells a client that it can write.
func (f *fakeServer) tell(number int, h handler) error {
	c := &f.clients[number]
	switch {
	case !c.blocked || c.joined && f.isFull():
		return nil
	case !c.joined:
		c.blocked = false
		return h.connected(number)
	}
	c.blocked = false
	return h.writable(number)
}

// publish passes on what a client has sent.
func (f *fakeServer) publish(from int) {
	c := &f.clients[from]
	for ; len(c.sent) >= wire.Size; c.sent = c.sent[wire.Size:] {
		m := c.sent[:wire.Size]
		if !c.joined {
			c.joined = true
			c.inbox = append(c.inbox, m...)
			f.begun = time.Now()
			continue
		}
		for to := range f.clients {
			d := delivery{to: to, from: from, place: f.messages, message: m, own: m}
			if to == from || f.rooms > 0 && to%f.rooms != from%f.rooms {
				d.message = nil
			}
			if f.fault != nil {
				d.message = f.fault(d)
			}
			f.clients[to].inbox = append(f.clients[to].inbox, d.message...)
		}
		f.messages++
	}
}

// hand gives a client what it is to receive, in pieces that end anywhere.
func (f *fakeServer) hand(number int, h handler) error {
	c := &f.clients[number]
	for len(c.inbox) > 0 {
		n := min(len(c.inbox), 700)
		if err := h.received(number, c.inbox[:n], 0); err != nil {
			return err
		}
		c.inbox = c.inbox[n:]
	}
	return nil
}

// serverAt returns the server at an address.
func serverAt(addr netip.AddrPort) Server { return Server{Addrs: []netip.AddrPort{addr}} }

// simulate runs a configuration against a fake server.
func simulate(t *testing.T, c Config, f transport) (report *Report, err error) {
	t.Helper()
	if c.Dialect.Hello == nil {
		c.Dialect = Chat("key")
	}
	if c.Servers == nil {
		c.Servers = []Server{serverAt(netip.AddrPort{})}
	}
	synctest.Test(t, func(t *testing.T) {
		report, err = run(t.Context(), c, f, 1)
	})
	return report, err
}

func numeralOf(n uint64) string {
	var b [numeral]byte
	putNumeral(b[:], n)
	return string(b[:])
}
