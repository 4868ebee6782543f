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
	switch {
	case !m.HasKey(a.room.key):
		return a.refuse(c, m, causeKey)
	case !a.takeOver(p):
		return c.state
	case !a.room.enter():
		return a.refuse(c, m, causeFull)
	}
	a.inbox.assigned.Add(1)
	a.room.announce(broadcast.Notice{Kind: broadcast.Accepted, From: &c.Sender, Key: string(m.Text())}, a.wall)
	a.kernel.Tune(c.fd, p.remote, a.limits.peer)
	c.state = echoing
	a.removeFromSets(p)
	a.joinLog(p)
	if c.isWebSocket() {
		c.beginEcho(a.system, a.room.log.Number(p.join.Position()), p.epoch, p.known)
	}
	return a.sendEcho(c, m[:])
}

// joinLog sets where a connection's messages begin: after the last that it has, or
// with those that are replayed.
func (a *acceptor) joinLog(p *pendingConn) {
	log := a.room.log
	if !p.returns {
		p.join = log.JoinBack(func() {})
		return
	}
	p.join = log.JoinAfter(p.known, func() {})
	p.known = min(p.known, log.Number(log.Head())-1) // of those that there are
}

func (a *acceptor) refuse(c *conn, m *wire.Message, why cause) state {
	a.room.announce(broadcast.Notice{Kind: broadcast.Refused, From: &c.Sender, Key: string(m.Text()), Reason: why.words}, a.wall)
	return a.end(c, why)
}

// sendEcho sends what is left of the echo. The connection becomes a member only
// when all of it is written, so nothing can come before it. What is published
// meanwhile is kept by the join cursor, so nothing is missed after it, whichever
// loop the connection is assigned to. It returns what read does.
func (a *acceptor) sendEcho(c *conn, echo []byte) state {
	for len(echo) > 0 {
		n, errno := c.sendBehind(a.system, echo)
		switch errno {
		case 0:
			echo = echo[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
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
	c, to := p.conn, a.choose()
	if to != a.inbox {
		if errno := a.kernel.Remove(c.fd); errno != 0 {
			return a.end(c, causeErrno("epoll_ctl", errno))
		}
		a.table.remove(c)
		a.inbox.assigned.Add(-1)
		to.assigned.Add(1)
	}
	if c.framing == numbered {
		a.room.identities.assign(c, to)
	}
	a.put(to, assignment{c, p.join})
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

// choose returns the inbox of the loop to assign the next member to: the first that has
// too few members to be worth another loop, or else the one that has the fewest.
func (a *acceptor) choose() *inbox {
	for _, b := range a.inboxes {
		if b.assigned.Load() < a.limits.minMembers {
			return b
		}
	}
	return slices.MinFunc(a.inboxes, func(b, c *inbox) int { return int(b.assigned.Load() - c.assigned.Load()) })
}
