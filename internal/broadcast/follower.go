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

// A Follower reads a log on a goroutine of its own, by copying, at its own pace.
// It sees messages and notices in the order they have in the room.
//
// Next and Close belong to one goroutine.
type Follower struct {
	log     *Log
	cursor  *Cursor
	maySkip bool
	isAhead bool                       // sees what is appended before it is published
	own     atomic.Pointer[watermarks] // nil if they are those of the backlog, see Limit

	mu sync.Mutex // keeps the log from moving the cursor while messages are copied

	next       Position  // everything before it was returned, or reported as skipped
	nextNotice uint64    // changes with the log's lock held
	missed     uint64    // notices skipped before those pending, not yet reported
	pending    []*Notice // taken from the log, not yet returned
	sleeping   atomic.Bool
	wake       chan struct{}
}

// FollowLossless returns a follower that gets every message from now on. If it
// lags by the log's backlog, it holds the room. Notices may still be skipped.
func (l *Log) FollowLossless() *Follower { return l.follow(&Follower{}) }

// FollowSkipping returns a follower that never holds anybody up: when the memory
// that it has yet to read is needed, its cursor is moved on, and Next reports how
// much it missed.
func (l *Log) FollowSkipping() *Follower { return l.follow(&Follower{maySkip: true}) }

func (l *Log) follow(f *Follower) *Follower {
	f.log, f.wake = l, make(chan struct{}, 1)
	f.cursor = &Cursor{log: l, wake: f.notify, follower: f}
	l.join(f.cursor, func() Position { // from here on the log may push the cursor
		f.nextNotice = l.noticeNo.Load()
		return l.Head()
	})
	f.next = f.cursor.Position()
	return f
}

// notify wakes the follower if it sleeps. Only the first of many callers sends.
func (f *Follower) notify() {
	if f.sleeping.Load() && f.sleeping.CompareAndSwap(true, false) {
		f.wake <- struct{}{} // never blocks: only the caller that ended the sleep sends
	}
}

// Next fills dst with the entries that follow those of the last call, and returns
// how many there are. It waits for the first. It returns an error if ctx is done,
// and io.EOF if the log is closed and was read to its end.
func (f *Follower) Next(ctx context.Context, dst []Entry) (int, error) {
	for {
		if n := f.take(dst); n > 0 {
			return n, nil
		}
		f.sleeping.Store(true)
		closed := f.log.closed.Load() && f.visibleEnd() == f.log.End()
		n := f.take(dst) // again: what was appended before sleeping was set woke nobody
		if n > 0 || closed {
			f.cancelSleep()
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			f.cancelSleep()
			return 0, ctx.Err()
		}
	}
}

// cancelSleep ends a sleep before it began. If notify was faster, it takes the
// wake-up.
func (f *Follower) cancelSleep() {
	if !f.sleeping.CompareAndSwap(true, false) {
		<-f.wake
	}
}

// take fills dst with what there is now.
func (f *Follower) take(dst []Entry) int {
	// The head must be read first: then a notice that stands before it can be
	// seen already.
	head := f.visibleEnd()
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

// visibleEnd returns where the part of the log that the follower may see ends.
func (f *Follower) visibleEnd() Position {
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
	const most = 64 // bounds how long the lock is held
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
		f.pending = append(f.pending, l.notices.at(f.nextNotice))
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
	l := f.log
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
	return watermarksFor(f.log.backlog)
}

// IsHolding reports whether the room is held, and would be if no other reader
// lagged.
func (f *Follower) IsHolding() bool {
	return f.log.Held() && uint64(f.log.End()-f.cursor.Position()) > f.watermarks().highClear
}

// Close ends the follower. The log no longer keeps anything for it.
func (f *Follower) Close() {
	if f.isAhead {
		f.log.removeGate()
	}
	f.cursor.Leave()
}
