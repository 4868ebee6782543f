package broadcast

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/wire"
)

// An Entry is one thing that happened in a room, as a Follower reads it: a
// gap, a notice or a message.
type Entry struct {
	// Skipped and SkippedNotices count what was left out before the next
	// entry because the follower was too slow. If either is not 0, the entry
	// is a gap and nothing else in it is valid.
	Skipped, SkippedNotices uint64
	// Notice is set if the entry is a notice; then nothing after it is valid.
	Notice *Notice
	// From, Time and Message are the message, with its sender and the time at
	// which the server took it.
	From    *Sender
	Time    time.Time
	Message wire.Message
}

// A Follower reads a log on a goroutine of its own, by copying, at its own
// pace. It sees messages and notices in the one order they have.
//
// Next and Close belong to one goroutine.
type Follower struct {
	log     *Log
	cursor  *Cursor
	maySkip bool
	isAhead bool                  // sees what is appended before it is published
	own     atomic.Pointer[marks] // its watermarks, if not those of the backlog; see Limit

	mu sync.Mutex // keeps the log from moving the cursor while it is copied from

	next       Position // what is before it was returned, or reported as left out
	nextNotice uint64
	missed     uint64    // notices left out before those pending, not yet reported
	pending    []*Notice // taken from the log, not yet returned
	sleeping   atomic.Bool
	wake       chan struct{}
}

// FollowLossless returns a follower that gets every message from now on. If it
// lags by the log's backlog, the room is held until it has caught up. Notices
// may still be left out.
func (l *Log) FollowLossless() *Follower { return l.follow(&Follower{}) }

// FollowSkipping returns a follower that never holds anybody up: when the
// memory that it has yet to read is needed, it is moved on, and told how much
// it missed.
func (l *Log) FollowSkipping() *Follower { return l.follow(&Follower{maySkip: true}) }

func (l *Log) follow(f *Follower) *Follower {
	f.log, f.wake = l, make(chan struct{}, 1)
	f.nextNotice = l.noticeNo.Load()
	f.cursor = &Cursor{log: l, wake: f.ring, follower: f}
	l.join(f.cursor, l.Head) // from here on the log may push it
	f.next = f.cursor.Position()
	return f
}

// ring wakes the follower if it sleeps. Of many callers only the first pays.
func (f *Follower) ring() {
	if f.sleeping.Load() && f.sleeping.CompareAndSwap(true, false) {
		f.wake <- struct{}{} // there is room: only who ends the sleep sends
	}
}

// Next fills dst with what came after the last call and returns how much it
// is. It waits until there is something, until ctx is done, or until the log
// is closed and all of it was read; then it returns io.EOF.
func (f *Follower) Next(ctx context.Context, dst []Entry) (int, error) {
	for {
		if n := f.take(dst); n > 0 {
			return n, nil
		}
		f.sleeping.Store(true)
		closed := f.log.closed.Load() && f.horizon() == f.log.End()
		n := f.take(dst) // again: what came before sleeping was set woke nobody
		if n > 0 || closed {
			f.wakeUp()
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			f.wakeUp()
			return 0, ctx.Err()
		}
	}
}

// wakeUp ends a sleep that did not happen, and takes the ring of somebody who
// was faster.
func (f *Follower) wakeUp() {
	if !f.sleeping.CompareAndSwap(true, false) {
		<-f.wake
	}
}

// take fills dst with what there is now.
func (f *Follower) take(dst []Entry) int {
	// The head comes first: a notice that stands before it is then already
	// to be seen.
	head := f.horizon()
	f.takeNotices()
	complete := f.nextNotice == f.log.noticeNo.Load()
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
		f.pending = f.pending[1:]
		n++
		if len(f.pending) == 0 && !complete {
			break // the next one may stand before the next message
		}
	}
	return n
}

// horizon returns up to where the follower may see the log.
func (f *Follower) horizon() Position {
	if f.isAhead {
		return f.log.End()
	}
	return f.log.Head()
}

// takeNotices refills pending if it is empty, and counts the notices that were
// overwritten before they could be read.
func (f *Follower) takeNotices() {
	if len(f.pending) > 0 || f.nextNotice == f.log.noticeNo.Load() {
		return
	}
	const most = 64 // the lock is held for as long as it takes to copy them
	l := f.log
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.noticeNo.Load()
	if behind := last - f.nextNotice; behind > noticesKept {
		f.missed = behind - noticesKept
		f.nextNotice += f.missed
	}
	f.pending = f.pending[:0]
	for ; f.nextNotice < last && len(f.pending) < most; f.nextNotice++ {
		f.pending = append(f.pending, l.notices[f.nextNotice%noticesKept])
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
	for ; at < limit && n < len(dst); at += wire.Size {
		seg := f.log.segmentAt(at)
		i := at % SegmentSize / wire.Size
		e := &dst[n]
		e.Skipped, e.SkippedNotices, e.Notice = 0, 0, nil
		e.From = seg.from[i]
		e.Time = time.Unix(0, seg.at[i])
		e.Message = wire.Message(seg.data[i*wire.Size:][:wire.Size])
		n++
	}
	if n > 0 {
		f.cursor.at.Store(uint64(at))
		f.next = min(at, limit)
	}
	f.mu.Unlock()
	if !f.maySkip && f.log.pressed.Load() {
		f.log.reconsider()
	}
	return n
}

// push moves the cursor on to at least p, for want of memory. The next take
// finds the gap. The caller holds the log's lock.
func (f *Follower) push(p Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cursor.Position() < p {
		f.cursor.at.Store(uint64(p))
	}
}

// Limit sets how many bytes the follower, which must not lose anything, may be
// behind the end before the room is held, in place of the backlog; the room is
// pressed from half of that on. There is no more than the backlog. 0 is the
// backlog, and presses nobody: it is for a follower that is going to leave
// messages out when the room is held for it.
func (f *Follower) Limit(bytes int) {
	l := f.log
	own := holdOnly(l.backlog)
	if bytes > 0 {
		own = marksOf(min(uint64(bytes), l.backlog))
	}
	f.own.Store(&own)
	l.mu.Lock()
	l.measure() // what is appended may press the room earlier than before
	l.mu.Unlock()
	if l.pressed.Load() {
		l.reconsider()
	}
}

func (f *Follower) marks() marks {
	if own := f.own.Load(); own != nil {
		return *own
	}
	return marksOf(f.log.backlog)
}

// IsHolding reports whether the room is held, and would be if this follower
// were the only one that lags.
func (f *Follower) IsHolding() bool {
	return f.log.Held() && uint64(f.log.End()-f.cursor.Position()) > f.marks().highEnd
}

// Close ends the follower; the log keeps nothing for it any more.
func (f *Follower) Close() {
	if f.isAhead {
		f.log.open()
	}
	f.cursor.Leave()
}
