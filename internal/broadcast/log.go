// Package broadcast is a room's memory: one append-only log of messages, and a
// cursor for each of its readers. Clients, the console and the archive are all
// readers. So all of them see one order, and a message is stored once however many
// it goes to.
//
// It does no I/O, knows no sockets and reads no clock; callers pass the time in.
package broadcast

import (
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/wire"
)

// A Position is a place in a log, in bytes since the room began. Positions are
// absolute and only grow, however the memory underneath is reused; multiples of
// wire.Size are boundaries between messages.
type Position uint64

// A Log is the ordered list of a room's messages. It keeps them in memory from the
// cursor furthest back, or from what it retains for future readers, to the head,
// and is bounded by its backlog.
//
//	            firstLive                                   head
//	                │                                        │
//	ring  ┌─────┬───▼─┬─────┬─────┬─────┬─────┬─────┬─────┬──▼──┬─────┐
//	      │     │  7  │  8  │  9  │ 10  │ 11  │ 12  │ 13  │ 14··│     │
//	      └─────┴──▲──┴─────┴─────┴──▲──┴─────┴─────┴─────┴──▲──┴─────┘
//	               a reader       another            most readers
//	               that lags
//
// The segment that holds position p lies in ring[p / SegmentSize % len(ring)]. The ring
// grows with what readers lag, so a log without messages takes some hundred bytes.
// The memory of a segment that all readers have passed is the first to be reused,
// so that a room in which no reader lags stays in the processor's cache.
//
// Appending takes a short lock once a batch. Reading takes none: what lies before
// the head never changes, and stays where it is until the reader's own cursor has
// passed it.
type Log struct {
	pool     *Pool
	memory   Memory        // the pool's; nil when it was given back for good
	backlog  uint64        // how far behind a reader may be
	first    uint64        // the number of the message at position 0, see Number
	kept     uint64        // what is kept for future readers, see Retain
	replayed uint64        // how much of it JoinBack replays
	head     atomic.Uint64 // what is before it is published
	end      atomic.Uint64 // what is before it was appended; the head, unless there is a gate
	gate     atomic.Pointer[Follower]
	pressed  atomic.Bool
	held     atomic.Bool   // then it is pressed, too
	space    atomic.Uint64 // see Space
	pressAt  atomic.Uint64 // the room is not pressed before the end is here, or later
	closed   atomic.Bool
	readers  atomic.Pointer[[]*Cursor]
	ring     atomic.Pointer[[]*segment] // has all before the end that was read before it
	noticeNo atomic.Uint64              // how many notices there ever were
	watchers atomic.Pointer[watchers]   // nil: there were none

	// mu guards the fields below, and every change of those above. A follower's own
	// lock is taken after it, never before.
	mu        sync.Mutex
	most      uint64  // segments
	firstLive uint64  // number of the oldest segment in the ring
	nextLive  uint64  // number of the next segment to be put into the ring
	taken     []byte  // the memory of the segment that was added last
	packed    *packed // what is retained and in no segment; nil: nothing
	settled   bool    // uses no memory, see Pool
	used      bool    // was used since Pool.Settle looked
	inflow    inflow
	forgotten uint64 // nothing before it is retained, see Forget
	keepFrom  uint64 // what follows it is retained, see KeepFrom
	notices   noticeRing
	waiting   []*Follower // were restored, and wait for their groups
}

// noSegments is the ring of a log without segments.
var noSegments []*segment

// New is NewIn for a log in the program's own memory.
func New(backlog, slack int) *Log { return NewIn(nil, backlog, slack) }

// NewIn is Pool.NewLog for a log that is alone in its pool.
func NewIn(memory Memory, backlog, slack int) *Log { return NewPool(memory).NewLog(backlog, slack) }

// NewLog returns an empty log that lies in the pool's memory. backlog is how many bytes it
// keeps for readers that lag before the room is held. slack is how many bytes may
// still be appended after that: all that the appenders have read, but not yet
// appended, when they find the room held. The log never keeps more than the two
// together, rounded up to segments.
func (p *Pool) NewLog(backlog, slack int) *Log {
	l := &Log{
		pool: p, memory: p.memory, settled: true,
		backlog: uint64(backlog), first: 1, keepFrom: ^uint64(0), most: uint64(Segments(backlog, slack)),
	}
	l.readers.Store(new([]*Cursor))
	l.ring.Store(&noSegments)
	l.measure()
	return l
}

