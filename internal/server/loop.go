//go:build linux

package server

import (
	"container/list"
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
	// batchSize is how much a loop reads before it publishes, in bytes. It
	// fits a core's own cache together with the segments it is copied to.
	batchSize = 4 * maxRead
)

// A loop serves its connections from one goroutine: it waits for events, reads
// what came, publishes it, and writes everybody what is new. Nothing in it
// blocks but the wait. Loops share nothing but the room, and the inboxes in which the
// acceptor puts connections for them.
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
	events   []netpoll.Event
	batch    *broadcast.Batch
	table    table
	inbox    inbox
	endings  endings
}

func newLoop(k kernel, r *room, logger *slog.Logger, lim limits, stop *atomic.Bool) *loop {
	l := &loop{
		system: system{kernel: k, stretches: make([][]byte, 0, maxStretches)},
		logger: logger,
		inbox:  inbox{wake: k.Wake},
		stop:   stop,
		batch:  broadcast.NewBatch(batchSize),
		events: make([]netpoll.Event, maxEvents),
	}
	l.audience = audience{
		system:  &l.system,
		room:    r,
		output:  output{system: &l.system, log: r.log, memory: r.memory, sending: &r.sending, logger: logger, limits: lim.send},
		limits:  lim,
		batch:   l.batch,
		endings: &l.endings,
		written: r.log.Head(),
	}
	return l
}

// addAcceptor gives the loop the acceptor, which assigns connections to all loops.
func (l *loop) addAcceptor(loops []*loop, listeners []int, q *handoffQueue, lim acceptorLimits) syscall.Errno {
	a := &acceptor{
		system:    &l.system,
		room:      l.audience.room,
		logger:    l.logger,
		table:     &l.table,
		endings:   &l.endings,
		inbox:     &l.inbox,
		listeners: listeners,
		handoff:   q,
		limits:    lim,
		conns:     list.New(),
		byConn:    make(map[*conn]*pendingConn),
	}
	for _, to := range loops {
		a.inboxes = append(a.inboxes, &to.inbox)
	}
	for _, fd := range listeners {
		if errno := l.kernel.Add(fd, listenerGeneration, netpoll.Readable); errno != 0 {
			return errno
		}
	}
	l.acceptor = a
	a.room.identities.wake = l.kernel.Wake
	q.open(l.kernel.Wake)
	return 0
}

// run runs the loop until the server stops. It returns an error only if waiting
// itself fails, which no client can cause.
func (l *loop) run() error {
	for {
		if running, err := l.turn(); err != nil || !running {
			return err
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
//	  accept   │  accept         authenticate, accept, adopt, expire, evict
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
		if c := l.table.lookup(&events[i]); c != nil && c.state >= member {
			l.audience.handle(c, &events[i])
		}
	}
	l.audience.readReceived()
	l.audience.drain()
	l.audience.publish()
	l.closeEnded() // before new connections come in: it frees slots
	if l.acceptor != nil {
		l.accept(events)
	}
	l.audience.flush()
	l.audience.checkTimeouts()
	l.closeEnded()
	l.audience.advance()
	return true, nil
}

// accept does the acceptor's share of a wake-up.
func (l *loop) accept(events []netpoll.Event) {
	a := l.acceptor
	a.admitWaiting()
	l.closeEnded()
	for i := range events {
		if c := l.table.lookup(&events[i]); c != nil {
			a.handle(c)
		}
	}
	a.resumeAccept()
	for i := range events {
		if events[i].Generation == listenerGeneration {
			l.acceptAt(events[i].FD)
		}
	}
	for a.adopt() {
		l.closeEnded()
	}
	a.expire()
	a.evictLate()
	l.admitAssigned() // to this loop
	l.closeEnded()
}

// acceptAt accepts the connections that wait at a listener.
func (l *loop) acceptAt(listener int) {
	for i := 0; i < maxAccepts && l.acceptor.accept(listener, i); i++ {
		l.closeEnded()
	}
}

// deadline returns until when the loop may wait, by its own clock; zero is for as
// long as nothing happens.
func (l *loop) deadline() time.Time {
	at := l.audience.deadline()
	if l.acceptor != nil {
		at = earliest(at, l.acceptor.deadline())
	}
	return at
}

// admitAssigned admits the connections that were assigned to the loop.
func (l *loop) admitAssigned() {
	for _, a := range l.inbox.take() {
		if a.join == nil {
			l.audience.startDraining(a.conn, causeReplaced)
			continue
		}
		if !l.table.has(a.conn) {
			if errno := l.table.register(l.kernel, a.conn, netpoll.Readable); errno != 0 {
				a.join.Leave()
				l.endings.add(a.conn, causeErrno("epoll_ctl", errno))
				continue
			}
		}
		l.audience.admit(a.conn, a.join)
	}
}
