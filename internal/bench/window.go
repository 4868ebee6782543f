package bench

import "math/bits"

// A window bounds how many messages of one sender are on their way: sent, and
// not yet received by all that should.
type window struct {
	size    uint32
	done    uint32  // how many messages all have received, or the number of the oldest on its way
	lacking []int32 // how many clients lack a message, by the last bits of its number
}

// newWindow returns a window for size messages. Its memory is a power of two,
// so that finding a message in it needs no division.
func newWindow(size int) window {
	return window{size: uint32(size), lacking: make([]int32, 1<<bits.Len(uint(size-1)))}
}

// free returns how many messages may be sent, after sent were.
func (w *window) free(sent uint32) uint32 { return w.size - (sent - w.done) }

// sent notes that a message is on its way to some clients.
func (w *window) sent(number uint32, clients int) {
	w.lacking[number&w.mask()] = int32(clients)
}

// received notes that one of the clients has received n messages. Everyone
// receives a sender's messages in order, so they are done in order too.
func (w *window) received(number, n uint32) {
	for end := number + n; number < end; number++ {
		lacking := &w.lacking[number&w.mask()]
		if *lacking--; *lacking == 0 {
			w.done = number + 1
		}
	}
}

func (w *window) mask() uint32 { return uint32(len(w.lacking) - 1) }