// Segments returns how many segments a log of that backlog and slack has at most.
func Segments(backlog, slack int) int { return (backlog+slack+SegmentSize-1)/SegmentSize + 1 }

// Retain has the log keep that many messages before its head, even when all
// readers have passed them: for readers that join again (JoinAfter), and the last
// few of them for those that join (JoinBack). There may be MaxRetained. If it is called
// again for more, those that it had not kept until then are not had again.
func (l *Log) Retain(kept, replayed int) {
	if replayed < 0 || replayed > kept || kept > MaxRetained(int(l.backlog)) {
		panic("broadcast: more is to be retained than the backlog has room for")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgotten = max(l.forgotten, uint64(l.oldestKept())) // what is before may be overwritten already
	l.kept, l.replayed = uint64(kept)*wire.Size, uint64(replayed)*wire.Size
	l.trimPacked()
}

// Retained returns what Retain was called with last.
func (l *Log) Retained() (kept, replayed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.kept / wire.Size), int(l.replayed / wire.Size)
}

// Forget has nothing before p retained any more for readers that join. Readers
// that have joined already still receive it.
func (l *Log) Forget(p Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgotten = max(l.forgotten, uint64(p))
	l.trimPacked()
}

// KeepFrom has the log keep, for readers that join again, what follows p too, as far
// as there may be so much (MaxRetained): it is nowhere else yet.
func (l *Log) KeepFrom(p Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgotten = max(l.forgotten, uint64(l.oldestKept())) // as in Retain
	l.keepFrom = uint64(p)
}

// MaxRetained returns how many messages a log with a backlog of that many bytes
// can retain: a quarter of it. They lie in memory that the log may use anyway, and
// a reader that has yet to read them is still far from holding the room.
func MaxRetained(backlog int) int { return backlog / 4 / wire.Size }

// Head returns the position after the last published message. The caller may read
// everything before it that its cursor has not passed.
func (l *Log) Head() Position { return Position(l.head.Load()) }

// End returns the position after the last appended message. It is the head, unless
// there is a gate (FollowAhead).
func (l *Log) End() Position { return Position(l.end.Load()) }

// Append publishes a batch's messages, in its order, and empties the batch. If
// there is a gate, the gate publishes them. Held must have returned false to the
// caller since its last Append. If Append ends a hold, or the pressure, all readers
// are woken, the caller's own cursor included.
func (l *Log) Append(b *Batch, now time.Time) {
	if b.used == 0 {
		return
	}
	if ended := l.append(b, now); ended {
		l.ease()
	}
}

// append is Append without waking readers. It reports whether it ended a hold, or
// the pressure.
func (l *Log) append(b *Batch, now time.Time) (ended bool) {
	at := now.UnixNano()
	data := b.data[:b.used]

	l.mu.Lock()
	defer l.mu.Unlock()
	end := l.end.Load()
	for _, r := range b.runs {
		for n := r.bytes; n > 0; {
			seg := l.segmentForAppend(end / SegmentSize)
			offset := end % SegmentSize
			k := copy(seg.data[offset:], data[:n])
			first := offset / wire.Size
			for i := first; i < first+uint64(k/wire.Size); i++ {
				seg.put(i, r.from, at)
			}
			data = data[k:]
			end += uint64(k)
			n -= k
		}
	}
	b.Reset()
	l.use()
	l.inflow.update(end, at)
	l.end.Store(end)
	if l.gate.Load() == nil {
		l.head.Store(end)
	}
	if end >= l.pressAt.Load() || l.pressed.Load() {
		ended = l.restrain()
	}
	return ended
}

