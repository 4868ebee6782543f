//go:build linux

package server

import (
	"slices"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A simLink stands in for what brings the messages of a room that relays into one order with
// those of other servers. It takes them, has them in the order some time later, and delivers
// what is in the order later still; and at times it does nothing at all.
//
//	outgoing log ──take──▶ taken ──order──▶ stream ──deliver──▶ own log
//	                       foreign messages ──▲
type simLink struct {
	room      *simRoom
	taker     *broadcast.Follower // the link's own
	seer      *broadcast.Follower // sees what is said at once
	entries   [64]broadcast.Entry
	batch     *broadcast.Batch
	under     []simSaid // was said, and has not come back
	taken     int       // of those, how many the link has taken
	ordered   int       // and how many are in the stream
	stream    []simSaid // in the order, and not delivered
	delivered []simSaid // and not seen in the room's own log
	ended     bool      // the outgoing log has
	refused   bool      // a delivery was, and it was not said since that it would be taken
	awayUntil time.Time

	said, foreign, refusals, aways, recalls, voids int // how often each was seen
}

// A simSaid is a message, and its sender as readers of the log know it.
type simSaid struct {
	from      broadcast.Sender
	message   wire.Message
	isForeign bool
}

func newSimLink(r *simRoom) *simLink {
	l := &simLink{room: r, batch: broadcast.NewBatch(64 * wire.Size)}
	l.follow()
	return l
}

// follow has the link follow the room's outgoing log.
func (l *simLink) follow() {
	out := l.room.room.Outgoing()
	l.seer = broadcast.NewGroup().Named("seer").FollowLossless(out, nil)
	l.taker = broadcast.NewGroup().Named("cluster").FollowLossless(out, nil)
	l.room.room.relay.freed, l.room.room.relay.identities = l.room.world.freed, l.room.world.identities
	l.refused = false
}

// see reads what was said, right after a turn of a loop.
func (l *simLink) see() {
	for n := l.seer.Take(l.entries[:]); n > 0; n = l.seer.Take(l.entries[:]) {
		for i := range l.entries[:n] {
			l.seeOne(&l.entries[i])
		}
	}
}

func (l *simLink) seeOne(e *broadcast.Entry) {
	r := l.room
	w := r.world
	if e.Skipped+e.SkippedNotices > 0 || e.Notice != nil {
		w.failf("what is said in %s has a notice %+v, and %d messages are missing", r.room.name, e.Notice, e.Skipped)
	}
	if e.Time.UnixNano() != w.now.UnixNano() {
		w.failf("something is said at %v, and the log has %v", w.now, e.Time)
	}
	if e.From.ID == 0 {
		r.checkSpeech(e, l.said)
	} else if c := r.oracle.client(e.From); c.left {
		w.failf("%v publishes after it has left", c)
	} else {
		r.checkRate(c)
	}
	l.said++
	if l.isVoid(e.From) {
		l.voids++
		return
	}
	l.under = append(l.under, simSaid{from: *e.From, message: e.Message})
}

// has reports whether something that a client said has not come back.
func (l *simLink) has(c *simClient) bool {
	return slices.ContainsFunc(l.under, func(s simSaid) bool { return s.from.Name == c.joinedAs() && s.from.Addr == c.address() })
}

// isAway reports whether nothing gets away, and nothing comes back.
func (l *simLink) isAway() bool { return l.room.world.now.Before(l.awayUntil) }

// step does one thing, and reports whether that was anything.
func (l *simLink) step() bool {
	w := l.room.world
	if l.isAway() || l.end() {
		return false
	}
	switch w.rng.IntN(3) {
	case 0:
		return l.take(1 + w.rng.IntN(len(l.entries)))
	case 1:
		return l.order(1 + w.rng.IntN(64))
	default:
		return l.deliver(1 + w.rng.IntN(64))
	}
}

// work does all there is to do, and reports whether that was anything.
func (l *simLink) work() bool {
	if l.isAway() || l.end() {
		return false
	}
	did := l.take(len(l.entries))
	did = l.order(len(l.entries)) || did
	return l.deliver(64) || did
}

// end has the link read a log that is closed to its end, and reports whether it is closed.
func (l *simLink) end() bool {
	if !l.room.room.relay.isClosed.Load() || l.ended {
		return l.ended
	}
	l.ended = true
	l.see()
	for l.take(len(l.entries)) {
	}
	if l.taken != len(l.under) {
		l.room.world.failf("of %d messages said in %s, the link has taken %d when the room ends", len(l.under), l.room.room.name, l.taken)
	}
	l.seer.Close()
	l.taker.Close()
	return true
}

func (l *simLink) take(most int) bool {
	n := l.taker.Take(l.entries[:most])
	for _, e := range l.entries[:n] {
		if l.isVoid(e.From) {
			continue
		}
		if want := &l.under[l.taken]; e.Message != want.message || *e.From != want.from || e.Notice != nil || e.Skipped > 0 {
			l.room.world.failf("the link takes %q of %q, want %q", e.Message.Text(), e.From.Name, want.message.Text())
		}
		l.taken++
	}
	return n > 0
}

// order brings messages that were taken into the order of all.
func (l *simLink) order(most int) bool {
	n := min(most, l.taken-l.ordered)
	l.stream = append(l.stream, l.under[l.ordered:l.ordered+n]...)
	l.ordered += n
	return n > 0
}

// comeFrom has messages of other servers come into the order.
func (l *simLink) comeFrom(n int) {
	for range n {
		from := broadcast.Sender{ID: uint64(1 + l.foreign%3), Name: "foreign"}
		m, err := wire.New(from.Name, time.Duration(l.foreign).String())
		if err != nil {
			panic(err)
		}
		l.stream = append(l.stream, simSaid{from: from, message: m, isForeign: true})
		l.foreign++
	}
}

// deliver delivers messages that are next in the order, and reports whether any were taken.
func (l *simLink) deliver(most int) bool {
	r := l.room
	w := r.world
	select {
	case <-w.freed:
		for _, other := range w.rooms {
			if other.link != nil {
				other.link.refused = false
			}
		}
	default:
	}
	n := min(most, len(l.stream))
	if n == 0 || l.refused {
		return false
	}
	own := 0
	for i := range l.stream[:n] {
		next := &l.stream[i]
		from := &next.from
		if !next.isForeign {
			from = l.unreturnedAt(own, next).From
			own++
		}
		l.batch.Add(from, copy(l.batch.Free(), next.message[:]))
	}
	if !r.room.Deliver(l.batch, w.now) {
		if !r.room.log.Held() || l.batch.Len() != n*wire.Size {
			w.failf("a delivery to %s is refused, and it is not held; %d of %d messages are left", r.room.name, l.batch.Len()/wire.Size, n)
		}
		l.batch.Reset()
		l.refused = true
		l.refusals++
		return false
	}
	if after := l.unreturned(); after != len(l.under)-own || l.batch.Len() != 0 {
		w.failf("%d of %d messages have come back, and %d have yet to", own, len(l.under), after)
	}
	l.delivered = append(l.delivered, l.stream[:n]...)
	l.stream, l.under = l.stream[n:], l.under[own:]
	l.taken -= own
	l.ordered -= own
	w.readAll()
	return true
}

// unreturned returns how many messages have not come back, for the room.
func (l *simLink) unreturned() int {
	n := l.room.room.CopyUnreturned(make([]broadcast.Entry, len(l.under)+1), 0)
	if left := l.room.room.Unreturned(); n == 0 && left > 0 {
		l.room.world.failf("nothing has yet to come back, and %d messages are kept", left)
	}
	return n
}

// unreturnedAt returns the i-th message that has not come back.
func (l *simLink) unreturnedAt(i int, want *simSaid) *broadcast.Entry {
	e := &l.entries[0]
	if n := l.room.room.CopyUnreturned(l.entries[:1], i); n != 1 || e.Message != want.message || *e.From != want.from {
		l.room.world.failf("message %d that has not come back is %q of %v, want %q of %v", i, e.Message.Text(), e.From, want.message.Text(), want.from)
	}
	return e
}

// next returns the message that is next in the room's own log.
func (l *simLink) next(e *broadcast.Entry) simSaid {
	if len(l.delivered) == 0 || l.delivered[0].message != e.Message || l.delivered[0].from != *e.From {
		l.room.world.failf("%q of %v is in the log of %s, and was not delivered next", e.Message.Text(), e.From, l.room.room.name)
	}
	next := l.delivered[0]
	l.delivered = l.delivered[1:]
	return next
}

// isVoid reports whether what a sender says is void.
func (l *simLink) isVoid(from *broadcast.Sender) bool {
	return from.ID != 0 && l.room.oracle.client(from).isVoid
}

// recall has what a client has said be void, when what is in the order was delivered: its
// client has gone to another server.
func (l *simLink) recall() {
	w := l.room.world
	if l.isAway() || l.end() {
		return
	}
	l.see()
	for len(l.stream) > 0 && l.deliver(len(l.entries)) {
	}
	there := slices.DeleteFunc(slices.Clone(w.clients), func(c *simClient) bool {
		return c.room != l.room || c.identity == 0 || !l.has(c) && !w.chance(10)
	})
	if len(l.stream) > 0 || len(there) == 0 {
		return
	}
	c := there[w.rng.IntN(len(there))]
	l.room.room.Void(c.identity)
	for from := range l.room.room.relay.voids {
		if void := l.room.oracle.client(from); !void.isVoid {
			void.isVoid = true
			l.recalls++
		}
	}
	kept := l.under[:0:0]
	taken := l.taken
	for i, said := range l.under {
		if !l.isVoid(&said.from) {
			kept = append(kept, said)
			continue
		}
		l.voids++
		if i < taken {
			l.taken--
		}
	}
	l.under = kept
	if n := l.unreturned(); n != len(l.under) {
		w.failf("%d messages have yet to come back, want %d", n, len(l.under))
	}
	for _, same := range append(c.others(), c) {
		if l.has(same) {
			w.failf("%v has gone to another server, and something that it said may still come back", same)
		}
	}
}

// checkFreed checks that it is said when a delivery that was refused would be taken.
func (l *simLink) checkFreed() {
	if r := l.room.room; l.refused && !r.log.Held() && !r.relay.isClosed.Load() && len(l.room.world.freed) == 0 {
		l.room.world.failf("%s takes deliveries, and nobody says so", r.name)
	}
}

// relay has a link do something, or be away for a while, or messages come from other servers.
func (w *world) relay() {
	r := w.rooms[w.rng.IntN(len(w.rooms))]
	switch l := r.link; {
	case l == nil || r.closed:
	case w.chance(10):
		l.comeFrom(1 + w.rng.IntN(20))
	case w.chance(15):
		l.recall()
	case w.chance(300):
		l.awayUntil = w.now.Add(time.Duration(w.rng.Int64N(int64(20 * time.Second))))
		l.aways++
	default:
		l.step()
	}
}

// relayAll has all links do what they can, and reports whether that was anything.
func (w *world) relayAll() (did bool) {
	for _, r := range w.rooms {
		if r.link != nil {
			did = r.link.work() || did
		}
	}
	return did
}
