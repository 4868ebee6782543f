//go:build linux

package server

import (
	"container/list"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/repeat"
	"sop-chat/internal/wire"
)

// maxAccepts is how many connections are accepted in one wake-up, so that a
// flood of them does not keep the members waiting.
const maxAccepts = 64

// An acceptor takes connections in: it accepts them, reads their authentication
// messages, sends the echo, and assigns those that know the key to the loops, by
// their inboxes. It belongs to the first loop, so that pending connections are
// counted in one place. Beyond a bound they are evicted, see evict.go.
type acceptor struct {
	*system
	rooms      *rooms
	identities *identities
	origins    origins
	logger     *slog.Logger
	table      *table   // its loop's
	endings    *endings // its loop's
	inbox      *inbox   // its loop's
	inboxes    []*inbox // of all loops

	listeners []int
	failures  int // of accept, in this wake-up
	limits    acceptorLimits
	proxies   []netip.Prefix // see Config

	handoff *handoffQueue // of connections that no listener accepted
	adopted []Adopted     // taken from it, to be added in the next wake-up

	motd *atomic.Pointer[motd] // what follows echoes

	keyring Keyring // nil if there are only the rooms' keys
	passes  *passes
	answers *answerQueue // of the keyring

	conns        *list.List // of *pendingConn, oldest first
	byConn       map[*conn]*pendingConn
	spares       spares[pendingConn]
	behind       []*conn       // wait until their rooms have what they have, see behind.go
	behindAt     time.Time     // when to look at those; zero if there are none
	all          pendingSet    // the connections whose state is pending or delayed
	late         pendingSet    // of those, the ones past their grace
	firstInGrace *list.Element // of conns, the first within its grace; nil if there is none
	lastID       uint64
	message      wire.Message // the one being read

	delays   delays
	refusals *repeat.Counter[refusal] // for origins, since they were last reported

	descriptorsShort bool      // they have been short before, so they are counted
	spaceMade        bool      // a late connection was evicted for the next one
	resumeAt         time.Time // when to accept again after a pause; zero if there is none
	pauseReported    bool
}

// acceptorLimits bound the pending connections, see Config.
type acceptorLimits struct {
	pending, pendingPerAddress int // 0: none
	descriptors                Descriptors
	authTimeout                time.Duration
	peer                       time.Duration // Config.PeerTimeout
	minMembers                 int32         // minMembers
}

// minMembers is how many members a loop is assigned before another loop gets
// any. Each loop that has members must be woken for what the others read, which
// costs more than writing to a few dozen clients.
const minMembers = 64

// A pendingConn is what the acceptor keeps for a connection until it is a
// member: while it is pending, and while it is echoing.
type pendingConn struct {
	conn      *conn
	since     time.Time
	remote    netip.Addr         // at the far end of its socket
	has       Since              // what it says it has of the room; see Adopted
	proxied   bool               // a proxy's header may yet come, so its client is not known
	header    []byte             // what came of that
	room      *Room              // whose key it gave; nil before that
	checked   *Checked           // what came of checking the key that it gave; nil before that
	waited    bool               // a wake-up, for a slot in the room or its name
	until     broadcast.Position // what has to come back before it is admitted, see Room.hasReturned
	recalling *recalling         // its client has to be recalled from another server; nil: it has not
	isKnown   bool               // its client has a former connection here, or had one when it came
	isBehind  bool               // it waits for that, or for more of the room's log
	isLost    bool               // what it has, and the room has not, will not come
	isEarly   bool               // its key was not looked at, as the rooms are being opened anew
	looked    bool               // its key may be looked at
	judged    bool               // the origins know whether its key is right
	join      *broadcast.Cursor  // its join cursor, while it is echoing
	element   *list.Element      // of the acceptor's conns

	inAll, inLate *list.Element // of the acceptor's sets; nil if it is not in them
	delay         *list.Element // of the acceptor's delays; nil if it is not in them
}

// handle does what an event of a connection calls for that is no member yet.
func (a *acceptor) handle(c *conn) {
	switch c.state {
	case pending:
		p := a.byConn[c]
		if now := a.read(c); (now == pending || now == delayed) && p.inLate != nil {
			a.holdLate(p) // its client may be known now
		}
	case echoing:
		a.sendEcho(c, c.incomplete())
	}
}

// accept accepts a connection that waits at a listener, the i-th in this wake-up, and
// reports whether to try again. Before that, connections that have ended have to be
// closed, so that the next one can have the descriptor of one that was evicted.
func (a *acceptor) accept(listener, i int) (more bool) {
	if i == 0 {
		a.failures = 0
	} else if a.rooms.full() {
		// The next client may have seen another leave before the loop has.
		// The next wait reports both.
		return false
	}
	if !a.spaceMade && a.outOfDescriptors() {
		// Nothing but late connections is evicted: clients have the rest of the
		// descriptors, and the new connection may well be refused.
		if a.spaceMade = a.evictFrom(&a.late); !a.spaceMade {
			a.pauseAccept(syscall.EMFILE)
		}
		return a.spaceMade
	}
	a.spaceMade = false
	fd, addr, errno := a.kernel.Accept(listener)
	switch errno {
	case 0:
		a.add(Adopted{FD: fd, Peer: addr, Remote: addr.Addr(), proxied: a.isProxy(addr.Addr())})
		return true
	case syscall.EAGAIN:
		return false
	case syscall.EINTR, syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM,
		syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN, syscall.ENONET,
		syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETUNREACH:
		// One connection that is gone already, see accept(2); the next may
		// be fine. This many in a row mean that the call itself is refused.
		if a.failures++; a.failures < maxAccepts {
			return true
		}
	case syscall.EMFILE, syscall.ENFILE:
		if a.evictFrom(&a.all) {
			return true
		}
	}
	a.pauseAccept(errno)
	return false
}