// segmentForAppend returns the segment with the given number, and adds it to the
// ring if it is new. The caller holds l.mu.
func (l *Log) segmentForAppend(number uint64) *segment {
	if number < l.nextLive {
		return *l.place(number)
	}
	l.thinOut()
	l.reclaim()
	if number-l.firstLive >= l.most {
		l.pushSkippers()
		l.reclaim()
	}
	if number-l.firstLive >= l.most { // a gate lags: what is retained gives way
		l.forgotten = max(l.forgotten, (number+1-l.most)*SegmentSize)
		l.reclaim()
	}
	if number-l.firstLive >= l.most {
		panic("broadcast: append beyond backlog and slack; appenders must ask Held first")
	}
	l.growRing(number + 1 - l.firstLive)
	seg := l.takeSegment()
	*l.place(number) = seg
	l.nextLive = number + 1
	return seg
}

// place returns where the segment with the given number lies in the ring. The caller
// holds l.mu.
func (l *Log) place(number uint64) **segment {
	ring := *l.ring.Load()
	return &ring[number%uint64(len(ring))]
}

// takeSegment returns an unused segment. The caller holds l.mu.
func (l *Log) takeSegment() *segment {
	seg := newSegment(l.memory.Take(l.taken))
	l.taken = seg.data
	return seg
}

// growRing has the ring hold that many segments at least, and twice as many as before if
// they are more. A reader that still uses the former one finds in it all that was in the
// log when it read the end. The caller holds l.mu.
func (l *Log) growRing(segments uint64) {
	former := *l.ring.Load()
	if segments <= uint64(len(former)) {
		return
	}
	ring := make([]*segment, min(l.most, max(4, 2*uint64(len(former)), segments)))
	for n := l.firstLive; n < l.nextLive; n++ {
		ring[n%uint64(len(ring))] = former[n%uint64(len(former))]
	}
	l.ring.Store(&ring)
}

// reclaim frees the segments that every reader has passed. The caller holds
// l.mu.
func (l *Log) reclaim() {
	oldest := min(l.oldest(anyCursor), l.oldestKept())
	l.giveUntil(min(uint64(oldest)/SegmentSize, l.nextLive))
	if l.packed != nil && l.packed.to <= l.oldestKept() {
		l.packed = nil
	}
}

// giveUntil frees the segments before the one with a number. The caller holds l.mu.
func (l *Log) giveUntil(number uint64) {
	for ; l.firstLive < number; l.firstLive++ {
		place := l.place(l.firstLive)
		seg := *place
		*place = nil
		l.memory.Give(seg.data, seg.lent.Load())
		seg.free()
	}
}

// oldestKept returns where what is kept begins. The caller holds l.mu.
func (l *Log) oldestKept() Position {
	kept, head := l.kept, l.head.Load()
	if l.keepFrom < head {
		most := uint64(MaxRetained(int(l.backlog))) * wire.Size
		kept = max(kept, min(head-l.keepFrom, most))
	}
	return l.back(kept)
}

// back returns where the last bytes before the head begin, as far as they are not
// to be forgotten. The caller holds l.mu.
func (l *Log) back(bytes uint64) Position {
	head := l.head.Load()
	return Position(max(head-min(head, bytes), min(head, l.forgotten)))
}

// oldest returns the position of the reader furthest back among those for which
// count returns true, or the head if there is none.
func (l *Log) oldest(count func(*Cursor) bool) Position {
	oldest := l.head.Load()
	for _, c := range *l.readers.Load() {
		if count(c) {
			oldest = min(oldest, c.at.Load())
		}
	}
	return Position(oldest)
}

// anyCursor counts all readers.
func anyCursor(*Cursor) bool { return true }

// pushSkippers moves the followers that may skip out of the oldest quarter of the
// ring: few large gaps are better than many small ones. The caller holds l.mu.
func (l *Log) pushSkippers() {
	to := Position((l.firstLive + (l.most+3)/4) * SegmentSize)
	to = min(to, l.Head())
	for _, c := range *l.readers.Load() {
		if c.follower != nil && c.follower.maySkip {
			c.follower.push(to)
		}
	}
}

