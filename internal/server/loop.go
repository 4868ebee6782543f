//go:build linux

package server

import (
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
)

const (
	// maxEvents is how many events a loop takes in one wake-up.
	maxEvents = 1024
	// maxStretches is how many pieces of the log one write sends at most.
	maxStretches = 256
	// batchSize is how much a loop reads before it publishes, in bytes. It
	// fits a core's own cache together with the segments it is copied to.
	batchSize = 4 * maxRead
)

// The generations that no connection has. The poller keeps 0 for itself.
const (
	listenerGeneration = 1 + iota
	firstGeneration
)

// A loop serves its connections from one goroutine: it waits for events, reads
// what came, publishes it, and writes everybody what is new. Nothing in it
// blocks but the wait. Loops share nothing but the room.
//
//	loop      one wake-up: events in, connections closed
//	 ├─ acceptor  listeners and pending connections; the first loop's
//	 └─ audience  the room's members at the loop: publish, flush, advance
//	      └─ conn     one descriptor: read, write, framing
//	           └─ kernel  the calls on the system
//
// Calls go down. What happened comes back up as a value, and the loop alone closes
// connections.
type loop struct {
	system
	logger   *slog.Logger
	stop     *atomic.Bool // set: close everything and return
	acceptor *acceptor    // nil in all loops but the first
	audience audience
	batch    *broadcast.Batch
	inbox    inbox

	conns      []*conn // by descriptor; nil where there is none of this loop
	generation uint32
	events     []netpoll.Event
	ended      endings // to be closed, see closeEnded
}

// limits bound what a loop does.
type limits struct {
	stall time.Duration // Config.StallTimeout
	peer  time.Duration // Config.PeerTimeout
	ping  time.Duration // Config.PingInterval
	send  sendLimits
}

func newLoop(k kernel, r *room, logger *slog.Logger, lim limits, stop *atomic.Bool) *loop {
	l := &loop{
		system:     system{kernel: k, stretches: make([][]byte, 0, maxStretches)},
		logger:     logger,
		inbox:      inbox{wake: k.Wake},
		stop:       stop,
		batch:      broadcast.NewBatch(batchSize),
		generation: firstGeneration,
		events:     make([]netpoll.Event, maxEvents),
	}
	l.audience = audience{
		system:  &l.system,
		room:    r,
		output:  output{system: &l.system, log: r.log, memory: r.memory, sending: &r.sending, logger: logger, limits: lim.send},
		limits:  lim,
		batch:   l.batch,
		ended:   &l.ended,
		written: r.log.Head(),
	}
	return l
}

// run runs the loop until the server stops. It returns an error only if waiting
// itself fails, which no client can cause.
func (l *loop) run() error {
	for {
		switch running, err := l.turn(); {
		case err != nil:
			return err
		case !running:
			return nil
		}
	}
}

// turn is one wake-up: one wait, and all that follows from it.
//
//	wait ──▶ set the clock, and the members' shares
//	           │
//	  intake   │  begin          resumes the members whose pause is over
//	           │  admitAssigned  connections from the acceptor's loop
//	           ▼
//	  read     │  handle         from readable members, into the batch
//	           │  readReceived   from those of which something came earlier
//	           │  drain          from draining ones
//	           ▼
//	  publish  │  publish        append the batch, move the head, wake readers;
//	           ▼                 also while reading, when the batch is full
//	  close    │  closeEnded     frees slots and descriptors
//	           ▼
//	  accept   │  acceptor       authenticate, accept, adopt, expire, evict
//	           ▼
//	  write    │  flush          up to the head, to each member behind it
//	           │  checkTimeouts  disconnects members that hold others up
//	           ▼
//	  release  │  advance        the cursor, to the furthest member
//	           ▼
//	         wait, until deadline at most
//
// A connection that ends while the loop reads is closed when what it had sent is
// published. One that ends in accept or write is closed at the end of that phase.
func (l *loop) turn() (running bool, err error) {
	until := l.systemTime(l.deadline())
	n, errno := l.kernel.Wait(l.events, until)
	if errno != 0 && errno != syscall.EINTR {
		return false, os.NewSyscallError("epoll_wait", errno)
	}
	l.update(l.kernel.Now(), until)
	if l.stop.Load() {
		l.shutdown()
		return false, nil
	}
	l.audience.begin()
	l.admitAssigned()
	events := l.events[:n]
	for i := range events {
		if c := l.lookup(&events[i]); c != nil && c.state >= member {
			l.audience.handle(c, &events[i])
		}
	}
	l.audience.readReceived()
	l.audience.drain()
	l.audience.publish()
	l.closeEnded() // before new connections come in: it frees slots
	if l.acceptor != nil {
		l.acceptor.handle(events)
		l.closeEnded()
	}
	l.audience.flush()
	l.audience.checkTimeouts()
	l.closeEnded()
	l.audience.advance()
	return true, nil
}

// deadline returns until when the loop may wait, by its own clock; zero is for as
// long as nothing happens.
func (l *loop) deadline() time.Time {
	if l.audience.hasMore() {
		return l.now // so that it does not wait
	}
	at := l.audience.deadline()
	if l.acceptor != nil {
		at = earliest(at, l.acceptor.deadline())
	}
	return at
}

// earliest returns the earliest of some times that is not zero.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// lookup returns the connection an event is about, or nil if it is about a
// listener or a connection that has been closed.
func (l *loop) lookup(e *netpoll.Event) *conn {
	if e.FD >= len(l.conns) {
		return nil
	}
	if c := l.conns[e.FD]; c != nil && c.generation == e.Generation {
		return c
	}
	return nil
}

// admitAssigned admits the connections that were assigned to the loop.
func (l *loop) admitAssigned() {
	for _, a := range l.inbox.take() {
		if a.join == nil {
			l.audience.startDraining(a.conn, causeReplaced)
			continue
		}
		if errno := l.register(a.conn, netpoll.Readable); errno != 0 {
			l.audience.release(a.join)
			l.end(a.conn, causeErrno("epoll_ctl", errno))
			continue
		}
		l.audience.admit(a.conn, a.join)
	}
}

// register adds a connection to the loop and its poller.
func (l *loop) register(c *conn, want netpoll.Interest) syscall.Errno {
	if c.fd >= len(l.conns) {
		l.conns = append(l.conns, make([]*conn, c.fd+1-len(l.conns))...)
	}
	l.generation = max(l.generation+1, firstGeneration) // it may wrap around
	c.generation = l.generation
	c.interest = want
	errno := l.kernel.Add(c.fd, c.generation, want)
	if errno == 0 {
		l.conns[c.fd] = c
	}
	return errno
}
