//go:build linux

package server

import (
	"slices"
	"sync"
	"sync/atomic"

	"sop-chat/internal/broadcast"
)

// An assignment is a connection on its way to the loop to which it will belong, with
// its room and its join cursor; or one that the loop has and is to end, with the cause.
//
// A join cursor is a reader of the log on behalf of a connection that is about
// to be a member: it stays where that member begins, so that the log keeps all
// that is published until then.
type assignment struct {
	conn *conn
	room *Room
	join *broadcast.Cursor

	cause cause
}

// An emptying says that all clients of a room are to be disconnected; without a room, in
// all rooms those whose addresses are denied. If the room is closing, nobody is let in
// after that. It goes to the acceptor's loop first, which hands it on when no connection
// is to be assigned any more that was let in before.
type emptying struct {
	room  *Room
	cause cause
}

// An inbox is where a loop finds what others have for it, on other goroutines: the
// connections that the acceptor assigns to it, the rooms that have something new,
// those that are to be emptied, what operators ask for, and questions for its numbers.
type inbox struct {
	loop     int           // its index
	assigned atomic.Int32  // members of the loop, and connections that are to be
	wake     func()        // wakes the loop
	changes  atomic.Uint64 // how often count was called

	hasRequests atomic.Bool
	hasAskers   atomic.Bool

	mu       sync.Mutex
	waiting  []assignment    // guarded by mu
	woken    []*Room         // guarded by mu
	emptying []emptying      // guarded by mu
	requests []request       // guarded by mu
	askers   []chan<- report // guarded by mu; each has space for the answer
}

func (b *inbox) put(a assignment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, a)
}

// takeAssigned returns the connections that were assigned to the loop.
func (b *inbox) takeAssigned() []assignment {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.waiting
	b.waiting = nil
	return taken
}

// wakeFor wakes the loop, because a room has something new.
func (b *inbox) wakeFor(room *Room) {
	b.mu.Lock()
	b.woken = append(b.woken, room)
	b.mu.Unlock()
	b.wake()
}

// takeWoken appends the rooms that have something new to rooms.
func (b *inbox) takeWoken(rooms []*Room) []*Room {
	b.mu.Lock()
	defer b.mu.Unlock()
	rooms = append(rooms, b.woken...)
	clear(b.woken)
	b.woken = b.woken[:0]
	return rooms
}

// empty has the loop disconnect the clients of a room.
func (b *inbox) empty(e emptying) {
	b.mu.Lock()
	b.emptying = append(b.emptying, e)
	b.mu.Unlock()
	b.wake()
}

// takeEmptying returns the rooms that are to be emptied.
func (b *inbox) takeEmptying() []emptying {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.emptying
	b.emptying = nil
	return taken
}

// count counts a connection as one of a room at the loop, or no more.
func (b *inbox) count(room *Room, by int32) {
	b.assigned.Add(by)
	b.changes.Add(1)
	room.at[b.loop].members.Add(by)
}

// mostAskers is how many questions for its numbers a loop that is stuck keeps: those that
// came last.
const mostAskers = 64

// ask has the loop answer with its numbers.
func (b *inbox) ask(answer chan<- report) {
	b.mu.Lock()
	if len(b.askers) == mostAskers {
		b.askers = slices.Delete(b.askers, 0, 1)
	}
	b.askers = append(b.askers, answer)
	b.hasAskers.Store(true)
	b.mu.Unlock()
	b.wake()
}

// takeAsked returns where the loop is to answer.
func (b *inbox) takeAsked() []chan<- report {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.askers
	b.askers = nil
	b.hasAskers.Store(false)
	return taken
}
