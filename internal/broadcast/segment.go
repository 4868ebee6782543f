package broadcast

import (
	"sync"
	"sync/atomic"

	"sop-chat/internal/wire"
)

const (
	segmentMessages = 128
	// SegmentSize is the length of a segment in bytes: the unit in which the log
	// takes and gives back memory, and in which a lagging reader's progress is
	// measured. 64 KiB stay in a core's cache while they are written once and sent
	// to all clients.
	SegmentSize = segmentMessages * wire.Size
)

// A segment is a stretch of the log of fixed length: whole messages end to end, so
// that they can be sent as they lie, and for each message what is not sent.
//
//	data │ message 0 │ message 1 │ … │ message 127 │   one contiguous 64 KiB
//	from │  *Sender  │  *Sender  │ … │
//	at   │ unix nano │ unix nano │ … │
//
// The entry of a message is written once, before the log's head passes it, and not
// again until every reader has passed the whole segment.
type segment struct {
	data []byte
	from [segmentMessages]*Sender
	at   [segmentMessages]int64
	lent atomic.Bool // parts of data were sent by reference, see Log.Lend

	// otherName is set if a message has another name than its sender.
	otherName atomic.Bool
}

// put records the sender of a message and when it came.
func (s *segment) put(i uint64, from *Sender, at int64) {
	s.from[i], s.at[i] = from, at
	if !from.wrote(s.message(i)) && !s.otherName.Load() {
		s.otherName.Store(true)
	}
}

// segments are unused, without memory.
var segments = sync.Pool{New: func() any { return new(segment) }}

// newSegment returns an unused segment that lies in some memory.
func newSegment(data []byte) *segment {
	s := segments.Get().(*segment)
	s.data = data
	return s
}

// free lets the segment be used again, also by other logs, and its senders be
// collected.
func (s *segment) free() {
	s.data = nil
	clear(s.from[:])
	s.lent.Store(false)
	s.otherName.Store(false)
	segments.Put(s)
}
