//go:build linux

package server

import (
	"container/list"
	"net/netip"
	"syscall"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/wire"
)

// maxAccepts is how many connections are accepted in one wake-up, so that a
// flood of them does not keep the members waiting.
const maxAccepts = 64

// An acceptor takes connections in: it accepts them, reads their authentication
// messages, sends the echo, and assigns those that know the key to the loops. It
// belongs to the first loop, so that pending connections are counted in one
// place. Beyond a bound they are evicted, see evict.go.
type acceptor struct {
	loop      *loop
	loops     []*loop // to which members are assigned
	listeners []int
	limits    acceptorLimits

	handoff *handoffQueue // of connections that no listener accepted
	adopted []Adopted     // taken from it, to be added in the next wake-up

	conns        *list.List // of *pendingConn, oldest first
	byConn       map[*conn]*pendingConn
	spare        []*pendingConn // for reuse
	all          pendingSet     // the connections whose state is pending
	late         pendingSet     // of those, the ones past their grace
	firstInGrace *list.Element  // of conns, the first within its grace; nil if there is none
	lastID       uint64
	message      wire.Message // the one being read

	descriptorsShort bool      // they have been short before, so they are counted
	resumeAt         time.Time // when to accept again after a pause; zero if there is none
	pauseReported    bool
}

// acceptorLimits bound the pending connections, see Config.
type acceptorLimits struct {
	pending, pendingPerAddress int // 0: none
	descriptors                Descriptors
	authTimeout                time.Duration
	minMembers                 int32 // minMembers
}

// minMembers is how many members a loop is assigned before another loop gets
// any. Each loop that has members must be woken for what the others read, which
// costs more than writing to a few dozen clients.
const minMembers = 64

// A pendingConn is what the acceptor keeps for a connection until it is a
// member: while it is pending, and while it is echoing.
type pendingConn struct {
	conn    *conn
	since   time.Time
	remote  netip.Addr        // at the far end of its socket
	epoch   uint64            // to be told; see Adopted
	known   uint64            // the number of the last message that it has
	returns bool              // it has all up to known
	client  uint64            // which one it says it is; 0 if it does not
	join    *broadcast.Cursor // its join cursor, while it is echoing
	element *list.Element     // of the acceptor's conns

	inAll, inLate *list.Element // of the acceptor's sets; nil if it is not in them
}

func newAcceptor(l *loop, loops []*loop, listeners []int, q *handoffQueue, lim acceptorLimits) (*acceptor, syscall.Errno) {
	a := &acceptor{
		loop:      l,
		loops:     loops,
		listeners: listeners,
		handoff:   q,
		limits:    lim,
		conns:     list.New(),
		byConn:    make(map[*conn]*pendingConn),
	}
	for _, fd := range listeners {
		if errno := l.kernel.Add(fd, listenerGeneration, netpoll.Readable); errno != 0 {
			return nil, errno
		}
	}
	l.acceptor = a
	l.audience.room.identities.wake = l.kernel.Wake
	q.open(l.kernel.Wake)
	return a, 0
}

// handle does the acceptor's share of a wake-up.
func (a *acceptor) handle(events []netpoll.Event) {
	a.admitWaiting()
	a.loop.closeEnded()
	for i := range events {
		c := a.loop.lookup(&events[i])
		if c == nil || c.state > echoing {
			continue
		}
		switch c.state {
		case pending:
			a.read(c)
		case echoing:
			a.sendEcho(c, c.incomplete())
		}
	}
	a.resumeAccept()
	for i := range events {
		if events[i].Generation == listenerGeneration {
			a.accept(events[i].FD)
		}
	}
	a.adopt()
	a.expire()
	a.evictLate()
}

// accept accepts the connections that wait at a listener.
func (a *acceptor) accept(listener int) {
	failed := 0
	for i := range maxAccepts {
		if i > 0 && a.loop.audience.room.full() {
			// The next client may have seen another leave before the loop has.
			// The next wait reports both.
			return
		}
		if a.outOfDescriptors() {
			a.pauseAccept(syscall.EMFILE)
			return
		}
		fd, addr, errno := a.loop.kernel.Accept(listener)
		switch errno {
		case 0:
			a.add(Adopted{FD: fd, Peer: addr, Remote: addr.Addr()})
			a.loop.closeEnded() // frees the descriptor of one that was evicted or refused
		case syscall.EAGAIN:
			return
		case syscall.EINTR, syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM,
			syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN, syscall.ENONET,
			syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETUNREACH:
			// One connection that is gone already, see accept(2); the next may
			// be fine. This many in a row mean that the call itself is refused.
			if failed++; failed == maxAccepts {
				a.pauseAccept(errno)
			}
		default:
			if a.evictFor(errno) {
				a.loop.closeEnded()
				continue
			}
			a.pauseAccept(errno)
			return
		}
	}
}

