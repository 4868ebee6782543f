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
const maxAccepts = 256

// A door is where connections come in: it accepts them, reads their
// authentication messages, and seats those that know the key. It belongs to
// the first loop, so that who waits at it is counted in one place.
//
// Guests, as connections are called until they are members, take no place in
// the room. They have bounds of their own, in all and for each address, and the
// oldest that says nothing gives way to a new one: so whoever opens many
// connections and is silent keeps nobody out but himself.
//
// A whole class may come through one address at the same moment, though, and
// be silent for as long as the network takes. So what is beyond a bound has a
// moment's grace, up to a crowd of several times the bound.
type door struct {
	loop      *loop
	loops     []*loop // where members are seated
	listeners []int
	limits    doorLimits

	hatch      *hatch      // where connections are handed over
	foundlings []foundling // which were, and are welcomed in the next wake-up

	guests    *list.List // of *guest, oldest first
	guestOf   map[*conn]*guest
	spare     []*guest // for the next ones
	addresses map[netip.Addr]int
	lastID    uint64
	message   wire.Message // the one that is being read
	trimAt    time.Time    // when to look who is beyond the bounds; zero if nobody is
	openAt    time.Time    // when to accept again after a shortage; zero if there is none
	short     bool         // there is a shortage, and it was reported
}

// doorLimits bound the guests, see Config.
type doorLimits struct {
	pending, pendingPerAddress int // 0: none
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
}

// said returns how much of its authentication message a guest has sent.
func (g *guest) said() int {
	if g.conn.partial == nil {
		return 0
	}
	return g.conn.partial.have
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
		addresses: make(map[netip.Addr]int),
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
	d.trim()
}

// accept takes the connections that wait at a listener.
func (d *door) accept(listener int) {
	for i := range maxAccepts {
		if i > 0 && d.loop.room.full() {
			// Who comes now may have seen a client leave that the loop has not:
			// the next wait tells of both.
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
			// be fine.
		default:
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
	d.makeSpace(addr.Addr())
	d.loop.kernel.Tune(fd, addr.Addr(), d.loop.limits.peer)
	if errno := d.loop.watches(c, netpoll.Readable); errno != 0 {
		d.loop.end(c, causeErrno("epoll_ctl", errno))
		return
	}
	d.add(c)
	from := origin(addr.Addr())
	d.addresses[from]++
	if d.trimAt.IsZero() && d.beyond(from, 0, 1) {
		d.trimAt = d.loop.now.Add(grace)
	}
	d.read(c) // most have already spoken
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
	delete(d.guestOf, c)
	d.guests.Remove(g.element)
	const kept = 64
	if len(d.spare) < kept {
		*g = guest{}
		d.spare = append(d.spare, g)
	}
	from := origin(c.Addr.Addr())
	if d.addresses[from]--; d.addresses[from] == 0 {
		delete(d.addresses, from)
	}
}

// origin returns what counts as one address: for IPv6 the network of 64 bits
// of which one host can have every address.
func origin(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	network, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return addr
	}
	return network.Addr()
}

const (
	// grace is how long a guest may be silent although there are too many: what
	// a client that speaks at once may take if a packet of it is lost.
	grace = 500 * time.Millisecond
	// crowd is how many times a bound may be exceeded within the grace.
	crowd = 4
)

// beyond reports whether there would be more guests than so many times the
// bounds, in all or from an address, if there were so many more.
func (d *door) beyond(from netip.Addr, more, times int) bool {
	all, each := d.limits.pending*times, d.limits.pendingPerAddress*times
	return all > 0 && d.guests.Len()+more > all || each > 0 && d.addresses[from]+more > each
}

// makeSpace sees to it that one more guest from an address is no crowd.
func (d *door) makeSpace(addr netip.Addr) {
	from := origin(addr)
	crowded := d.limits.pendingPerAddress > 0 && d.addresses[from] >= crowd*d.limits.pendingPerAddress
	for d.beyond(from, 1, crowd) {
		victim := d.oldest(func(g *guest) bool { return !crowded || origin(g.conn.Addr.Addr()) == from })
		if victim == nil {
			return
		}
		d.giveWay(victim)
	}
}

// trim holds the guests to their bounds once the grace is over.
func (d *door) trim() {
	if d.trimAt.IsZero() || d.loop.now.Before(d.trimAt) {
		return
	}
	d.trimAt = time.Time{}
	late := d.loop.now.Add(-grace)
	isBeyond := func(g *guest) bool { return d.beyond(origin(g.conn.Addr.Addr()), 0, 1) }
	for {
		victim := d.oldest(func(g *guest) bool { return !g.since.After(late) && isBeyond(g) })
		if victim == nil {
			break
		}
		d.giveWay(victim)
	}
	if d.oldest(isBeyond) != nil {
		d.trimAt = d.loop.now.Add(grace)
	}
}

// giveWay ends a guest, unless it has spoken since it was last read.
func (d *door) giveWay(g *guest) {
	c, before := g.conn, g.said()
	d.read(c)
	if c.state == pending && g.said() == before {
		d.loop.end(c, causeGaveWay)
	}
}

// oldest returns the guest who has waited longest, those first who have said
// nothing, or nil if there is none to choose from.
func (d *door) oldest(among func(*guest) bool) *guest {
	var oldest *guest
	for e := d.guests.Front(); e != nil; e = e.Next() {
		g := e.Value.(*guest)
		if g.conn.state != pending || !among(g) {
			continue
		}
		if g.said() == 0 {
			return g
		}
		if oldest == nil {
			oldest = g
		}
	}
	return oldest
}

// deadline returns when the door wants to work at the latest; zero if it can
// wait.
func (d *door) deadline() time.Time {
	at := d.openAt
	if at.IsZero() || !d.trimAt.IsZero() && d.trimAt.Before(at) {
		at = d.trimAt
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
