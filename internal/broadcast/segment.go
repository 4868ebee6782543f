package broadcast

import (
	"sync/atomic"

	"sop-chat/internal/wire"
)

const (
	segmentMessages = 128
	// SegmentSize is the length of a segment in bytes, the unit in which the
	// log takes and gives back memory, and in which a lagging reader's progress
	// is measured. 64 KiB stays in a core's cache while it is written once and
	// sent to everybody.
	SegmentSize = segmentMessages * wire.Size

	// keptSegments is how many unused segments are kept for the next message;
	// what a reader that lagged had piled up beyond that goes back to the
	// system.
	keptSegments = 16
)

// A segment is a fixed stretch of the log: whole messages end to end, so that
// they can be sent as they lie, and beside each message what the wire does not
// carry.
//
//	data │ message 0 │ message 1 │ … │ message 127 │   one contiguous 64 KiB
//	from │  *Sender  │  *Sender  │ … │
//	at   │ unix nano │ unix nano │ … │
//
// A slot is written once, before the log's head passes it, and never again
// until every reader has passed the whole segment.
type segment struct {
	data []byte
	from [segmentMessages]*Sender
	at   [segmentMessages]int64
	lent atomic.Bool // parts of data were sent by reference, see Log.Lend
}

// reset makes a segment that is out of use ready for its next use, without its
// memory, and lets its senders be collected.
func (s *segment) reset() {
	s.data = nil
	clear(s.from[:])
	s.lent.Store(false)
}
