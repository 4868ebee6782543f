//go:build linux

package server

import (
	"slices"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/wire"
)

// An audience is what one room has at one loop: its members there. It reads and
// publishes what they send, and writes them what is new. To the log it is one reader,
// whose cursor is at that of the member furthest back. It belongs to the loop's
// goroutine.
type audience struct {
	*common
	*work // nil unless there is or may be something to do
	room  *Room

	cursor  *broadcast.Cursor  // nil while there are no members
	written broadcast.Position // every member that doesn't lag has everything before it
	members []*conn            // in no order

	// For the loop:
	index   int32       // in its audiences
	touched bool        // it is looked at in this wake-up
	woken   atomic.Bool // the room is in the inbox
}

// work is what an audience has to do. Most audiences of thousands have nothing to do most
// of the time; the loop then keeps this for another.
type work struct {
	events eventList // of this wake-up
	due    time.Time // the deadline, as it is in the schedule
	place  int32     // in the schedule; 0 if it is not there, or else one more than its index

	unread   []*conn // with bytes that were received before the server got them
	paused   []*conn // not read for now, for another reason than their rate
	draining []drainingConn
	shares   shares
	rates    rates

	lagging []*conn // have yet to receive something
	ready   []*conn // of those, the ones to write to in this wake-up

	hasLeftOff bool               // a flush has, for the sake of other rooms
	flushing   int                // how many of the members it has been at
	flushed    broadcast.Position // up to where it sends

	joins []*broadcast.Cursor // of new members: they keep what the cursor does from advance on

	retryAt       time.Time                  // when to retry what failed for a shortage; zero if nothing did
	stalls        map[*conn]*broadcast.Stall // of the members that have one
	wasHeld       bool                       // whether the room was held at their last check
	checkStallsAt time.Time                  // zero while the room is not pressed
}

// isDone reports whether there is nothing left to do.
func (w *work) isDone() bool {
	return len(w.unread)+len(w.paused)+len(w.draining)+len(w.lagging)+len(w.ready)+len(w.joins)+len(w.stalls) == 0 &&
		w.shares.at.IsZero() && w.rates.isIdle() && w.retryAt.IsZero() && w.checkStallsAt.IsZero() && !w.wasHeld && !w.hasLeftOff
}

// common is what all audiences of a loop share: the loop is at one of them at a time.
type common struct {
	*system
	output  output
	limits  limits
	batch   *broadcast.Batch // empty after publish
	endings *endings
	inbox   *inbox
	authors []*conn // whose messages are in the batch
	lags    spares[lag]
	works   spares[work]
}

// limits bound what an audience does.
type limits struct {
	stall time.Duration // Config.StallTimeout
	peer  time.Duration // Config.PeerTimeout
	ping  time.Duration // Config.PingInterval
}

// begin begins a wake-up.
func (a *audience) begin() {
	input := a.room.input()
	a.room.restrain(a.room.isPressed(), a.room.isHeld(), a.wall, &a.counts)
	a.shares.begin(input.Pressed(), input.Space(), a.now)
	a.rates.begin(a.room.rate.Load(), a.now)
	a.resume()
	a.resumeLimited()
}

// join has the audience read the log. Whoever publishes wakes the loop, and tells it
// which room has something new.
func (a *audience) join() {
	cursor := a.room.log.Join(a.wakeLoop)
	a.joined(cursor, cursor.Position())
}

// joined has the audience go on with a cursor in the log: every member that does not lag
// has everything before a position.
func (a *audience) joined(cursor *broadcast.Cursor, written broadcast.Position) {
	a.cursor, a.written = cursor, written
	if a.room.relay != nil {
		a.room.relay.watch(a.inbox.loop, a.wakeLoop)
	}
}

// leave ends the audience's reading of the log.
func (a *audience) leave() {
	a.cursor.Leave()
	a.cursor = nil
	if a.room.relay != nil {
		a.room.relay.unwatch(a.inbox.loop)
	}
}

func (a *audience) wakeLoop() {
	if !a.woken.Swap(true) {
		a.inbox.wakeFor(a.room)
	}
}

// admit makes a connection that the loop has registered a member. It receives
// what was published since its join cursor was set.
func (a *audience) admit(c *conn, join *broadcast.Cursor) {
	if a.cursor == nil {
		a.join()
	}
	c.state = member
	c.cursor = join.Position()
	a.add(c)
	announce(a.room.log, broadcast.Notice{Kind: broadcast.Joined, From: &c.Sender}, a.wall)
	a.room.note(c.Name, false)
	a.joins = append(a.joins, join)
	if c.hasReceived() || c.hasEnded() {
		a.unread = append(a.unread, c)
	}
	if c.framing == numbered {
		c.catchUp(a.system, a.room.log)
	}
	if c.cursor < a.room.log.Head() || c.pongDue() || c.isBehind() { // and perhaps nothing new will come
		a.writeSoon(c)
		c.lag.replays = true
	}
	a.arm(c)
}

// add adds a connection to the members.
func (a *audience) add(c *conn) {
	c.index = int32(len(a.members))
	a.members = append(a.members, c)
}

// handle does what an event of a member calls for.
func (a *audience) handle(c *conn, e *netpoll.Event) {
	switch {
	case e.Broken || e.Ended && c.paused:
		a.startDraining(c, cause{})
	case e.Readable && !a.hasLeftOff:
		a.read(c)
	}
	if e.Writable && c.lag != nil {
		a.markReady(c)
	}
}

