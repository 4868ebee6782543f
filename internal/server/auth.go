//go:build linux

package server

import (
	"syscall"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// read reads a pending connection's authentication message, and not a byte
// beyond it: what follows is read by the loop it will be assigned to.
func (a *acceptor) read(c *conn) {
	m := &a.message
	have := 0
	if c.partial != nil {
		have = copy(m[:], c.partial.message[:c.partial.have])
	}
	for {
		n, errno := a.loop.kernel.Read(c.fd, m[have:])
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			a.loop.keep(c, m[:have])
		case errno != 0:
			a.loop.end(c, causeErrno("read", errno))
		case n == 0:
			a.loop.end(c, causeSilent(have))
		default:
			if have += n; have < wire.Size {
				continue
			}
			a.loop.dropPartial(c)
			a.authenticate(c, m)
		}
		return
	}
}

// authenticate decides on a connection whose authentication message is complete.
func (a *acceptor) authenticate(c *conn, m *wire.Message) {
	c.Name = string(m.TrimmedName())
	switch {
	case !m.HasKey(a.loop.room.key):
		a.refuse(c, m, causeKey)
	case !a.loop.room.enter():
		a.refuse(c, m, causeFull)
	default:
		a.loop.assigned.Add(1)
		a.loop.announce(broadcast.Notice{Kind: broadcast.Accepted, From: &c.Sender, Key: string(m.Text())})
		a.loop.kernel.Tune(c.fd, c.Addr.Addr(), a.loop.limits.peer)
		c.state = echoing
		p := a.byConn[c]
		a.removeFromSets(p)
		p.join = a.loop.room.log.JoinBack(func() {})
		a.sendEcho(c, m[:])
	}
}

func (a *acceptor) refuse(c *conn, m *wire.Message, why cause) {
	a.loop.announce(broadcast.Notice{Kind: broadcast.Refused, From: &c.Sender, Key: string(m.Text()), Reason: why.words})
	a.loop.end(c, why)
}

// sendEcho sends what is left of the echo. The connection becomes a member only
// when all of it is written, so nothing can come before it. What is published
// meanwhile is kept by the join cursor, so nothing is missed after it, whichever
// loop the connection is assigned to.
func (a *acceptor) sendEcho(c *conn, echo []byte) {
	for len(echo) > 0 {
		n, errno := a.loop.kernel.Send(c.fd, [][]byte{echo})
		switch errno {
		case 0:
			echo = echo[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			a.loop.keep(c, echo)
			a.loop.arm(c)
			return
		default:
			a.loop.end(c, causeErrno("write", errno))
			return
		}
	}
	a.loop.dropPartial(c)
	join := a.byConn[c].join
	a.remove(c)
	a.assign(c, join)
}

// assign makes a connection that has its echo a member of one of the loops.
func (a *acceptor) assign(c *conn, join *broadcast.Cursor) {
	to := a.choose()
	if to == a.loop {
		to.admit(c, join)
		return
	}
	if errno := a.loop.kernel.Remove(c.fd); errno != 0 {
		a.loop.release(join)
		a.loop.end(c, causeErrno("epoll_ctl", errno))
		return
	}
	a.loop.conns[c.fd] = nil
	a.loop.assigned.Add(-1)
	to.assigned.Add(1)
	to.enqueue(c, join)
}

// choose returns the loop to assign the next member to: the first that has too
// few members to be worth another loop, or else the one that has the fewest.
func (a *acceptor) choose() *loop {
	fewest := a.loops[0]
	for _, l := range a.loops {
		n := l.assigned.Load()
		if n < a.limits.minMembers {
			return l
		}
		if n < fewest.assigned.Load() {
			fewest = l
		}
	}
	return fewest
}
