package broadcast

import (
	"time"

	"sop-chat/internal/wire"
)

// Messages of a log may go somewhere else and come back, in their order, among those of
// others. Those of some senders may be void: they do not go there any more, and are passed.

// Voids are senders whose messages are void, from some position on.
type Voids map[*Sender]struct{}

// Returned returns the position that a reader of the log reaches from another one by what
// has come back in a batch: by each message whose sender is that of the next message of the
// log that is not void. Those of others have senders that are in no message of the log. The
// caller's cursor must not be after p.
func (l *Log) Returned(p Position, b *Batch, void Voids) Position {
	head := l.Head()
	p = l.pass(p, head, void)
	for _, r := range b.runs {
		for n := r.bytes; n > 0 && p < head && l.senderAt(p) == r.from; n -= wire.Size {
			p = l.pass(p+wire.Size, head, void)
		}
	}
	return p
}

// Pass returns the position of the first message from another one on that is not void, or
// the end. The caller's cursor must not be after p.
func (l *Log) Pass(p Position, void Voids) Position { return l.pass(p, l.Head(), void) }

// pass is Pass up to a position.
func (l *Log) pass(p, to Position, void Voids) Position {
	for len(void) > 0 && p < to {
		if _, is := void[l.senderAt(p)]; !is {
			break
		}
		p += wire.Size
	}
	return p
}

// Copy copies the messages from a position on, but for those that are void and the first
// skip of the others, as many as there are and dst takes, and returns how many. The caller's
// cursor must not be after p while it does.
func (l *Log) Copy(dst []Entry, p Position, skip int, void Voids) (n int) {
	head := l.Head()
	if len(void) == 0 {
		return l.copy(dst, p+Position(skip)*wire.Size, head)
	}
	for ; n < len(dst); p += wire.Size {
		if p = l.pass(p, head, void); p >= head {
			break
		}
		if skip > 0 {
			skip--
			continue
		}
		n += l.copy(dst[n:n+1], p, head)
	}
	return n
}

// copy copies the messages from a position on, up to another one.
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
