//go:build linux

package server

import (
	"syscall"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// read reads a guest's authentication message, and not a byte beyond it: what
// follows belongs to the loop that the guest will be seated at.
func (d *door) read(c *conn) {
	m := &d.message
	have := 0
	if c.partial != nil {
		have = copy(m[:], c.partial.message[:c.partial.have])
	}
	for {
		n, errno := d.loop.kernel.Read(c.fd, m[have:])
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			d.loop.keep(c, m[:have])
		case errno != 0:
			d.loop.end(c, causeErrno("read", errno))
		case n == 0:
			d.loop.end(c, causeSilent(have))
		default:
			if have += n; have < wire.Size {
				continue
			}
			d.loop.dropPartial(c)
			d.authenticate(c, m)
		}
		return
	}
}

// authenticate decides on a guest whose authentication message is complete.
func (d *door) authenticate(c *conn, m *wire.Message) {
	c.Name = string(m.TrimmedName())
	switch {
	case !m.HasKey(d.loop.room.key):
		d.refuse(c, m, causeKey)
	case !d.loop.room.enter():
		d.refuse(c, m, causeFull)
	default:
		d.loop.seated.Add(1)
		d.loop.announce(broadcast.Notice{Kind: broadcast.Accepted, From: &c.Sender, Key: string(m.Text())})
		d.loop.kernel.Tune(c.fd, c.Addr.Addr(), d.loop.limits.peer)
		c.state = greeting
		g := d.guestOf[c]
		d.untrack(g)
		g.place = d.loop.room.log.JoinBack(func() {})
		d.greet(c, m[:])
	}
}

func (d *door) refuse(c *conn, m *wire.Message, why cause) {
	d.loop.announce(broadcast.Notice{Kind: broadcast.Refused, From: &c.Sender, Key: string(m.Text()), Reason: why.words})
	d.loop.end(c, why)
}

// greet sends what is left of the echo. Only when all of it is written does the
// guest become a member, so nothing can come before it; and what is published
// meanwhile waits for it in the log, so nothing is missed after it, in whichever
// loop it is seated.
func (d *door) greet(c *conn, echo []byte) {
	for len(echo) > 0 {
		n, errno := d.loop.kernel.Send(c.fd, [][]byte{echo})
		switch errno {
		case 0:
			echo = echo[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			d.loop.keep(c, echo)
			d.loop.arm(c)
			return
		default:
			d.loop.end(c, causeErrno("write", errno))
			return
		}
	}
	d.loop.dropPartial(c)
	place := d.guestOf[c].place
	d.forget(c)
	d.seat(c, place)
}

// seat makes a guest that has its echo a member of one of the loops.
func (d *door) seat(c *conn, place *broadcast.Cursor) {
	to := d.choose()
	if to == d.loop {
		to.admit(c, place)
		return
	}
	if errno := d.loop.kernel.Remove(c.fd); errno != 0 {
		d.loop.vacate(place)
		d.loop.end(c, causeErrno("epoll_ctl", errno))
		return
	}
	d.loop.conns[c.fd] = nil
	d.loop.seated.Add(-1)
	to.seated.Add(1)
	to.hand(c, place)
}

// choose returns the loop that the next member is seated at: the first that has
// not enough members to be worth another, or else the one that has the fewest.
func (d *door) choose() *loop {
	fewest := d.loops[0]
	for _, l := range d.loops {
		seated := l.seated.Load()
		if seated < d.limits.seats {
			return l
		}
		if seated < fewest.seated.Load() {
			fewest = l
		}
	}
	return fewest
}
