//go:build linux

package server

import (
	"container/list"
	"log/slog"
	"math"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/origin"
	"sop-chat/internal/repeat"
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
// blocks but the wait. Loops share nothing but the rooms, and their inboxes.
//
//	loop      one wake-up: events in, connections closed
//	 ├─ acceptor  listeners and pending connections; the first loop's
//	 └─ audience  a room's members at the loop: publish, flush, advance
//	      └─ conn     one descriptor: read, write, framing
//	           └─ kernel  the calls on the system
//
// Calls go down. What happened comes back up as a value, and the loop alone closes
// connections.
type loop struct {
	system
	common     common
	logger     *slog.Logger
	stop       *atomic.Bool // set: close everything and return
	freezer    *freezer     // nil: the server is never frozen
	acceptor   *acceptor    // nil in all loops but the first
	speaker    *speaker     // nil in all loops but the first
	identities *identities
	passes     *passes
	origins    origins
	audiences  audiences
	events     []netpoll.Event
	table      table
	inbox      inbox
	endings    endings
	webSockets int      // of the members, how many are
	pings      rotation // checks whether clients answer pings
	windows    rotation // checks whether members' windows are closed
	heartbeat  heartbeat
	requests   []progress
	looks      int // maxLooks
}

// newLoop returns the loop with an index, which sends through an output that has a memory,
// a choice, a logger and limits.
func newLoop(k kernel, index int, out output, ids *identities, ps *passes, lim limits, stop *atomic.Bool) *loop {
	l := &loop{
		system:     system{kernel: k, stretches: make([][]byte, 0, maxStretches)},
		logger:     out.logger,
		inbox:      inbox{loop: index, wake: k.Wake},
		identities: ids,
		passes:     ps,
		origins:    (*origin.Table)(nil),
		looks:      maxLooks,
		stop:       stop,
		events:     make([]netpoll.Event, maxEvents),
	}
	l.common = common{
		system:  &l.system,
		output:  out,
		limits:  lim,
		batch:   broadcast.NewBatch(batchSize),
		endings: &l.endings,
		inbox:   &l.inbox,
	}
	l.common.output.system = &l.system
	l.audiences = audiences{common: &l.common}
	return l
}

// addAcceptor gives the loop the acceptor, which assigns connections to all loops.
func (l *loop) addAcceptor(loops []*loop, rooms *rooms, listeners []int, q *handoffQueue, lim acceptorLimits) syscall.Errno {
	a := &acceptor{
		system:     &l.system,
		rooms:      rooms,
		identities: l.identities,
		passes:     l.passes,
		origins:    l.origins,
		refusals:   repeat.New[refusal](0, 0),
		logger:     l.logger,
		table:      &l.table,
		endings:    &l.endings,
		inbox:      &l.inbox,
		listeners:  listeners,
		motd:       new(atomic.Pointer[motd]),
		handoff:    q,
		limits:     lim,
		conns:      list.New(),
		byConn:     make(map[*conn]*pendingConn),
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
	l.identities.wake, l.passes.wake = l.kernel.Wake, l.kernel.Wake
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
		if l.freezer != nil {
			l.freezer.stand()
		}
	}
}

// turn is one wake-up: one wait, and all that follows from it, for each audience that
// has something to do.
//
//	wait ──▶ set the clock
//	           │
//	  speak    │  say            what the server says by itself, in the first loop
//	           ▼
//	  intake   │  touch          the audiences with something to do: begin sets shares,
//	           │                 and resumes the members whose pause is over
//	           │  admitAssigned  connections from the acceptor's loop
//	           ▼
//	  read     │  handle         from readable members, into the batch
//	           │  readReceived   from those of which something came earlier
//	           │  drain          from draining ones
//	           ▼
//	  publish  │  publish        append the batch, move the head, wake readers;
//	           ▼                 also while reading, when the batch is full
//	  write    │  flush          up to the head, to each member behind it
//	           ▼
//	  close    │  closeEnded     frees slots and descriptors
//	           ▼
//	  accept   │  accept         authenticate, accept, adopt, expire, evict
//	           ▼
//	  write    │  flush          to those that have come in
//	           │  checkStalls    disconnects members that hold others up
//	           ▼
//	  release  │  settle         the cursors, to the furthest member
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
	l.counts.wakeups++
	if !l.wall.IsZero() {
		l.counts.busy += l.kernel.Parked().Sub(l.wall)
	}
	l.update(l.kernel.Now(), until)
	l.heartbeat.answer()
	if l.stop.Load() {
		l.shutdown()
		return false, nil
	}
	events := l.events[:n]
	if l.speaker != nil {
		l.speak() // before those that receive it look what is new
	}
	l.intake(events)
	for i := 0; i < len(l.audiences.touched); i++ {
		a := l.audiences.touched[i]
		l.audiences.takeEvents(a, events, &l.table)
		a.readReceived()
		a.drain()
		a.publish()
		l.flush(a)
		a.yield()
	}
	l.closeEnded() // before new connections come in: it frees slots
	if l.acceptor != nil {
		l.accept(events)
	}
	l.checkConns()
	for i := 0; i < len(l.audiences.touched); i++ {
		a := l.audiences.touched[i]
		l.flush(a)
		a.checkStalls()
	}
	l.common.output.endLap()
	l.closeEnded()
	l.audiences.settle()
	l.emptyRooms()
	l.attendRequests()
	l.answerStats()
	return true, nil
}

