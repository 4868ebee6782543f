package broadcast

import "sync"

// A Memory is where the segments of any number of logs lie. They call it from many
// goroutines.
//
// Memory that is sent by reference (see Log.Lend) is still in use when the system
// call that sent it has returned: the receiver may read it much later, and must
// then find it unchanged.
type Memory interface {
	// Take returns SegmentSize bytes to write to, whatever they hold. They should
	// be those that were in use last, which are in the processor's cache, and lie
	// behind last, so that both can be sent in one call. last is what the log took
	// before, if anything; it may have been given back.
	Take(last []byte) []byte
	// Give takes back what Take returned. If it was lent, it is still read by
	// others, and must not be taken again before they are detached from it.
	Give(piece []byte, lent bool)
}

// A heap is the program's own memory. What is lent of it is left to the garbage
// collector.
type heap struct{}

var pieces = sync.Pool{New: func() any { return new([SegmentSize]byte) }}

func (heap) Take([]byte) []byte { return pieces.Get().(*[SegmentSize]byte)[:] }

func (heap) Give(piece []byte, lent bool) {
	if !lent {
		pieces.Put((*[SegmentSize]byte)(piece))
	}
}
