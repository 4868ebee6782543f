package broadcast

// A Memory is where the segments of a log lie. A log calls it from one
// goroutine at a time.
//
// Memory that is sent by reference (see Log.Lend) is not done with when the
// system call that sent it returns: the receiver may read it much later, and
// must then find what was there.
type Memory interface {
	// Take returns SegmentSize bytes to write to. What they hold does not
	// matter.
	Take() []byte
	// Renew returns memory to write to in place of some that was lent. It may
	// be at the same address, if those to whom it was lent don't notice.
	Renew(lent []byte) []byte
	// Give takes back what Take or Renew returned, whether it was lent or not.
	Give([]byte)
	// Close ends the memory. Nobody touches it any more.
	Close()
}

// heap is the memory of the program itself. It can't be lent.
type heap struct{}

func (heap) Take() []byte             { return make([]byte, SegmentSize) }
func (heap) Renew(lent []byte) []byte { return make([]byte, SegmentSize) }
func (heap) Give([]byte)              {}
func (heap) Close()                   {}
