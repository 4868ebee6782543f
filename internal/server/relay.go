//go:build linux

package server

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// In a room that relays, what its members say goes to the others only after it has been
// somewhere else, where the messages of several servers come into one order. It is appended
// to a second log, the outgoing one, which a link follows; and what comes back, among the
// messages of others, the link delivers to the room's own log.
//
//	members ──▶ loop ──▶ outgoing log ──▶ link ──▶ …
//	members ◀── loop ◀──   own log    ◀── link ◀── …
//	                             Deliver
//
// The room is a reader of its outgoing log, too: it has read what has come back. So what is
// under way is kept, and bounded by the rule for readers that lag. If the link gets nothing
// away, or nothing comes back, or Deliver refuses it because members or the history are slow,
// then the outgoing log presses and holds the senders. Therefore that log alone decides about
// reading, and a flood runs at the pace of the slowest of all these.

// MaxDelivery is how many bytes of messages may be delivered at once.
const MaxDelivery = 1 << 20

// A relay is what a room has that relays.
type relay struct {
	outgoing   *broadcast.Log
	returned   *broadcast.Cursor    // in the outgoing log: what is before it has come back; moves with mu held
	watchers   []*broadcast.Watcher // of the outgoing log, by loop; each is the loop's alone
	finishes   atomic.Bool          // nothing more may be said, see FinishRelays
	refused    atomic.Bool          // Deliver has refused something since it was last said that it need not
	freed      chan<- struct{}      // Server.Freed
	recaller   Recaller             // nil: no client comes from another server
	identities *identities          // the server's
	missing    missing              // the acceptor's alone

	mu       sync.Mutex                   // of Deliver; taken behind that of the identities
	isFrozen bool                         // guarded by mu
	voids    broadcast.Voids              // guarded by mu; see recall.go
	formers  map[uint64]*broadcast.Sender // guarded by mu; see restoreVoids
	isClosed atomic.Bool                  // set with mu held
}

// newRelay returns what a room needs to relay. Its own log is given.
func newRelay(c RoomConfig, loops int, pool *broadcast.Pool, own *broadcast.Log) *relay {
	y := &relay{outgoing: pool.NewLog(c.Backlog, loops*batchSize), watchers: make([]*broadcast.Watcher, loops), recaller: c.Recaller}
	y.returned = y.outgoing.Join(func() {})
	own.Watch(y.free)
	return y
}

// input returns the log to which what is said in the room is appended.
func (r *Room) input() *broadcast.Log {
	if r.relay == nil {
		return r.log
	}
	return r.relay.outgoing
}

// takesNothing reports whether nothing may be appended to what is said in the room.
func (r *Room) takesNothing() bool {
	return r.input().Held() || r.relay != nil && r.relay.finishes.Load()
}

// isPressed reports whether the room is pressed: its senders, or what is delivered to it.
func (r *Room) isPressed() bool { return r.log.Pressed() || r.input().Pressed() }

// isHeld reports whether the room is held.
func (r *Room) isHeld() bool { return r.log.Held() || r.input().Held() }

// Outgoing returns the log of what is said in a room that relays; nil if the room does not.
// A link joins it to be woken, and advances its cursor to the head, since the room itself keeps
// what has not come back: CopyUnreturned returns that, also what the process before had taken.
// The log ends when that of the room does.
func (r *Room) Outgoing() *broadcast.Log {
	if r.relay == nil {
		return nil
	}
	return r.relay.outgoing
}

// Deliver appends messages to the log of a room that relays, of MaxDelivery bytes at most,
// with the time at which they came. Those that come back, from the outgoing log, have the
// senders that they have there, and come once each and in their order; those of others have
// senders of their own, which are of no message there. It does not block, and is called by
// one goroutine at a time.
//
// It reports false, and leaves the batch as it is, if the room does not take it: it is held
// by readers that are slow, or the server is frozen. Then the same is to be delivered again
// when Server.Freed says so. Otherwise the batch is empty. What is delivered to a room that
// is closed is dropped.
func (r *Room) Deliver(b *broadcast.Batch, at time.Time) bool {
	if b.Len() > MaxDelivery {
		panic("server: too much is delivered at once")
	}
	y := r.relay
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.isClosed.Load() {
		b.Reset()
		return true
	}
	if y.isFrozen || r.log.Held() {
		y.refused.Store(true)
		if y.isFrozen || r.log.Held() { // or the hold has ended before, and nothing says so
			return false
		}
		y.refused.Store(false)
	}
	before := y.returned.Position()
	after := y.outgoing.Returned(before, b, y.voids)
	r.log.Append(b, at)
	r.log.Wake(nil)
	if after > before { // now that it is in the room's log
		y.returned.Advance(after)
	}
	return true
}

