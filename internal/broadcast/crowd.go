package broadcast

import (
	"time"

	"sop-chat/internal/wire"
)

// The segments of a few busy rooms stay in the processor's cache. Those of a thousand
// don't, and each message would be written to memory that has to be fetched. So in a
// crowded pool, a log that is flooded gives its memory back as soon as all readers have
// read it (Yield), and the log that is appended to next takes it while it is in the cache.
// Then it can't retain what it has for clients that come back; but a flood has added more
// than that before they do.
const (
	// crowd is how many logs use memory when a pool is crowded.
	crowd = 64
	// A log is flooded that has got floodMessages or more in each floodTime: more than
	// anybody reads.
	floodMessages = 128
	floodTime     = time.Second

	millisecond = 1_000_000 // in nanoseconds
)

// An inflow is how fast a log grows. It is measured while something is appended. Each room
// has one, so it is small, and of its numbers the upper bits are left out.
type inflow struct {
	since   uint32 // when the measurement began, in milliseconds since 1970
	from    uint32 // and how many messages the log had
	isFlood bool
}

// update measures how fast the log has grown to its end, now and then.
func (f *inflow) update(end uint64, now int64) {
	at, messages := uint32(now/millisecond), uint32(end/wire.Size)
	took := at - f.since // is large if the clock was set back
	if took >= uint32(floodTime/millisecond) {
		f.isFlood = float64(messages-f.from)/floodMessages >= float64(took)/float64(floodTime/millisecond)
		f.since, f.from = at, messages
	}
}

// isThin reports whether the log retains only what is replayed, and what is in no file
// yet. What is packed stays: it was said in a quiet time. The caller holds l.mu.
func (l *Log) isThin() bool {
	return l.inflow.isFlood && l.pool.isCrowded() && (l.packed == nil || l.packed.to <= l.oldestKept())
}

func (p *Pool) isCrowded() bool { return p.inUse.Load() >= crowd }

// thinOut has the log forget what it doesn't retain in a flood and a crowd. The caller
// holds l.mu.
func (l *Log) thinOut() {
	if l.isThin() {
		l.forgotten = max(l.forgotten, min(uint64(l.back(l.replayed)), l.keepFrom))
	}
}

// Yield gives the log's memory to others if it is better used there: if the log is
// flooded, many logs need memory, and nothing is to be read any more or retained. A loop
// calls it when its clients have been written to.
func (l *Log) Yield() {
	if !l.pool.isCrowded() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	head := uint64(l.Head())
	if l.firstLive == l.nextLive || l.End() != Position(head) || l.oldest(anyCursor) != Position(head) {
		return
	}
	if l.thinOut(); l.oldestKept() == Position(head) {
		l.giveAll()
	}
}

// giveAll gives the memory back of a log of which nothing is to be read any more. The
// caller holds l.mu.
func (l *Log) giveAll() {
	l.giveUntil(l.nextLive)
	l.firstLive = l.head.Load() / SegmentSize
	l.nextLive, l.taken = l.firstLive, nil
}
