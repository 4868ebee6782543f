package broadcast

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
)

// A Group reads any number of logs on one goroutine. Each of its followers costs some
// two hundred bytes, and nothing while its log has nothing new.
//
//	Log.Wake ──▶ incoming ──▶ ready ──▶ Next
//	                            ▲        │
//	                            └────────┘ if there was something, and may be more
//
// A follower that may have something to read is in one of the two queues, once at most
// (Follower.queued). Next takes what there is of the first that is ready, and puts it
// at the end, so that none waits for more than one turn of each of the others.
//
// Next and Close belong to one goroutine, and so does closing a follower. Followers may
// be added by any goroutine at any time.
type Group struct {
	name     string                   // see Named
	incoming atomic.Pointer[Follower] // the latest first
	ready    readyQueue               // belongs to the goroutine of Next
	sleeping atomic.Bool              // Next waits, or is about to
	stirred  atomic.Bool              // Interrupt was called, and Next has not said so
	wake     chan struct{}
	taking   sync.Mutex // while Next takes what there is, see PauseFollowers

	mu      sync.Mutex
	members *Follower // a list of all of them, see Follower.newer
	closed  bool
}

// NewGroup returns a group without followers.
func NewGroup() *Group { return &Group{wake: make(chan struct{}, 1)} }

// Named gives the group a name before it is used, and returns it. In a log that was restored,
// its followers begin where those of a group of that name were when the log was saved.
func (g *Group) Named(name string) *Group {
	g.name = name
	return g
}

// FollowLossless adds a follower of a log that gets every message from now on. If it
// lags by the log's backlog, it holds the room. Notices may still be skipped. The
// owner is what Follower.Owner returns.
func (g *Group) FollowLossless(l *Log, owner any) *Follower {
	return g.follow(l, &Follower{owner: owner})
}

// FollowSkipping adds a follower of a log that never holds anybody up: when the memory
// that it has yet to read is needed, its cursor is moved on, and Next reports how much
// it missed.
func (g *Group) FollowSkipping(l *Log, owner any) *Follower {
	return g.follow(l, &Follower{owner: owner, maySkip: true})
}

// follow adds a follower. If the group is closed, the follower is closed, too.
func (g *Group) follow(l *Log, f *Follower) *Follower {
	if former := l.claim(g, f); former != nil {
		return g.begin(former)
	}
	f.group = g
	f.cursor.log, f.cursor.follower = l, f
	l.join(&f.cursor, func() Position { // from here on the log may push the cursor
		f.nextNotice = l.noticeNo.Load()
		f.next = l.Head()
		return f.next
	})
	if f.isAhead && !l.gate.CompareAndSwap(nil, f) {
		panic("broadcast: a log has one gate")
	}
	return g.begin(f)
}

// begin has a follower be read that the log has already.
func (g *Group) begin(f *Follower) *Follower {
	if !g.add(f) {
		f.Close()
		return f
	}
	f.notify() // the log may be closed already
	return f
}

// add adds a follower to the members, unless the group is closed.
func (g *Group) add(f *Follower) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	if f.older = g.members; f.older != nil {
		f.older.newer = f
	}
	g.members = f
	return true
}

// remove removes a follower from the members.
func (g *Group) remove(f *Follower) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.newer != nil {
		f.newer.older = f.older
	} else if g.members == f {
		g.members = f.older
	}
	if f.older != nil {
		f.older.newer = f.newer
	}
	f.older, f.newer = nil, nil
}

// Owners returns the owners of all followers, in no order.
func (g *Group) Owners() (all []any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for f := g.members; f != nil; f = f.older {
		all = append(all, f.owner)
	}
	return all
}

// Next fills dst with the next entries of one follower that has some, and returns it
// and how many there are. It waits for the first. It returns io.EOF with a follower
// whose log is closed and was read to its end; that has left the group, and has yet to
// be closed. Any other error is ctx's or ErrInterrupted, and comes only when there is
// nothing to read.
func (g *Group) Next(ctx context.Context, dst []Entry) (*Follower, int, error) {
	for {
		if g.incoming.Load() != nil { // a swap costs more than looking
			g.ready.append(g.incoming.Swap(nil))
		}
		for f := g.ready.pop(); f != nil; f = g.ready.pop() {
			if f.left {
				continue
			}
			f.queued.Store(false) // before it looks: what comes later queues it again
			closed := f.log().closed.Load() && f.visibleEnd() == f.log().End()
			g.taking.Lock()
			n := f.take(dst)
			g.taking.Unlock()
			if n > 0 {
				g.look(f) // there may be more
				return f, n, nil
			}
			if closed {
				f.leave()
				return f, 0, io.EOF
			}
		}
		g.sleeping.Store(true)
		if g.incoming.Load() != nil { // what came before sleeping was set woke nobody
			g.cancelSleep()
			continue
		}
		if g.stirred.Load() && g.stirred.Swap(false) {
			g.cancelSleep()
			return nil, 0, ErrInterrupted
		}
		select {
		case <-g.wake:
		case <-ctx.Done():
			g.cancelSleep()
			return nil, 0, ctx.Err()
		}
	}
}

// ErrInterrupted is the error of Next after Interrupt.
const ErrInterrupted = interruption("interrupted")

type interruption string

func (e interruption) Error() string { return string(e) }

// Interrupt has Next return ErrInterrupted, once, when there is nothing to read: the one
// that waits, or the next one. It may be called by any goroutine.
func (g *Group) Interrupt() {
	g.stirred.Store(true)
	g.notify()
}

// look has Next look at a follower in its turn. It belongs to the goroutine of Next.
func (g *Group) look(f *Follower) {
	if !f.queued.Load() && f.queued.CompareAndSwap(false, true) {
		g.ready.push(f)
	}
}

// notify wakes Next if it sleeps. Only the first of many callers sends.
func (g *Group) notify() {
	if g.sleeping.Load() && g.sleeping.CompareAndSwap(true, false) {
		g.wake <- struct{}{} // never blocks: only the caller that ended the sleep sends
	}
}

// cancelSleep ends a sleep before it began. If notify was faster, it takes the
// wake-up.
func (g *Group) cancelSleep() {
	if !g.sleeping.CompareAndSwap(true, false) {
		<-g.wake
	}
}

// push adds a follower that may have something to read.
func (g *Group) push(f *Follower) {
	for {
		f.behind = g.incoming.Load()
		if g.incoming.CompareAndSwap(f.behind, f) {
			return
		}
	}
}

// Close closes all followers, and those that are added later.
func (g *Group) Close() {
	g.mu.Lock()
	g.closed = true
	f := g.members
	g.mu.Unlock()
	for f != nil {
		older := f.older // only Close and Next remove members, and both are here
		f.Close()
		f = older
	}
}

// A readyQueue is a queue of followers, linked by Follower.behind.
type readyQueue struct{ first, last *Follower }

func (q *readyQueue) push(f *Follower) {
	f.behind = nil
	if q.first == nil {
		q.first = f
	} else {
		q.last.behind = f
	}
	q.last = f
}

func (q *readyQueue) pop() *Follower {
	f := q.first
	if f != nil {
		q.first, f.behind = f.behind, nil
		if q.first == nil {
			q.last = nil
		}
	}
	return f
}

// append adds followers that are linked in the reverse order, one at least.
func (q *readyQueue) append(latest *Follower) {
	var earliest *Follower
	for f := latest; f != nil; {
		f.behind, earliest, f = earliest, f, f.behind
	}
	if q.first == nil {
		q.first = earliest
	} else {
		q.last.behind = earliest
	}
	q.last = latest
}
