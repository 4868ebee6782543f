package cluster

import "sync"

// Stats are how a link is.
type Stats struct {
	Position uint64 // in the stream, up to which all was read
	Messages uint64 // delivered
	Doubled  uint64 // batches that were left out, as they were in the stream twice
	Waiting  int    // bytes that were read and that rooms have yet to take
	// IsCaughtUp says that all rooms have got what was said before they were added, and all that
	// was read.
	IsCaughtUp bool
	Failures   uint64 // attempts to publish that failed, and to read
	// Unpublished is why publishing fails, and Unread is why reading does; nil while it does not.
	Unpublished, Unread error
}

// published are stats that any goroutine may read.
type published struct {
	mu    sync.Mutex
	stats Stats
}

// Stats returns how the link is, as of some tenths of a second ago.
func (l *Link) Stats() Stats {
	l.stats.mu.Lock()
	defer l.stats.mu.Unlock()
	return l.stats.stats
}

func (p *published) set(c *core) {
	s := c.stats
	s.Position, s.Waiting = c.position, c.waiting
	s.IsCaughtUp = c.isReading && c.isCaughtUp()
	p.mu.Lock()
	p.stats = s
	p.mu.Unlock()
}

func (c *core) isCaughtUp() bool {
	for _, r := range c.rooms {
		if r.until > 0 || len(r.queue) > 0 {
			return false
		}
	}
	return true
}
