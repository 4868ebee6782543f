//go:build linux

package server

import (
	"slices"
	"syscall"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// maxAuthReads is how often a pending connection is read in one wake-up: enough for an
// authentication message in several frames. A WebSocket may send control frames
// without end.
const maxAuthReads = 32

// read reads a pending connection's authentication message, and not a byte
// beyond it: what follows is read by the loop it will be assigned to. It returns the
// state of the connection after that. Echoing stands for member, too: another loop may
// have the connection by then, so that its state can't be read.
func (a *acceptor) read(c *conn) state {
	if p := a.byConn[c]; p.proxied {
		if now, ok := a.readHeader(p); !ok {
			return now
		}
	}
	m := &a.message
	have := copy(m[:], c.incomplete())
	for reads := 0; ; reads++ {
		if reads >= maxAuthReads && len(c.received()) == 0 {
			c.keep(a.system, m[:have])
			return pending
		}
		came, r, errno := c.receive(a.system, m[have:])
		switch {
		case errno == syscall.EAGAIN:
			c.keep(a.system, m[:have]) // a ping is answered before the echo
			return pending
		case errno != 0:
			return a.end(c, causeErrno("read", errno))
		case came == 0 && c.violation() != "":
			return a.end(c, causeViolation(c.violation()))
		case came == 0:
			return a.end(c, causeSilent(have))
		}
		if have += r.Data; have == wire.Size {
			c.keep(a.system, nil)
			return a.authenticate(c, m)
		}
	}
}

// authenticate decides on a connection whose authentication message is complete. It
// returns what read does.
func (a *acceptor) authenticate(c *conn, m *wire.Message) state {
	c.Name = string(m.TrimmedName())
	p := a.byConn[c]
	if !a.mayLook(p) || a.waitIfReopening(p) {
		return c.state
	}
	if p.room = a.rooms.find(m.Text()); p.room == nil && a.check(p, m) {
		return c.state
	}
	a.judge(p, m.Text())
	token := clientToken(p.has.Client)
	switch {
	case p.room == nil && !c.isWebSocket() && looksLikeTLS(m):
		return a.refuse(p, m, causeTLS)
	case p.room == nil:
		return a.refuse(p, m, p.wrongKey())
	case a.rooms.draining.Load():
		return a.refuse(p, m, causeDraining)
	case !a.takeOver(p):
		return c.state
	case !p.room.enter(token):
		return a.waitOrRefuse(p, m, causeFull)
	case p.room.isServers(c.Name) || !p.room.names.take(c, claim{a.wall.UnixMilli(), token}, p.room.others):
		p.room.leave(c)
		return a.waitOrRefuse(p, m, causeName)
	}
	p.room.elsewhere.Load().arrive(c, token)
	a.inbox.count(p.room, 1)
	a.counts.accepted++
	a.announceAccepted(p, m)
	a.kernel.Tune(int(c.fd), p.remote, a.limits.peer)
	c.state = echoing
	a.removeFromSets(p)
	number, epoch, known := a.joinLog(p)
	if c.isWebSocket() {
		c.beginEcho(a.system, number, epoch, known, p.serverID())
	}
	a.greet(p)
	return a.sendEcho(c, m[:])
}

// waitOrRefuse refuses a connection for which there is no slot, or whose name is taken,
// unless it has yet to wait: the client may have seen another leave before the loop has.
// The next wait reports that. It returns what read does.
func (a *acceptor) waitOrRefuse(p *pendingConn, m *wire.Message, why cause) state {
	if p.waited {
		return a.refuse(p, m, why)
	}
	c := p.conn
	p.waited = true
	a.wait(p)
	a.identities.retry(c)
	return c.state
}

// looksLikeTLS reports whether what came in place of an authentication message is the
// beginning of a TLS handshake, see RFC 8446, section 5.1: no name begins like that.
func looksLikeTLS(m *wire.Message) bool { return m[0] == 22 && m[1] == 3 && m[2] <= 4 }

// joinLog sets where a connection's messages begin: after the last that it has, or
// with those that are replayed. It returns the number of the first, the epoch, and the
// number of the last that it has.
func (a *acceptor) joinLog(p *pendingConn) (number, epoch, known uint64) {
	log, epochs := p.room.log, p.room.epochs
	epoch = epochs.Current()
	if p.conn.framing == numbered {
		known = epochs.Known(p.has.Epoch, p.has.Number)
	}
	if known > 0 || p.conn.framing == numbered && p.has.Number == 0 && epochs.Has(p.has.Epoch) {
		p.join = log.JoinAfter(known, func() {})
		known = min(known, log.Number(log.Head())-1) // of those that there are
	} else {
		p.join = log.JoinBack(func() {})
	}
	return log.Number(p.join.Position()), epoch, known
}

// announceAccepted announces that a connection gave a right key. That of a person is not
// said, as it is known by its label.
func (a *acceptor) announceAccepted(p *pendingConn, m *wire.Message) {
	n := broadcast.Notice{Kind: broadcast.Accepted, From: &p.conn.Sender}
	if p.checked != nil {
		n.Label = p.checked.Pass.Label
	} else {
		n.Key = string(m.Text())
	}
	announce(p.room.log, n, a.wall)
}

// refuse ends a connection whose key is wrong, or whose room is full, and announces that.
func (a *acceptor) refuse(p *pendingConn, m *wire.Message, why cause) state {
	a.counts.refused[why.reason]++
	log := a.rooms.refusals()
	if p.room != nil {
		log = p.room.log
	}
	announce(log, broadcast.Notice{Kind: broadcast.Refused, From: &p.conn.Sender, Key: string(m.Text()), Reason: why.words}, a.wall)
	return a.end(p.conn, why)
}

// sendEcho sends what is left of the echo, and of what follows it. The connection becomes a
// member only when all of it is written, so nothing can come before it. What is published
// meanwhile is kept by the join cursor, so nothing is missed after it, whichever
// loop the connection is assigned to. It returns what read does.
func (a *acceptor) sendEcho(c *conn, echo []byte) state {
	for {
		rest := echo
		if len(echo) == 0 {
			rest = c.greeting()
		}
		if len(rest) == 0 {
			break
		}
		n, errno := c.sendBehind(a.system, rest)
		switch {
		case errno == 0 && len(echo) > 0:
			echo = echo[n:]
		case errno == 0:
			c.partial.greeting = rest[n:]
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			c.keep(a.system, echo)
			if out := c.arm(a.kernel); out.kind == ended {
				return a.end(c, out.cause)
			}
			return echoing
		default:
			return a.end(c, causeErrno("write", errno))
		}
	}
	c.keep(a.system, nil)
	return a.assign(a.byConn[c])
}

// assign has a connection that has its echo become a member of one of the loops. It
// returns what read does.
func (a *acceptor) assign(p *pendingConn) state {
	c, to := p.conn, a.choose(p.room)
	if to != a.inbox {
		if errno := a.kernel.Remove(int(c.fd)); errno != 0 {
			return a.end(c, causeErrno("epoll_ctl", errno))
		}
		a.table.remove(c)
		a.inbox.count(p.room, -1)
		to.count(p.room, 1)
	}
	put := func() { a.put(to, assignment{conn: c, room: p.room, join: p.join}) }
	if c.framing == numbered {
		a.identities.assign(c, to, put)
	} else {
		put()
	}
	a.passes.assign(c, to)
	a.remove(p)
	return echoing
}

// put puts an assignment into an inbox. The acceptor's own loop looks there anyhow,
// when the acceptor is done.
func (a *acceptor) put(to *inbox, what assignment) {
	to.put(what)
	if to != a.inbox {
		to.wake()
	}
}

// choose returns the inbox of the loop to assign a room's next member to. The first that
// a room has are together at one loop, that with the fewest connections: each loop that
// has members of a room must be woken for what the others read. When they are enough to
// be worth another loop, the next is begun.
func (a *acceptor) choose(room *Room) *inbox {
	fewest := func(b, c *inbox) int { return int(b.assigned.Load() - c.assigned.Load()) }
	var without []*inbox
	for i, b := range a.inboxes {
		n := room.at[i].members.Load()
		if b == a.inbox {
			n-- // the one to be assigned is counted here
		}
		if n == 0 {
			without = append(without, b)
		} else if n < a.limits.minMembers {
			return b
		}
	}
	if len(without) > 0 {
		return slices.MinFunc(without, fewest)
	}
	return slices.MinFunc(a.inboxes, fewest)
}
