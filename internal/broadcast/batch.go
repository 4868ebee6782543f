package broadcast

import "sop-chat/internal/wire"

// A Batch collects what an event loop reads in one wake-up, so that it is appended
// to the log in one step. A loop reads straight into the batch's free space, and
// then adds what is whole messages.
//
// A batch belongs to one goroutine and is reused after each Append.
type Batch struct {
	data []byte
	used int
	runs []run
}

// A run is a number of consecutive messages of one sender.
type run struct {
	from  *Sender
	bytes int
}

// NewBatch returns a batch with space for size bytes, rounded down to whole
// messages.
func NewBatch(size int) *Batch {
	return &Batch{data: make([]byte, wire.Whole(size))}
}

// Free returns the space that is left to read into.
func (b *Batch) Free() []byte { return b.data[b.used:] }

// Add adds the first n bytes of Free as messages of one sender. n must be whole
// messages that fit.
func (b *Batch) Add(from *Sender, n int) {
	if n < 0 || n%wire.Size != 0 || n > len(b.data)-b.used {
		panic("broadcast: a batch takes whole messages that fit")
	}
	if n == 0 {
		return
	}
	b.used += n
	if last := len(b.runs) - 1; last >= 0 && b.runs[last].from == from {
		b.runs[last].bytes += n
		return
	}
	b.runs = append(b.runs, run{from, n})
}

// Len returns how many bytes of messages the batch holds.
func (b *Batch) Len() int { return b.used }

// Reset empties the batch.
func (b *Batch) Reset() {
	b.used = 0
	clear(b.runs)
	b.runs = b.runs[:0]
}