// Unreturned returns how many messages of the outgoing log have not come back, and some that
// are void and have yet to be passed.
func (r *Room) Unreturned() int {
	at := r.relay.returned.Position() // first, or the end might be before it
	return int(r.relay.outgoing.End()-at) / wire.Size
}

// CopyUnreturned copies the messages that have not come back but for those that are void and
// the first skip of the others, as many as there are and dst takes, and returns how many. The
// next to come back is the first. So a link finds the senders of what comes back, and in another process what the
// one before it had taken.
func (r *Room) CopyUnreturned(dst []broadcast.Entry, skip int) int {
	y := r.relay
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.isClosed.Load() {
		return 0
	}
	y.pass()
	return y.outgoing.Copy(dst, y.returned.Position(), skip, y.voids)
}

// BeginAt has the room's messages begin with a number, 1 or greater, in an epoch that is the same at all
// servers which have that message. It is called while the room is prepared, see Server.Open,
// before anything is delivered, and not for a room that was restored.
func (r *Room) BeginAt(number, epoch uint64) {
	r.log.SetFirst(number)
	r.epochs = start(epoch)
}

// Freed returns a channel that is sent to when a room that has refused a delivery takes it
// now. Which room that is, Deliver says; after it was sent to once, all that was refused is
// to be tried.
func (s *Server) Freed() <-chan struct{} { return s.freed }

// FinishRelays has nothing more be read from the members of rooms that relay, and waits until
// all that was read has come back, or ctx is done. It returns how many messages have not. It
// is for a server that serves and is about to end: there is no way back.
func (s *Server) FinishRelays(ctx context.Context) (unreturned int) {
	rooms := slices.DeleteFunc(s.rooms.all(), func(r *Room) bool { return r.relay == nil })
	if len(rooms) == 0 {
		return 0
	}
	for _, r := range rooms {
		r.relay.finishes.Store(true)
	}
	s.Stats() // the loops have answered when they have appended what they had read before
	ticker := time.NewTicker(finishTick)
	defer ticker.Stop()
	for {
		unreturned = 0
		for _, r := range rooms {
			unreturned += r.Unreturned()
		}
		if unreturned == 0 {
			return 0
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return unreturned
		}
	}
}

// finishTick is how often FinishRelays looks what has come back.
const finishTick = 10 * time.Millisecond

// free says that a delivery that was refused is taken now.
func (y *relay) free() {
	if y.refused.Swap(false) {
		select {
		case y.freed <- struct{}{}:
		default: // it was, and nobody has looked yet
		}
	}
}

// watch has a loop be woken when the outgoing log takes more.
func (y *relay) watch(loop int, wake func()) { y.watchers[loop] = y.outgoing.Watch(wake) }

// unwatch ends that.
func (y *relay) unwatch(loop int) {
	y.watchers[loop].Leave()
	y.watchers[loop] = nil
}

// freezeRelays has deliveries be refused, or not any more.
func (s *Server) freezeRelays(is bool) {
	for _, room := range s.rooms.all() {
		if room.relay != nil {
			room.relay.freeze(is)
		}
	}
}

func (y *relay) freeze(is bool) {
	y.mu.Lock()
	y.isFrozen = is
	y.mu.Unlock()
	if !is {
		y.free()
	}
}

// close closes the outgoing log. What comes back later is dropped.
func (y *relay) close() {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !y.isClosed.Swap(true) {
		y.outgoing.Close()
		y.returned.Leave()
	}
}

// stopRelays has nothing be delivered any more, which would wake a loop. The caller holds
// the lock.
func (s *Server) stopRelays() {
	for room := range s.closing {
		room.stopRelay()
	}
	for _, room := range s.rooms.all() {
		room.stopRelay()
	}
}

func (r *Room) stopRelay() {
	if r.relay != nil {
		r.relay.close()
	}
}

// endLogs closes the room's logs.
func (r *Room) endLogs() {
	r.stopRelay()
	r.log.Close()
}

// inOutgoing marks a position as one in the outgoing log: it is after all positions of the
// room's own log.
const inOutgoing broadcast.Position = 1 << 63

// hasReturned reports whether all that is before a position has come back that conn.lastOwn
// had once, or never will.
func (r *Room) hasReturned(lastOwn broadcast.Position) bool {
	if lastOwn < inOutgoing || r.relay == nil {
		return true
	}
	return lastOwn&^inOutgoing <= r.relay.returned.Position() || r.relay.isClosed.Load()
}

// lacks reports whether a client that has had the messages of an epoch up to a number, at
// another server, has had some that have yet to be delivered to this one.
func (r *Room) lacks(epoch, number uint64) bool {
	if r.relay == nil {
		return false
	}
	known := r.epochs.Known(epoch, number)
	return known > 0 && known >= r.log.Number(r.log.Head())
}