// flush has an audience write what is new. A room is written to right after it was read,
// while that is in the processor's cache. If there are several, each is sent only so much
// before the others have their turn.
func (l *loop) flush(a *audience) {
	if a.mustFlush() {
		l.common.output.left = math.MaxInt
		if l.audiences.areSeveral() {
			l.common.output.left = l.common.output.limits.quantum
		}
		a.flush()
	}
}

// intake finds the audiences that have something to do.
func (l *loop) intake(events []netpoll.Event) {
	l.audiences.touchWoken()
	l.audiences.touchDue()
	l.admitAssigned()
	for i := range events {
		if c := l.table.lookup(&events[i]); c != nil && c.state >= member {
			l.audiences.addEvent(c, i)
		}
	}
}

// accept does the acceptor's share of a wake-up.
func (l *loop) accept(events []netpoll.Event) {
	a := l.acceptor
	a.lookAtBehind()
	a.admitWaiting()
	a.attendKeyring()
	l.closeEnded()
	a.lookAtDelayed()
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
	a.reportRefusals(false)
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
	if len(l.requests) > 0 {
		return l.now // so that the loop does not wait
	}
	at := earliest(l.audiences.schedule.first(), l.pings.at, l.windows.at)
	if l.acceptor != nil {
		at = earliest(at, l.acceptor.deadline())
	}
	if l.speaker != nil {
		at = earliest(at, l.speaker.deadline())
	}
	return at
}

// admitAssigned admits the connections that were assigned to the loop.
func (l *loop) admitAssigned() {
	for _, as := range l.inbox.takeAssigned() {
		if as.join == nil {
			if a := l.audiences.at(as.conn); a != nil {
				l.audiences.touch(a)
				a.dismiss(as.conn, as.cause)
			}
			continue
		}
		l.admit(as)
	}
}

// admit makes a connection a member of its room's audience.
func (l *loop) admit(as assignment) {
	a, c := l.audiences.get(as.room), as.conn
	c.audience = a.index
	if c.isWebSocket() {
		l.webSockets++
	}
	if !l.table.has(c) {
		if errno := l.table.register(l.kernel, c, netpoll.Readable); errno != 0 {
			as.join.Leave()
			l.endings.add(c, causeErrno("epoll_ctl", errno))
			return
		}
	}
	a.admit(c, as.join)
	if as.room.closing.Load() {
		a.end(c, causeClosed)
	}
}

// checkConns checks each connection now and then.
func (l *loop) checkConns() {
	l.check(&l.windows, l.common.limits.peer/windowChecks, func(c *conn) bool { return true }, (*audience).checkWindow)
	interval := l.common.limits.ping
	if l.webSockets == 0 {
		interval = 0
	}
	l.check(&l.pings, interval, (*conn).isWebSocket, (*audience).checkPing)
}

// check has the members that are next in a rotation checked, if they are to be.
func (l *loop) check(r *rotation, interval time.Duration, isToBe func(*conn) bool, check func(*audience, *conn)) {
	for range r.due(len(l.table.conns), interval, l.now) {
		if c := r.next(l.table.conns); c != nil && c.state == member && isToBe(c) {
			a := l.audiences.at(c)
			l.audiences.touch(a)
			check(a, c)
		}
	}
}

// emptyRooms disconnects the clients of the rooms that are to be emptied.
func (l *loop) emptyRooms() {
	all := l.inbox.takeEmptying()
	if len(all) > 0 {
		l.admitAssigned() // those that came before
	}
	for _, e := range all {
		if e.room == nil {
			l.endDenied(e.cause)
		} else {
			l.endAllOf(e)
		}
		if l.acceptor != nil {
			l.acceptor.handOn(e)
		}
		l.closeEnded()
		l.audiences.settle()
		if e.cause == causeClosed && e.room.closing.Load() {
			e.room.closeAt()
		}
	}
}

// endAllOf disconnects the loop's clients of a room.
func (l *loop) endAllOf(e emptying) {
	if l.acceptor != nil {
		l.acceptor.endAllOf(e)
	}
	if a := l.audiences.of(e.room); a != nil {
		l.audiences.touch(a)
		for _, c := range a.members {
			a.end(c, e.cause)
		}
	}
}
