//go:build linux

package server

import (
	"syscall"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// maxAuthReads is how often a pending connection is read in one wake-up: enough for an
// authentication message in several frames. A WebSocket may send control frames
// without end.
const maxAuthReads = 32

// read reads a pending connection's authentication message, and not a byte
// beyond it: what follows is read by the loop it will be assigned to.
func (a *acceptor) read(c *conn) {
	m := &a.message
	have := copy(m[:], c.incomplete())
	for reads := 0; ; reads++ {
		if reads >= maxAuthReads && len(c.received()) == 0 {
			c.keep(&a.loop.system, m[:have])
			return
		}
		in, errno := c.receive(&a.loop.system, m[have:])
		switch {
		case errno == syscall.EAGAIN:
			c.keep(&a.loop.system, m[:have]) // a ping is answered before the echo
		case errno != 0:
			a.loop.end(c, causeErrno("read", errno))
		case in.came == 0 && c.violation() != "":
			a.loop.end(c, causeViolation(c.violation()))
		case in.came == 0:
			a.loop.end(c, causeSilent(have))
		default:
			if have += in.data; have < wire.Size {
				continue
			}
			c.keep(&a.loop.system, nil)
			a.authenticate(c, m)
		}
		return
	}
}

// authenticate decides on a connection whose authentication message is complete.
func (a *acceptor) authenticate(c *conn, m *wire.Message) {
	c.Name = string(m.TrimmedName())
	switch {
	case !m.HasKey(a.loop.audience.room.key):
		a.refuse(c, m, causeKey)
	case !a.takeOver(a.byConn[c]):
	case !a.loop.audience.room.enter():
		a.refuse(c, m, causeFull)
	default:
		a.loop.inbox.assigned.Add(1)
		a.loop.audience.room.announce(broadcast.Notice{Kind: broadcast.Accepted, From: &c.Sender, Key: string(m.Text())}, a.loop.wall)
		p := a.byConn[c]
		a.loop.kernel.Tune(c.fd, p.remote, a.loop.audience.limits.peer)
		c.state = echoing
		a.removeFromSets(p)
		a.joinLog(p)
		if c.isWebSocket() {
			f := &c.makePartial(&a.loop.system).frames
			b := f.decoder.AppendPong(f.out[:f.outLen], &a.loop.controls)
			if c.framing == numbered {
				b = appendWelcome(b, a.loop.audience.room.log.Number(p.join.Position()), a.loop.wall, p.epoch, p.known)
			} else {
				b = websocket.AppendHeader(b, wire.Size)
			}
			f.outLen = len(b)
		}
		a.sendEcho(c, m[:])
	}
}

// joinLog sets where a connection's messages begin: after the last that it has, or
// with those that are replayed.
func (a *acceptor) joinLog(p *pendingConn) {
	log := a.loop.audience.room.log
	if !p.returns {
		p.join = log.JoinBack(func() {})
		return
	}
	p.join = log.JoinAfter(p.known, func() {})
	p.known = min(p.known, log.Number(log.Head())-1) // of those that there are
}

func (a *acceptor) refuse(c *conn, m *wire.Message, why cause) {
	a.loop.audience.room.announce(broadcast.Notice{Kind: broadcast.Refused, From: &c.Sender, Key: string(m.Text()), Reason: why.words}, a.loop.wall)
	a.loop.end(c, why)
}

// sendEcho sends what is left of the echo. The connection becomes a member only
// when all of it is written, so nothing can come before it. What is published
// meanwhile is kept by the join cursor, so nothing is missed after it, whichever
// loop the connection is assigned to.
func (a *acceptor) sendEcho(c *conn, echo []byte) {
	for len(echo) > 0 {
		n, errno := c.sendBehind(&a.loop.system, echo)
		switch errno {
		case 0:
			echo = echo[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			c.keep(&a.loop.system, echo)
			a.arm(c)
			return
		default:
			a.loop.end(c, causeErrno("write", errno))
			return
		}
	}
	c.keep(&a.loop.system, nil)
	join := a.byConn[c].join
	a.remove(c)
	a.assign(c, join)
}

// assign makes a connection that has its echo a member of one of the loops.
func (a *acceptor) assign(c *conn, join *broadcast.Cursor) {
	to := a.choose()
	if c.framing == numbered {
		a.loop.audience.room.identities.assign(c, &to.inbox)
	}
	if to == a.loop {
		to.audience.admit(c, join)
		return
	}
	if errno := a.loop.kernel.Remove(c.fd); errno != 0 {
		a.loop.audience.release(join)
		a.loop.end(c, causeErrno("epoll_ctl", errno))
		return
	}
	a.loop.conns[c.fd] = nil
	a.loop.inbox.assigned.Add(-1)
	to.inbox.assigned.Add(1)
	to.inbox.put(assignment{c, join})
	to.inbox.wake()
}

// choose returns the loop to assign the next member to: the first that has too
// few members to be worth another loop, or else the one that has the fewest.
func (a *acceptor) choose() *loop {
	fewest := a.loops[0]
	for _, l := range a.loops {
		n := l.inbox.assigned.Load()
		if n < a.limits.minMembers {
			return l
		}
		if n < fewest.inbox.assigned.Load() {
			fewest = l
		}
	}
	return fewest
}

// arm makes the poller wait for what the connection's state calls for.
func (a *acceptor) arm(c *conn) {
	if out := c.arm(a.loop.kernel); out.kind == ended {
		a.loop.end(c, out.cause)
	}
}
