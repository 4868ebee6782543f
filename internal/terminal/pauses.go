package terminal

import (
	"math/rand/v2"
	"time"
)

const (
	shortestPause = time.Second
	longestPause  = 30 * time.Second
)

// pauses are how long to wait before each attempt to join again: twice as long
// each time, so that a server that is down is not asked all the time, and never
// exactly, so that clients that lost it together don't return together.
type pauses struct {
	n int // so far
}

func (p *pauses) next() time.Duration {
	pause := longestPause
	if p.n < 5 { // 1 s, 2 s, … 16 s
		pause = shortestPause << p.n
	}
	p.n++
	return pause - time.Duration(rand.Int64N(int64(pause/4)))
}
