// Package bench puts a chat server under load and says how it fares: how much
// it delivers, how long that takes, and what it costs. It checks what is
// delivered, so that no figure is of a server that loses, doubles, reorders or
// changes anything: of each delivery, its place in the order of all, and the
// sender, number, time and checksum, which are at both ends of a message; of
// each message, every byte when it is first received, and again by one in eight
// of the receivers.
//
// The parts, from the outside in:
//
//	Run ── join: all clients are let in
//	  └── drive: driver ── pace, window: what is to be sent when
//	        │      │ ├──── codec, check: is what came what should have come
//	        │      │ └──── recorder: how long it took
//	        │      ▼
//	        └── transport: bytes from and to sockets (epoll, or goroutines),
//	                       in the frames of a WebSocket if the server wants it
//
// All but the transports is plain code that knows no sockets; it runs on one
// goroutine and allocates nothing for a message. The package knows a server as
// its clients do, from outside; other servers than sop-chat are spoken to in
// their own Dialect.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"sop-chat/internal/english"
)

// A Config says what to do.
type Config struct {
	// Servers is the server, or those of a cluster: then the clients are spread over
	// them in turns, and what all of them deliver must have one order.
	Servers []Server
	// Beside are other processes whose CPU time is counted, such as the servers of
	// NATS behind a cluster.
	Beside []int
	// Dialect is how the server is spoken to.
	Dialect Dialect
	// Rooms, if there are any, are how the server lets clients into each of its
	// rooms, over which they are spread in turns. Without, all are in one, and
	// Dialect says how.
	Rooms []Hello
	// Clients is how many clients receive, Senders how many of them send.
	// Without senders the clients are connected and do nothing.
	Clients, Senders int
	// Rate is how many messages are sent a second, by all senders together.
	// 0 is as many as the server takes while each sender has at most Window
	// of them on their way.
	Rate, Window int
	// Warmup is for how long there is load before Duration begins, for which
	// it is measured.
	Warmup, Duration time.Duration
	// Progress, if there is one, is called ten times a second, and must not
	// block.
	Progress func(Progress)
}

// How long the generator waits for what does not come.
const (
	// joinPatience is for how long no client may be let in.
	joinPatience = 10 * time.Second
	// drainPatience is for how long the last messages may be on their way.
	drainPatience = 10 * time.Second
	// linger is for how long the generator listens on when all has come, for
	// what comes twice.
	linger = 100 * time.Millisecond
)

// Check reports what can't be done.
func (c *Config) Check() error {
	switch {
	case c.Clients < 1:
		return errors.New("there must be a client")
	case c.Senders > 0 && c.Clients < 2 && !c.Dialect.Apart:
		return errors.New("a sender needs another client that receives what it sends")
	case c.Senders > c.Clients:
		return fmt.Errorf("%s are more than %s", english.Count(c.Senders, "sender"), english.Count(c.Clients, "client"))
	case len(c.Rooms) > 0 && (c.Dialect.Apart || c.Dialect.AnyOrder):
		return errors.New("this server is not known to have rooms")
	case c.Clients < len(c.Rooms):
		return fmt.Errorf("%s are too few for %s", english.Count(c.Clients, "client"), english.Count(len(c.Rooms), "room"))
	case c.Senders > 0 && !c.Dialect.Apart && c.Clients < len(c.Rooms)+min(c.Senders, len(c.Rooms)):
		return fmt.Errorf("%s are too few for %s: in a room with a sender there must be another client that receives what it sends",
			english.Count(c.Clients, "client"), english.Count(len(c.Rooms), "room"))
	case c.Senders > 0 && c.Rate == 0 && c.Window < 1:
		return errors.New("without a rate, the window must be at least 1")
	case c.Senders > 0 && float64(c.Rate)*(c.Warmup+c.Duration).Seconds()/float64(c.Senders) > math.MaxUint32:
		return fmt.Errorf("each sender would send more than %s", english.Count(int64(math.MaxUint32), "message"))
	}
	return c.checkServers()
}

// hello returns what a connection says first.
func (c *Config) hello(connection int) []byte {
	hello := c.Dialect.Hello
	if len(c.Rooms) > 0 {
		hello = c.Rooms[connection%len(c.Rooms)]
	}
	return hello(clientName(connection), connection < c.Clients)
}

// connections returns how many connections the clients need.
func (c *Config) connections() int {
	if c.Dialect.Apart {
		return c.Clients + c.Senders
	}
	return c.Clients
}

// Run connects the clients, puts the server under load until the time is up or
// ctx is done, and reports how it fared. It fails if the server does not let
// all clients in, ends, or delivers anything but what it should.
func Run(ctx context.Context, c Config) (*Report, error) {
	if err := cmp.Or(c.Check(), checkDescriptors(c.connections())); err != nil {
		return nil, err
	}
	t, err := newTransport()
	if err != nil {
		return nil, err
	}
	defer t.close()
	return run(ctx, c, t, rand.Uint64())
}

// run is Run over some transport.
func run(ctx context.Context, c Config, t transport, seed uint64) (*Report, error) {
	c.Servers = slices.Clone(c.Servers)
	t = &naming{transport: t}
	if c.Dialect.WebSocket != nil {
		t = overWebSockets(t, &c)
	}
	report, err := measure(ctx, &c, t, seed)
	return report, c.locate(err)
}

// measure is run over what carries bytes.
func measure(ctx context.Context, c *Config, t transport, seed uint64) (*Report, error) {
	servers, beside := c.processes()
	before, err := servers.memory()
	if err != nil {
		return nil, err
	}
	if err := join(ctx, c, t); err != nil {
		return nil, err
	}
	after, err := servers.memory()
	if err != nil {
		return nil, err
	}
	d := newDriver(c, t, seed)
	defer d.recorder.close()
	way, err := drive(ctx, c, d, servers, beside)
	if err != nil {
		return nil, err
	}
	if c.Senders == 0 { // by now, what takes its time has settled
		if after, err = servers.memory(); err != nil {
			return nil, err
		}
	}
	for i := range after {
		after[i] -= before[i]
	}
	return newReport(c, way, after), nil
}