// Gather appends to dst the stretches of memory that hold the log from one
// position to another, without the messages of except, which may be nil. It stops
// early at the capacity of dst, and returns the position it reached.
//
// The caller's cursor must not be after from, and to must not be after a head that
// the caller has read. to is a boundary between messages. from may lie inside a
// message, which must then not be one of except.
func (l *Log) Gather(dst [][]byte, from, to Position, except *Sender) ([][]byte, Position) {
	for at := from; at < to; {
		if at = l.skip(at, to, except); at == to || len(dst) == cap(dst) {
			return dst, at
		}
		seg := l.segmentAt(at)
		end := min(to, (at/SegmentSize+1)*SegmentSize)
		if except != nil {
			end = l.untilOwn(seg, at, end, except)
		}
		start := at % SegmentSize
		dst = append(dst, seg.data[start:start+(end-at)])
		at = end
	}
	return dst, to
}

// Lend marks the log from one position to another as sent by reference: its memory
// will be read after the caller's cursor has passed it, so Memory.Give must detach
// those that read it before it is written to again.
func (l *Log) Lend(from, to Position) {
	for at := from; at < to; at = (at/SegmentSize + 1) * SegmentSize {
		if lent := &l.segmentAt(at).lent; !lent.Load() {
			lent.Store(true)
		}
	}
}

// Advance returns the position that a reader reaches by n bytes of what Gather
// returned for the same from and except.
func (l *Log) Advance(from Position, n int, except *Sender) Position {
	if except == nil {
		return from + Position(n)
	}
	at := from
	for n > 0 {
		if at%wire.Size == 0 {
			for l.senderAt(at) == except {
				at += wire.Size
			}
		}
		step := min(Position(n), wire.Size-at%wire.Size)
		at += step
		n -= int(step)
	}
	return at
}

// skip returns the first position from at on whose message is not one of except.
func (l *Log) skip(at, to Position, except *Sender) Position {
	if except == nil || at%wire.Size != 0 {
		return at
	}
	for at < to && l.senderAt(at) == except {
		at += wire.Size
	}
	return at
}

// untilOwn returns the end of the stretch that starts in a segment at at, with a
// message that is not one of except.
func (l *Log) untilOwn(seg *segment, at, end Position, except *Sender) Position {
	at = (at/wire.Size + 1) * wire.Size
	for at < end && seg.from[at%SegmentSize/wire.Size] != except {
		at += wire.Size
	}
	return min(at, end)
}

func (l *Log) segmentAt(p Position) *segment {
	ring := *l.ring.Load()
	return ring[uint64(p)/SegmentSize%uint64(len(ring))]
}

func (l *Log) senderAt(p Position) *Sender {
	return l.segmentAt(p).from[p%SegmentSize/wire.Size]
}

// Followed reports whether the log has a follower, which would see a notice.
func (l *Log) Followed() bool {
	for _, c := range *l.readers.Load() {
		if c.follower != nil {
			return true
		}
	}
	return false
}

// Announce adds a notice after the last appended message and wakes the followers.
// It keeps n.
func (l *Log) Announce(n *Notice) {
	l.mu.Lock()
	n.at = l.End()
	number := l.noticeNo.Load()
	l.notices.put(number, n, number-l.firstNotice())
	l.noticeNo.Store(number + 1)
	l.mu.Unlock()
	for _, c := range *l.readers.Load() {
		if c.follower != nil {
			c.notify()
		}
	}
}

// Wake wakes every reader except the caller's own, because there are new messages.
// A loop calls it after Append. If there is a gate, they are new only to the gate,
// and only that is woken.
func (l *Log) Wake(except *Cursor) {
	if gate := l.gate.Load(); gate != nil {
		gate.notify()
		return
	}
	l.wake(except)
}

func (l *Log) wake(except *Cursor) {
	for _, c := range *l.readers.Load() {
		if c != except {
			c.notify()
		}
	}
}

// Close ends the log: nothing may be appended any more, and followers that have
// read all of it get io.EOF. Its memory is given back when the last reader has left.
func (l *Log) Close() {
	l.closed.Store(true)
	l.wake(nil)
	l.giveMemory()
}

// giveMemory gives the memory back if the log is closed and has no reader.
func (l *Log) giveMemory() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Load() && len(*l.readers.Load()) == 0 && l.memory != nil {
		l.giveUntil(l.nextLive)
		l.memory, l.taken, l.packed = nil, nil, nil
	}
}
