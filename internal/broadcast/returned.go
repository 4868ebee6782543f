package broadcast

import (
	"time"

	"sop-chat/internal/wire"
)

// Messages of a log may go somewhere else and come back, in their order, among those of
// others.

// Returned returns the position that a reader of the log reaches from another one by what
// has come back in a batch: by each message whose sender is that of the next message of the
// log. Those of others have senders that are in no message of the log. The caller's cursor
// must not be after p.
func (l *Log) Returned(p Position, b *Batch) Position {
	head := l.Head()
	for _, r := range b.runs {
		for n := r.bytes; n > 0 && p < head && l.senderAt(p) == r.from; n -= wire.Size {
			p += wire.Size
		}
	}
	return p
}

// Copy copies the messages from a position on, as many as there are and dst takes, and
// returns how many. The caller's cursor must not be after p while it does.
func (l *Log) Copy(dst []Entry, p Position) int { return l.copy(dst, p, l.Head()) }

// copy is Copy up to a position.
func (l *Log) copy(dst []Entry, p, to Position) (n int) {
	for ; p < to && n < len(dst); p += wire.Size {
		seg := l.segmentAt(p)
		i := p % SegmentSize / wire.Size
		e := &dst[n]
		e.Skipped, e.SkippedNotices, e.Notice = 0, 0, nil
		e.From = seg.from[i]
		e.Time = time.Unix(0, seg.at[i])
		e.Message = *seg.message(uint64(i))
		n++
	}
	return n
}
