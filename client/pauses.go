package client

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// pauses are those before each attempt to join again: each is twice as long as the one
// before, up to a limit. They are random, so that clients that lost their server together
// don't return together.
type pauses struct {
	first, last time.Duration
}

func (p *pauses) next() time.Duration {
	p.last = min(max(p.first, 2*p.last), longestPause)
	return p.last - time.Duration(rand.Int64N(int64(p.last/4+1)))
}