// pauseAccept stops accepting for a while. Clients that connect meanwhile wait
// in the listener's backlog.
func (a *acceptor) pauseAccept(errno syscall.Errno) {
	if !a.pauseReported {
		a.pauseReported = true
		a.logger.Warn("can't accept connections; new ones wait until some end",
			"reason", causeErrno("accept", errno).words)
	}
	a.resumeAt = a.now.Add(shortagePause)
	for _, fd := range a.listeners {
		// If this fails, accept is called and fails once more, no worse.
		a.kernel.Modify(fd, listenerGeneration, 0)
	}
}

// resumeAccept begins to accept again once the pause is over.
func (a *acceptor) resumeAccept() {
	if a.resumeAt.IsZero() || a.now.Before(a.resumeAt) {
		return
	}
	a.resumeAt = time.Time{}
	for _, fd := range a.listeners {
		if a.kernel.Modify(fd, listenerGeneration, netpoll.Readable) != 0 {
			a.resumeAt = a.now.Add(shortagePause)
		}
	}
}

// add adds a connection that was accepted or handed over.
func (a *acceptor) add(from Adopted) {
	a.pauseReported = false
	a.counts.connections++
	a.lastID++
	c := &conn{fd: int32(from.FD), audience: -1, index: -1, framing: from.framing()}
	c.ID, c.Addr = a.lastID, from.Peer
	if !from.Screened && !from.proxied && !a.mayConnect(c) {
		return
	}
	if len(from.Received) > 0 {
		c.makePartial(a.system).frames.received = from.Received
	}
	if why, isKnown := a.refusesAll(); isKnown && !from.proxied && !from.WebSocket {
		a.end(c, why)
		return
	}
	if errno := a.table.register(a.kernel, c, netpoll.Readable); errno != 0 {
		a.end(c, causeErrno("epoll_ctl", errno))
		return
	}
	p := a.spares.take()
	p.conn, p.since, p.remote, p.proxied = c, a.now, from.Remote, from.proxied
	if from.Numbered { // or it was not asked which client it is, and what it has
		p.has = from.Has
	}
	p.element = a.conns.PushBack(p)
	a.byConn[c] = p
	if a.firstInGrace == nil {
		a.firstInGrace = p.element
	}
	switch a.read(c) { // most have sent their message by now
	case closed:
		return
	case pending, delayed:
		p.inAll = a.all.add(p)
	case waiting:
		if p.isEarly {
			p.inAll = a.all.add(p)
		}
	}
	a.makeSpace(from.FD)
}

// refusesAll returns why a connection is refused whatever its client sends, if it is. A
// WebSocket is refused later, when its message was read: a message that comes after the
// close frame has the kernel reset the connection, and the browser may drop the frame that
// says why. Its client may also have a former connection whose slot it takes.
func (a *acceptor) refusesAll() (why cause, ok bool) {
	switch {
	case a.rooms.draining.Load():
		return causeDraining, true
	case a.rooms.full():
		return causeFull, true
	}
	return cause{}, false
}

// end has a connection closed that is no member yet, and returns its state.
func (a *acceptor) end(c *conn, why cause) state {
	a.endings.addOf(a.drop(c), c, why)
	return closed
}

// drop removes a connection that has ended, if it is not a member yet. It returns the
// room whose key it gave, if it did.
func (a *acceptor) drop(c *conn) (room *Room) {
	if p := a.byConn[c]; p != nil {
		if p.join != nil {
			p.join.Leave()
		}
		room = p.room
		a.remove(p)
	}
	return room
}

// endAllOf ends the connections that are to become members of a room.
func (a *acceptor) endAllOf(e emptying) {
	for next := a.conns.Front(); next != nil; {
		p := next.Value.(*pendingConn)
		next = next.Next()
		if p.room == e.room {
			a.end(p.conn, e.cause)
		}
	}
}

// handOn has the other loops disconnect the clients of a room, too.
func (a *acceptor) handOn(e emptying) {
	for _, to := range a.inboxes {
		if to != a.inbox {
			to.empty(e)
		}
	}
}

// remove removes a connection from the acceptor's lists.
func (a *acceptor) remove(p *pendingConn) {
	a.removeFromSets(p)
	a.delays.remove(p)
	a.giveUp(p)
	if a.firstInGrace == p.element {
		a.firstInGrace = p.element.Next()
	}
	delete(a.byConn, p.conn)
	a.conns.Remove(p.element)
	*p = pendingConn{}
	a.spares.put(p)
}

// deadline returns when the acceptor has to run at the latest; zero is whenever
// something happens.
func (a *acceptor) deadline() time.Time {
	at := earliest(a.resumeAt, a.nextLateAt(), a.refusals.Due(), a.behindAt)
	if first := a.delays.first(); first != nil {
		at = earliest(at, a.ownTime(first.at))
	}
	if first := a.conns.Front(); first != nil {
		at = earliest(at, first.Value.(*pendingConn).since.Add(a.limits.authTimeout))
	}
	return at
}

// expire ends the connections that did not become members within the timeout.
func (a *acceptor) expire() {
	for first := a.conns.Front(); first != nil; first = a.conns.Front() {
		p := first.Value.(*pendingConn)
		if a.now.Before(p.since.Add(a.limits.authTimeout)) {
			return
		}
		why := causeTimeout
		switch {
		case p.conn.state == delayed:
			why = causeDelayed
		case p.isBehind && p.conn.state == waiting:
			why = causeBehind
		case p.isEarly:
			why = causeDraining
		}
		a.end(p.conn, why)
	}
}
