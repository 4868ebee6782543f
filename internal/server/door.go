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

// A door is where connections come in: it accepts them, reads their
// authentication messages, and seats those that know the key. It belongs to
// the first loop, so that who waits at it is counted in one place.
//
// Guests, as connections are called until they are members, are evicted if there
// are too many, see evict.go.
type door struct {
	loop      *loop
	loops     []*loop // where members are seated
	listeners []int
	limits    doorLimits

	hatch      *hatch      // where connections are handed over
	foundlings []foundling // which were, and are welcomed in the next wake-up

	guests  *list.List // of *guest, oldest first
	guestOf map[*conn]*guest
	spare   []*guest      // for the next ones
	all     pendingSet    // those that have not authenticated
	late    pendingSet    // of those, the ones whose grace is over
	fresh   *list.Element // of the guests, the first whose grace is not over; nil if there is none
	lastID  uint64
	near    bool         // the descriptors have been short before, so they are looked at
	message wire.Message // the one that is being read
	openAt  time.Time    // when to accept again after a shortage; zero if there is none
	short   bool         // there is a shortage, and it was reported
}

// doorLimits bound the guests, see Config.
type doorLimits struct {
	pending, pendingPerAddress int // 0: none
	descriptors                Descriptors
	authTimeout                time.Duration
	seats                      int32 // minSeats
}

// minSeats is how many members a loop is given before another loop gets any.
// Each loop that has some must be woken for what the others read, which costs
// more than writing to a few dozen clients.
const minSeats = 64

// A guest is what a connection needs until it is a member.
type guest struct {
	conn    *conn
	since   time.Time
	place   *broadcast.Cursor // while greeting: keeps what comes after the echo
	element *list.Element

	inAll, inLate *list.Element // where it stands in the door's sets; nil if it does not
}

func newDoor(l *loop, loops []*loop, listeners []int, h *hatch, lim doorLimits) (*door, syscall.Errno) {
	d := &door{
		loop:      l,
		loops:     loops,
		listeners: listeners,
		hatch:     h,
		limits:    lim,
		guests:    list.New(),
		guestOf:   make(map[*conn]*guest),
	}
	for _, fd := range listeners {
		if errno := l.kernel.Add(fd, listenerGeneration, netpoll.Readable); errno != 0 {
			return nil, errno
		}
	}
	l.door = d
	h.open(l.kernel.Wake)
	return d, 0
}

// work does the door's share of a wake-up.
func (d *door) work(events []netpoll.Event) {
	for i := range events {
		c := d.loop.lookup(&events[i])
		if c == nil || c.state > greeting {
			continue
		}
		if c.state == greeting {
			d.greet(c, c.partial.message[:c.partial.have])
		} else {
			d.read(c)
		}
	}
	d.open()
	for i := range events {
		if events[i].Generation == listenerGeneration {
			d.accept(events[i].FD)
		}
	}
	d.adopt()
	d.expire()
	d.evictLate()
}

// accept takes the connections that wait at a listener.
func (d *door) accept(listener int) {
	failed := 0
	for i := range maxAccepts {
		if i > 0 && d.loop.room.full() {
			// Who comes now may have seen a client leave that the loop has not:
			// the next wait tells of both.
			return
		}
		if d.isOut() {
			d.shut(syscall.EMFILE)
			return
		}
		fd, addr, errno := d.loop.kernel.Accept(listener)
		switch errno {
		case 0:
			d.welcome(fd, addr)
			d.loop.closeEnded() // who gave way or was turned down has a descriptor to spare
		case syscall.EAGAIN:
			return
		case syscall.EINTR, syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM,
			syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN, syscall.ENONET,
			syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETUNREACH:
			// One connection that is gone already, see accept(2); the next may
			// be fine. So many in a row are none: the call itself is refused.
			if failed++; failed == maxAccepts {
				d.shut(errno)
			}
		default:
			if d.evictFor(errno) {
				d.loop.closeEnded()
				continue
			}
			d.shut(errno)
			return
		}
	}
}

// shut stops accepting for a while; who connects meanwhile waits.
func (d *door) shut(errno syscall.Errno) {
	if !d.short {
		d.short = true
		d.loop.logger.Warn("can't accept connections; new ones wait until some end",
			"reason", causeErrno("accept", errno).words)
	}
	d.openAt = d.loop.now.Add(shortagePause)
	for _, fd := range d.listeners {
		// If it fails, accepting fails once more, and that is all.
		d.loop.kernel.Modify(fd, listenerGeneration, 0)
	}
}

// open begins to accept again, when it is time.
func (d *door) open() {
	if d.openAt.IsZero() || d.loop.now.Before(d.openAt) {
		return
	}
	d.openAt = time.Time{}
	for _, fd := range d.listeners {
		if d.loop.kernel.Modify(fd, listenerGeneration, netpoll.Readable) != 0 {
			d.openAt = d.loop.now.Add(shortagePause)
		}
	}
}

// welcome makes an accepted connection a guest.
func (d *door) welcome(fd int, addr netip.AddrPort) {
	d.short = false
	d.lastID++
	c := &conn{fd: fd, index: -1}
	c.ID, c.Addr = d.lastID, addr
	if d.loop.room.full() {
		d.loop.end(c, causeFull)
		return
	}
	if errno := d.loop.watches(c, netpoll.Readable); errno != 0 {
		d.loop.end(c, causeErrno("epoll_ctl", errno))
		return
	}
	d.add(c)
	switch d.readOn(c) { // most have already spoken
	case closed:
		return
	case pending:
		g := d.guestOf[c]
		g.inAll = d.all.add(g)
	}
	d.makeSpace(fd)
}

// add puts a connection among the guests.
func (d *door) add(c *conn) {
	g := new(guest)
	if last := len(d.spare) - 1; last >= 0 {
		g, d.spare = d.spare[last], d.spare[:last]
	}
	g.conn, g.since = c, d.loop.now
	g.element = d.guests.PushBack(g)
	d.guestOf[c] = g
	if d.fresh == nil {
		d.fresh = g.element
	}
}

// turnAway takes a connection that ended off the guests, if it is one.
func (d *door) turnAway(c *conn) {
	g := d.guestOf[c]
	if g == nil {
		return
	}
	if g.place != nil {
		d.loop.vacate(g.place)
	}
	d.forget(c)
}

// forget takes a connection off the guests.
func (d *door) forget(c *conn) {
	g := d.guestOf[c]
	d.untrack(g)
	if d.fresh == g.element {
		d.fresh = g.element.Next()
	}
	delete(d.guestOf, c)
	d.guests.Remove(g.element)
	const kept = 64
	if len(d.spare) < kept {
		*g = guest{}
		d.spare = append(d.spare, g)
	}
}

// deadline returns when the door wants to work at the latest; zero if it can
// wait.
func (d *door) deadline() time.Time {
	at := d.openAt
	if late := d.lateAt(); at.IsZero() || !late.IsZero() && late.Before(at) {
		at = late
	}
	if first := d.guests.Front(); first != nil {
		due := first.Value.(*guest).since.Add(d.limits.authTimeout)
		if at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}

// expire ends the guests whose time is up.
func (d *door) expire() {
	for first := d.guests.Front(); first != nil; first = d.guests.Front() {
		g := first.Value.(*guest)
		if d.loop.now.Before(g.since.Add(d.limits.authTimeout)) {
			return
		}
		d.loop.end(g.conn, causeTimeout)
	}
}
