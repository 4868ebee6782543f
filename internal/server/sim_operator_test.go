//go:build linux

package server

import (
	"net/netip"
	"slices"
)

// A simOperator asks the loops for what operators do, at any time, and checks what comes of
// it.
type simOperator struct {
	world  *world
	sweeps []*simSweep         // that not all loops have answered
	swept  map[netip.Addr]bool // addresses whose clients were disconnected

	listed, kicked, drained int
}

// A simSweep is a request, and the members that are to be found.
type simSweep struct {
	request request
	answers chan []Member
	missing int // answers
	found   map[uint64]Member
	there   map[uint64]*simClient // when it was asked for
}

func newSimOperator(w *world) *simOperator {
	return &simOperator{world: w, swept: make(map[netip.Addr]bool)}
}

// operate does one of the things that operators do.
func (o *simOperator) operate() {
	w := o.world
	who := Who{}
	if w.chance(2) {
		who.Room = w.any().room
	}
	switch w.rng.IntN(4) {
	case 0, 1:
		o.ask(who, cause{})
	case 2:
		if who.IDs = o.someIDs(); len(who.IDs) > 0 {
			who.Room = nil
			o.ask(who, causeKicked("a reason"))
		}
	case 3:
		addr := w.someAddress()
		o.swept[addr] = true
		o.ask(Who{Network: netip.PrefixFrom(addr, addr.BitLen())}, causeBanned(""))
	}
}

// members returns the clients that are members, or have been assigned to a loop, by the
// number of their connection.
func (o *simOperator) members(who Who) map[uint64]*simClient {
	w := o.world
	there := make(map[uint64]*simClient)
	add := func(c *conn, room *Room) {
		if who.has(c, room) {
			there[c.ID] = w.named(c.Name)
		}
	}
	for _, l := range w.loops {
		for _, c := range l.table.conns {
			if c == nil {
				continue
			}
			if a := l.audiences.at(c); a != nil {
				add(c, a.room)
			}
		}
		for _, as := range l.inbox.waiting {
			if as.join != nil {
				add(as.conn, as.room)
			}
		}
	}
	return there
}

// someIDs returns the numbers of a few members, and of some that there are not.
func (o *simOperator) someIDs() (ids []uint64) {
	w := o.world
	var all []uint64
	for id := range o.members(Who{}) {
		all = append(all, id)
	}
	slices.Sort(all) // so that a seed always does the same
	for _, id := range all {
		if w.chance(8) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 && w.chance(2) {
		ids = append(ids, ids[len(ids)-1]+1_000_000)
	}
	return ids
}

// ask asks the loops.
func (o *simOperator) ask(who Who, end cause) {
	w := o.world
	s := &simSweep{answers: make(chan []Member, len(w.loops)), missing: len(w.loops), found: make(map[uint64]Member), there: o.members(who)}
	s.request = request{who, end, s.answers}
	if end != (cause{}) && who.IDs != nil {
		for _, c := range s.there {
			c.kicked = true
		}
	}
	o.sweeps = append(o.sweeps, s)
	w.loops[0].inbox.request(s.request)
}

// check takes the answers that have come.
func (o *simOperator) check() {
	o.sweeps = slices.DeleteFunc(o.sweeps, func(s *simSweep) bool {
		for len(s.answers) > 0 {
			s.missing--
			for _, m := range <-s.answers {
				o.checkFound(s, m)
			}
		}
		if s.missing == 0 {
			o.checkDone(s)
		}
		return s.missing == 0
	})
}

// checkFound checks a member that a loop has found.
func (o *simOperator) checkFound(s *simSweep, m Member) {
	w := o.world
	c := w.named(m.Name)
	if _, isTwice := s.found[m.ID]; isTwice || m.Room != c.room.room.name || m.Addr != c.address() || m.WebSocket != (c.web != nil) {
		w.failf("%v is found as %+v; before: %+v", c, m, s.found[m.ID])
	}
	if p, isPersonal := w.keyring.passes[c.key]; isPersonal != (m.Label != "") || m.Label != p.Label {
		w.failf("%v is found with the label %q, want %q", c, m.Label, p.Label)
	}
	s.found[m.ID] = m
	o.listed++
}

// checkDone checks a request that all loops have answered: all members that were there, and
// still are, were found, and none is there that was to be disconnected.
func (o *simOperator) checkDone(s *simSweep) {
	for id, c := range s.there {
		if c.cutOff() {
			continue
		}
		if s.request.end != (cause{}) {
			o.world.failf("%v is there, and was to be disconnected: %s", c, s.request.end.words)
		}
		if _, isFound := s.found[id]; !isFound {
			o.world.failf("%v is there, and was not found", c)
		}
	}
	if s.request.end != (cause{}) {
		o.kicked += len(s.found)
	}
}

// checkRest checks that nothing is left to be answered.
func (o *simOperator) checkRest() {
	o.check()
	if len(o.sweeps) > 0 {
		o.world.failf("%d requests are not answered", len(o.sweeps))
	}
}

// wasKicked reports whether an operator had the client disconnected.
func (c *simClient) wasKicked() bool {
	o := c.world.operator
	return c.kicked && c.reason == causeKicked("a reason").words || o.swept[c.address().Addr()] && c.reason == causeBanned("").words
}

// drain has the server let nobody in, or again.
func (w *world) drain() {
	isDraining := !w.shared.draining.Load()
	w.shared.draining.Store(isDraining)
	if isDraining {
		w.operator.drained++
	}
}
