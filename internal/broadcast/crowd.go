package broadcast

import (
	"time"

	"sop-chat/internal/wire"
)

// The segments of a few busy rooms stay in the processor's cache. Those of a thousand
// don't, and each message is written to memory that has to be fetched. Most of it holds
// what the logs retain for clients that come back. Where a flood fills that within a
// moment, it is of no use: no client is back so soon. So in a crowded pool, a flooded log
// retains less.
const (
	// crowd is how many logs use memory when a pool is crowded.
	crowd = 64
	// floodTime is what a flood takes at most for as many messages as are to be retained.
	floodTime = time.Second
	// leastKept is how many messages a flooded log retains, if it is to retain them.
	leastKept = segmentMessages / 2
)

// thinOut has a flooded log forget most of what it retains, if its pool is crowded. What
// is replayed stays, and what is in no file yet. The caller holds l.mu.
func (l *Log) thinOut(now int64) {
	if l.pool.inUse.Load() < crowd {
		return
	}
	oldest, keep := l.oldestKept(), l.back(max(l.replayed, leastKept*wire.Size))
	keep = min(keep, Position(l.keepFrom))
	if oldest >= keep || l.packed != nil && oldest < l.packed.to {
		return // there is nothing to forget, or some of it is packed: it was quiet
	}
	took := now - l.segmentAt(oldest).at[oldest%SegmentSize/wire.Size]
	if float64(took)*float64(l.kept) < float64(floodTime)*float64(l.Head()-oldest) {
		l.forgotten = max(l.forgotten, uint64(keep))
	}
}