// publish appends what was read to the room's log, or to the outgoing one.
func (a *audience) publish() {
	if a.batch.Len() == 0 {
		return
	}
	log := a.room.input()
	a.turnOutput()
	a.output.measure(a.batch.Len(), 0)
	a.counts.messages += uint64(a.batch.Len() / wire.Size)
	log.Append(a.batch, a.wall)
	log.Wake(a.cursor)
	end := log.End()
	if log != a.room.log {
		end |= inOutgoing
	}
	for _, c := range a.authors {
		c.lastOwn = end
	}
	clear(a.authors)
	a.authors = a.authors[:0]
}

// mustFlush reports whether there is something to write.
func (a *audience) mustFlush() bool { return len(a.ready) > 0 || a.written != a.room.log.Head() }

// flush writes every member what it has yet to receive, straight out of the log. It
// leaves off when the room has been sent as much as it may be in a wake-up, and goes on
// in the next one; until then, nothing more is read.
func (a *audience) flush() {
	head, delivered := a.room.log.Head(), a.counts.delivered
	a.hasLeftOff = true
	a.turnOutput()
	a.output.measure(int(head-a.written), len(a.ready))
	a.flushReady(head)
	if len(a.ready) > 0 {
		return
	}
	if a.flushing == 0 {
		a.flushed = head
	}
	for a.written != a.flushed && a.flushing < len(a.members) {
		if a.output.isSpent() {
			return
		}
		c := a.members[a.flushing]
		a.flushing++
		if c.lag == nil && c.cursor < a.flushed {
			a.write(c, a.flushed)
		}
	}
	if a.written != a.flushed && a.counts.delivered > delivered && a.counts.isSampleDue(a.now) {
		a.counts.latency.Observe(a.kernel.Now().Sub(a.room.log.TimeAt(a.written)))
	}
	a.written, a.flushing = a.flushed, 0
	a.hasLeftOff = a.written != head // the rest of what is new is for the next flush
}

// flushReady writes to the members that lag and may take more.
func (a *audience) flushReady(head broadcast.Position) {
	n := 0
	for _, c := range a.ready {
		if a.output.isSpent() {
			break
		}
		n++
		if c.lag != nil {
			c.lag.ready = false
			a.write(c, head)
		}
	}
	a.ready = slices.Delete(a.ready, 0, n)
}

// turnOutput has the loop's output send to this audience.
func (a *audience) turnOutput() { a.output.turnTo(a.room.log, len(a.members)) }

// write sends a member the log up to head, as far as its socket takes it. The rest is
// sent when the socket is writable again, and nobody waits for that. One that is no
// member any more is sent nothing.
func (a *audience) write(c *conn, head broadcast.Position) {
	if c.state != member {
		return
	}
	if c.lastOwn >= inOutgoing && a.room.hasReturned(c.lastOwn) {
		c.lastOwn = a.room.log.End() // which is after all of them
	}
	switch out := c.write(&a.output, head); out.kind {
	case done:
		a.endLag(c)
		a.arm(c)
	case blocked, short:
		a.beginLag(c)
		if c.lag.deferred = out.kind == short; c.lag.deferred {
			a.backOff()
		}
		a.arm(c)
	case ended:
		a.startDraining(c, out.cause)
	}
}

// advance ends a wake-up: it moves the cursor to the member that is furthest back, and
// has the join cursors leave that it replaces. An audience without members has
// no cursor: nothing wakes its loop, and the log keeps nothing for it.
func (a *audience) advance() {
	switch {
	case a.cursor == nil:
	case len(a.members) == 0:
		a.leave()
	default:
		oldest := a.written
		for _, c := range a.lagging {
			oldest = min(oldest, c.cursor)
		}
		if oldest != a.cursor.Position() {
			a.cursor.Advance(oldest)
		}
	}
	a.leaveJoins()
}

// yield has the room's memory given to other rooms, if it is better used there.
func (a *audience) yield() {
	if a.cursor != nil && len(a.lagging) == 0 && a.written == a.room.log.Head() {
		a.advance()
		a.room.log.Yield()
	}
}

// leaveJoins has the join cursors of new members leave the log.
func (a *audience) leaveJoins() {
	for _, join := range a.joins {
		join.Leave()
	}
	clear(a.joins)
	a.joins = a.joins[:0]
}

// arm makes the poller wait for what the connection's state calls for.
func (a *audience) arm(c *conn) {
	if out := c.arm(a.kernel); out.kind == ended {
		a.end(c, out.cause)
	}
}

// end has a member closed when what it sent has been published. From here on it is
// neither read nor written.
func (a *audience) end(c *conn, why cause) { a.endings.add(c, why) }

// remove removes a connection that is closed.
func (a *audience) remove(c *conn) {
	a.endLag(c)
	delete(a.stalls, c)
	delete(a.shares.marks, c)
	delete(a.rates.full, c)
	if c.index < 0 {
		return
	}
	if int(c.index) < a.flushing { // none may move there that the flush has yet to be at
		a.flushing--
		a.move(a.flushing, int(c.index))
		c.index = int32(a.flushing)
	}
	last := len(a.members) - 1
	a.move(last, int(c.index))
	a.members[last] = nil
	a.members = a.members[:last]
}

// move has a member take the place of another that is removed.
func (a *audience) move(from, to int) {
	moved := a.members[from]
	a.members[to] = moved
	moved.index = int32(to)
}

// deadline returns when the audience has to run at the latest; zero is whenever
// something happens.
func (a *audience) deadline() time.Time {
	if a.mustDrain() || a.mustReadReceived() || a.hasLeftOff {
		return a.now // so that the loop does not wait
	}
	at := earliest(a.retryAt, a.checkStallsAt, a.rates.tickAt, a.rates.sweepAt)
	if !a.room.takesNothing() && a.retryAt.IsZero() { // those that wait for a share wait for these first
		at = earliest(at, a.shares.tickAt)
	}
	return at
}