// pauseAccept stops accepting for a while. Clients that connect meanwhile wait
// in the listener's backlog.
func (a *acceptor) pauseAccept(errno syscall.Errno) {
	if !a.pauseReported {
		a.pauseReported = true
		a.loop.logger.Warn("can't accept connections; new ones wait until some end",
			"reason", causeErrno("accept", errno).words)
	}
	a.resumeAt = a.loop.now.Add(shortagePause)
	for _, fd := range a.listeners {
		// If this fails, accept is called and fails once more, no worse.
		a.loop.kernel.Modify(fd, listenerGeneration, 0)
	}
}

// resumeAccept begins to accept again once the pause is over.
func (a *acceptor) resumeAccept() {
	if a.resumeAt.IsZero() || a.loop.now.Before(a.resumeAt) {
		return
	}
	a.resumeAt = time.Time{}
	for _, fd := range a.listeners {
		if a.loop.kernel.Modify(fd, listenerGeneration, netpoll.Readable) != 0 {
			a.resumeAt = a.loop.now.Add(shortagePause)
		}
	}
}

// add adds a connection that was accepted or handed over.
func (a *acceptor) add(from Adopted) {
	a.pauseReported = false
	a.lastID++
	c := &conn{fd: from.FD, index: -1, framing: from.framing()}
	c.ID, c.Addr = a.lastID, from.Peer
	if len(from.Received) > 0 {
		c.makePartial(&a.loop.system).frames.received = from.Received
	}
	if a.loop.audience.room.full() && !(from.Client != 0 && a.loop.audience.room.identities.has(from.Client)) {
		a.loop.end(c, causeFull)
		return
	}
	if errno := a.loop.register(c, netpoll.Readable); errno != 0 {
		a.loop.end(c, causeErrno("epoll_ctl", errno))
		return
	}
	p := a.push(c)
	p.remote = from.Remote
	if from.Numbered { // or it was not asked which client it is, and what it has
		p.epoch, p.known, p.client = from.Epoch, from.Known, from.Client
		p.returns = from.Known > 0 || from.SinceFirst
	}
	switch a.readOn(c) { // most have sent their message by now
	case closed:
		return
	case pending:
		p.inAll = a.all.add(p)
	}
	a.makeSpace(from.FD)
}

// push appends a connection to the pending ones, as the newest.
func (a *acceptor) push(c *conn) *pendingConn {
	p := new(pendingConn)
	if last := len(a.spare) - 1; last >= 0 {
		p, a.spare = a.spare[last], a.spare[:last]
	}
	p.conn, p.since = c, a.loop.now
	p.element = a.conns.PushBack(p)
	a.byConn[c] = p
	if a.firstInGrace == nil {
		a.firstInGrace = p.element
	}
	return p
}

// unregister removes a connection that ended, if it is not a member yet, and
// releases its join cursor.
func (a *acceptor) unregister(c *conn) {
	p := a.byConn[c]
	if p == nil {
		return
	}
	if p.join != nil {
		a.loop.audience.release(p.join)
	}
	a.remove(c)
}

// remove removes a connection from the acceptor's lists.
func (a *acceptor) remove(c *conn) {
	p := a.byConn[c]
	a.removeFromSets(p)
	if a.firstInGrace == p.element {
		a.firstInGrace = p.element.Next()
	}
	delete(a.byConn, c)
	a.conns.Remove(p.element)
	const kept = 64
	if len(a.spare) < kept {
		*p = pendingConn{}
		a.spare = append(a.spare, p)
	}
}

// deadline returns when the acceptor has to run at the latest; zero is whenever
// something happens.
func (a *acceptor) deadline() time.Time {
	at := a.resumeAt
	if late := a.nextLateAt(); at.IsZero() || !late.IsZero() && late.Before(at) {
		at = late
	}
	if first := a.conns.Front(); first != nil {
		due := first.Value.(*pendingConn).since.Add(a.limits.authTimeout)
		if at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}

// expire ends the connections that did not become members within the timeout.
func (a *acceptor) expire() {
	for first := a.conns.Front(); first != nil; first = a.conns.Front() {
		p := first.Value.(*pendingConn)
		if a.loop.now.Before(p.since.Add(a.limits.authTimeout)) {
			return
		}
		a.loop.end(p.conn, causeTimeout)
	}
}
