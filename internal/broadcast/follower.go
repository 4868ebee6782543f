package broadcast

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/wire"
)

// An Entry is what a Follower reads: a gap, a notice or a message.
type Entry struct {
	// Skipped and SkippedNotices count what was left out before the next entry
	// because the follower was too slow. If either is not 0, the entry is a gap,
	// and nothing else in it is valid.
	Skipped, SkippedNotices uint64
	// Notice is set if the entry is a notice. The fields below are then not valid.
	Notice *Notice
	// From, Time and Message are the message, with its sender and the time at
	// which the server took it.
	From    *Sender
	Time    time.Time
	Message wire.Message
}

// A Follower reads a log by copying, at its own pace, on a goroutine of its own or on
// that of its group. It sees messages and notices in the order they have in the room.
//
// Next, Publish and Close belong to that goroutine.
type Follower struct {
	group   *Group
	owner   any
	cursor  Cursor
	maySkip bool
	isAhead bool                       // sees what is appended before it is published
	left    bool                       // is not a member of the group any more
	queued  atomic.Bool                // is in one of the group's queues, or has left
	own     atomic.Pointer[watermarks] // nil if they are those of the backlog, see Limit

	mu sync.Mutex // keeps the log from moving the cursor while messages are copied

	next       Position  // everything before it was returned, or reported as skipped
	nextNotice uint64    // changes with the log's lock held
	missed     uint64    // notices skipped before those pending, not yet reported
	pending    []*Notice // taken from the log, not yet returned

	behind       *Follower // the next in the group's queue
	newer, older *Follower // members of the group; guarded by its lock
}

// FollowLossless returns a follower like that of Group.FollowLossless, which is read by
// itself, with Next.
func (l *Log) FollowLossless() *Follower { return NewGroup().FollowLossless(l, nil) }

// FollowSkipping returns a follower like that of Group.FollowSkipping, which is read by
// itself, with Next.
func (l *Log) FollowSkipping() *Follower { return NewGroup().FollowSkipping(l, nil) }

// Owner returns what the follower was added to its group with.
func (f *Follower) Owner() any { return f.owner }

func (f *Follower) log() *Log { return f.cursor.log }

// notify has the group look at the follower, because there may be something new.
func (f *Follower) notify() {
	if !f.queued.Load() && f.queued.CompareAndSwap(false, true) {
		f.group.push(f)
		f.group.notify()
	}
}

// Next is Group.Next for a follower that is alone in its group. At the end it returns
// io.EOF each time.
func (f *Follower) Next(ctx context.Context, dst []Entry) (int, error) {
	if f.left {
		return 0, io.EOF
	}
	f.group.look(f) // also if nobody has woken it
	_, n, err := f.group.Next(ctx, dst)
	return n, err
}

// leave removes the follower from its group.
func (f *Follower) leave() {
	f.left = true
	f.queued.Store(true)
	f.group.remove(f)
}

// Take fills dst with the entries that follow those of the last call of Next or Take,
// without waiting, and returns how many there are. It belongs to the goroutine of Next.
func (f *Follower) Take(dst []Entry) int {
	f.group.taking.Lock()
	defer f.group.taking.Unlock()
	return f.take(dst)
}

// take fills dst with what there is now.
func (f *Follower) take(dst []Entry) int {
	// The head must be read first: then a notice that stands before it can be
	// seen already.
	head := f.visibleEnd()
	f.takeNotices()
	complete := f.nextNotice == f.log().noticeNo.Load()
	n := 0
	for n < len(dst) {
		limit := head
		if len(f.pending) > 0 {
			limit = min(limit, f.pending[0].at)
		}
		k := f.takeMessages(dst[n:], limit)
		n += k
		if k > 0 {
			continue
		}
		if len(f.pending) == 0 || f.pending[0].at > head {
			break
		}
		if f.missed > 0 {
			dst[n] = Entry{SkippedNotices: f.missed}
			f.missed = 0
			n++
			continue
		}
		dst[n] = Entry{Notice: f.pending[0]}
		n++
		if f.pending = f.pending[1:]; len(f.pending) == 0 {
			f.pending = nil // an idle follower keeps none
			if !complete {
				break // the next one may stand before the next message
			}
		}
	}
	return n
}

// visibleEnd returns where the part of the log that the follower may see ends.
func (f *Follower) visibleEnd() Position {
	if f.isAhead {
		return f.log().End()
	}
	return f.log().Head()
}

// takeNotices refills pending if it is empty, and counts the notices that were
// overwritten before they could be read.
func (f *Follower) takeNotices() {
	if len(f.pending) > 0 || f.nextNotice == f.log().noticeNo.Load() {
		return
	}
	const most = 64 // bounds how long the lock is held
	l := f.log()
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.noticeNo.Load()
	if behind := last - f.nextNotice; behind > noticesKept {
		f.missed = behind - noticesKept
		f.nextNotice += f.missed
	}
	f.pending = make([]*Notice, 0, min(last-f.nextNotice, most))
	for ; f.nextNotice < last && len(f.pending) < most; f.nextNotice++ {
		f.pending = append(f.pending, l.notices.at(f.nextNotice))
	}
	if l.firstNotice() == last {
		l.notices = nil // an idle log keeps none
	}
}

// takeMessages copies messages up to limit, after a gap if there was one.
func (f *Follower) takeMessages(dst []Entry, limit Position) int {
	f.mu.Lock()
	n := 0
	at := f.cursor.Position()
	if end := min(at, limit); f.next < end {
		dst[0] = Entry{Skipped: uint64(end-f.next) / wire.Size}
		n++
	}
	k := f.log().copy(dst[n:], at, limit)
	n, at = n+k, at+Position(k*wire.Size)
	if n > 0 {
		f.cursor.at.Store(uint64(at))
		f.next = min(at, limit)
	}
	f.mu.Unlock()
	if !f.maySkip && f.log().pressed.Load() {
		f.log().reconsider()
	}
	return n
}

// push moves the cursor on to at least p, for lack of memory. The next take finds
// the gap. The caller holds the log's lock.
func (f *Follower) push(p Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cursor.Position() < p {
		f.cursor.at.Store(uint64(p))
	}
}

// Limit sets by how many bytes the follower, which must not lose anything, may lag
// before it holds the room, in place of the backlog and at most that. From half of
// it on, the follower presses the room. 0 is the backlog, without pressing the
// room: it is for a follower that will leave messages out once it holds the room.
func (f *Follower) Limit(bytes int) {
	l := f.log()
	own := holdOnly(l.backlog)
	if bytes > 0 {
		own = watermarksFor(min(uint64(bytes), l.backlog))
	}
	f.own.Store(&own)
	l.mu.Lock()
	l.measure() // what is appended may press the room earlier than before
	l.mu.Unlock()
	if l.pressed.Load() {
		l.reconsider()
	}
}

func (f *Follower) watermarks() watermarks {
	if own := f.own.Load(); own != nil {
		return *own
	}
	return watermarksFor(f.log().backlog)
}

// Lag returns how many bytes of messages were appended that the follower has not taken.
// Any goroutine may call it.
func (f *Follower) Lag() int {
	at := f.cursor.Position() // first, or the end might be before it
	return int(f.log().End() - at)
}

// IsHolding reports whether the room is held, and would be if no other reader
// lagged.
func (f *Follower) IsHolding() bool {
	return f.log().Held() && uint64(f.log().End()-f.cursor.Position()) > f.watermarks().highClear
}

// Close ends the follower. The log no longer keeps anything for it.
func (f *Follower) Close() {
	f.leave()
	if f.isAhead {
		f.log().removeGate(f)
	}
	f.cursor.Leave()
}
