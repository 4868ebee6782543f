//go:build linux

package server

import (
	"log/slog"
	"os"
	"sync"
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

// A loop serves its connections from one goroutine: it waits for events, reads
// what came, publishes it, and writes everybody what is new. Nothing in it
// blocks but the wait. Loops share nothing but the room.
type loop struct {
	system
	output   output
	room     *room
	logger   *slog.Logger
	limits   limits
	stop     *atomic.Bool // set: close everything and return
	acceptor *acceptor    // the first loop's; nil in the others

	cursor   *broadcast.Cursor // at the furthest back of its members; nil while there are none
	assigned atomic.Int32      // members, and connections that are to be; the acceptor reads it
	batch    *broadcast.Batch
	written  broadcast.Position // every member that doesn't lag has everything before it

	conns   []*conn // by descriptor; nil where there is none of this loop
	members []*conn // in no order

	lagging  []*conn // members that have yet to receive something
	ready    []*conn // of those, the ones to write to in this wake-up
	paused   []*conn // members that are not read for now
	draining []drainingConn
	ended    []ending            // to be closed, see closeEnded
	authors  []*conn             // whose messages are in the batch
	released []*broadcast.Cursor // join cursors that leave at the end of the wake-up

	unread    []*conn // members with bytes that were received before the server got them
	spareLags []*lag  // for reuse

	retryAt        time.Time // when to retry what failed for a shortage; zero if nothing did
	shares         shares
	stalls         map[*conn]*broadcast.Stall // of the members that have one
	wasHeld        bool                       // whether the room was held at their last check
	checkStallsAt  time.Time                  // zero while the room is not pressed
	webSockets     int                        // of the members, how many are
	checkPingsAt   time.Time                  // next check whether they answer pings
	pingIndex      int
	checkWindowsAt time.Time // zero while there is nothing to check
	windowIndex    int       // of the member whose window was checked last
	generation     uint32
	events         []netpoll.Event

	inboxMu sync.Mutex
	inbox   []assignment // from the acceptor, if it is another loop's
}

// The generations that no connection has. The poller keeps 0 for itself.
const (
	listenerGeneration = 1 + iota
	firstGeneration
)

// An ending is a connection to be closed when what it sent has been published.
type ending struct {
	conn   *conn
	was    state
	cause  cause
	lagged bool
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
		room:       r,
		logger:     logger,
		limits:     lim,
		stop:       stop,
		batch:      broadcast.NewBatch(batchSize),
		written:    r.log.Head(),
		generation: firstGeneration,
		events:     make([]netpoll.Event, maxEvents),
	}
	l.output = output{system: &l.system, log: r.log, memory: r.memory, sending: &r.sending, logger: logger, limits: lim.send}
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
//	  intake   │  resume         members whose pause is over
//	           │  admitAssigned  connections from the acceptor's loop
//	           ▼
//	  read     │  handle         from readable members, into the batch
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
//	  release  │  advance        the loop's cursor, to its furthest member
//	           │  leaveReleased  the join cursors of new members
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
	log := l.room.log
	l.shares.begin(log.Pressed(), log.Space(), l.now)
	l.resume()
	l.admitAssigned()
	events := l.events[:n]
	for i := range events {
		if c := l.lookup(&events[i]); c != nil && c.state >= member {
			l.handle(c, &events[i])
		}
	}
	l.readReceived()
	l.drain()
	l.publish()
	l.closeEnded() // before new connections come in: it frees slots
	if l.acceptor != nil {
		l.acceptor.handle(events)
		l.closeEnded()
	}
	l.flush()
	l.checkTimeouts()
	l.closeEnded()
	l.advance()
	l.leaveReleased()
	return true, nil
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

func (l *loop) handle(c *conn, e *netpoll.Event) {
	switch {
	case e.Broken || e.Ended && c.paused:
		l.startDraining(c, cause{})
	case e.Readable:
		l.read(c)
	}
	if e.Writable && c.lag != nil {
		l.markReady(c)
	}
}

// publish appends what was read to the room's log.
func (l *loop) publish() {
	if l.batch.Len() == 0 {
		return
	}
	l.output.beginPublish(l.batch.Len())
	log := l.room.log
	log.Append(l.batch, l.wall)
	log.Wake(l.cursor)
	end := log.End()
	for _, c := range l.authors {
		c.lastOwn = end
	}
	clear(l.authors)
	l.authors = l.authors[:0]
}

// advance moves the loop's cursor to the member that is furthest back. A loop
// without members has no cursor: nothing wakes it, and the log keeps nothing for
// it.
func (l *loop) advance() {
	switch {
	case l.cursor == nil:
		return
	case len(l.members) == 0:
		l.cursor.Leave()
		l.cursor = nil
		return
	}
	oldest := l.written
	for _, c := range l.lagging {
		oldest = min(oldest, c.cursor)
	}
	if oldest != l.cursor.Position() {
		l.cursor.Advance(oldest)
	}
}

// deadline returns until when the loop may wait, by its own clock; zero is for as
// long as nothing happens.
func (l *loop) deadline() time.Time {
	if len(l.draining) > 0 && !l.room.log.Held() && l.retryAt.IsZero() && l.shares.tickAt.IsZero() {
		return l.now // so that it does not wait
	}
	if l.mustReadReceived() {
		return l.now
	}
	var next time.Time
	earliest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	earliest(l.retryAt)
	earliest(l.checkStallsAt)
	if !l.room.log.Held() && l.retryAt.IsZero() { // those that wait for a share wait for these first
		earliest(l.shares.tickAt)
	}
	earliest(l.checkWindowsAt)
	earliest(l.checkPingsAt)
	if l.acceptor != nil {
		earliest(l.acceptor.deadline())
	}
	return next
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

// arm makes the poller wait for what the connection's state calls for.
func (l *loop) arm(c *conn) {
	if out := c.arm(l.kernel); out.kind == ended {
		l.end(c, out.cause)
	}
}
