package broadcast

// A Memory is where the segments of a log lie. A log calls it from one goroutine
// at a time.
//
// Memory that is sent by reference (see Log.Lend) is still in use when the system
// call that sent it has returned: the receiver may read it much later, and must
// then find it unchanged.
type Memory interface {
	// Take returns SegmentSize bytes to write to, whatever they hold. They should
	// be those that were in use last, which are in the processor's cache, and lie
	// behind those taken before, so that both can be sent in one call.
	Take() []byte
	// Give takes back what Take returned. If it was lent, it is still read by
	// others, and must not be taken again before they are detached from it.
	Give(piece []byte, lent bool)
	// Close releases the memory, which is no longer used.
	Close()
}

// A heap is the program's own memory. What is lent of it is left to the garbage
// collector.
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
