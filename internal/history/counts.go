package history

import (
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/histogram"
	"sop-chat/internal/wire"
)

// WriterStats are what an Archive has counted since it was opened, and what it is like now.
type WriterStats struct {
	Queue   int    // messages that were said and are not written yet
	Written uint64 // messages
	Missing uint64 // messages that were left out, because the file could not be written
	// Failure says why the file can't be written; empty if it can, as far as is known.
	Failure string
	// Commit is how long transactions took that were written.
	Commit histogram.Histogram
}

// Stats returns what the archive has counted. Any goroutine may call it at any time, and
// it does not wait for the disk.
func (a *Archive) Stats() WriterStats {
	s := WriterStats{Missing: a.counts.missing.Load(), Queue: int(a.counts.taken.Load())}
	for _, r := range *a.followed.Load() {
		s.Queue += r.follower.Lag() / wire.Size
	}
	if why := a.counts.failure.Load(); why != nil {
		s.Failure = *why
	}
	a.counts.mu.Lock()
	defer a.counts.mu.Unlock()
	s.Written, s.Commit = a.counts.written, a.counts.commit
	return s
}

// counts are what an archive counts, for other goroutines than that of Run.
type counts struct {
	taken   atomic.Int64 // messages from the logs, not yet written
	missing atomic.Uint64
	failure atomic.Pointer[string] // nil: none

	mu      sync.Mutex
	written uint64
	commit  histogram.Histogram
}

// add counts a transaction.
func (c *counts) add(messages int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written += uint64(messages)
	c.commit.Observe(took)
}

// fail notes why the file can't be written. It is tried again, and succeed is called then,
// also if nothing is said meanwhile.
func (c *counts) fail(err error) {
	why := err.Error()
	c.failure.Store(&why)
}

func (c *counts) succeed() {
	if c.failure.Load() != nil {
		c.failure.Store(nil)
	}
}
