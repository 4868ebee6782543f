package broadcast

// A Memory is where the segments of a log lie. A log calls it from one
// goroutine at a time.
//
// Memory that is sent by reference (see Log.Lend) is not done with when the
// system call that sent it returns: the receiver may read it much later, and
// must then find what was there.
type Memory interface {
	// Take returns SegmentSize bytes to write to. What they hold does not
	// matter. It should be the memory that was in use last, to be found in the
	// processor's cache, and lie behind what was taken before, to be sent with
	// it in one go.
	Take() []byte
	// Give takes back what Take returned. What was lent is still read by
	// others: it is not to be taken again before they are detached from it.
	Give(piece []byte, lent bool)
	// Close ends the memory. Nobody touches it any more.
	Close()
}

// A heap is memory of the program itself. What is lent of it is left to who
// reads it.
type heap struct{ free [][]byte }

func (h *heap) Take() []byte {
	if last := len(h.free) - 1; last >= 0 {
		piece := h.free[last]
		h.free = h.free[:last]
		return piece
	}
	return make([]byte, SegmentSize)
}

func (h *heap) Give(piece []byte, lent bool) {
	if !lent && len(h.free) < keptSegments {
		h.free = append(h.free, piece)
	}
}

func (h *heap) Close() {}
