package terminal

import (
	"math/rand/v2"
	"time"
)

const (
	minPause = time.Second
	maxPause = 30 * time.Second
)

// A backoff returns how long to wait before each attempt to join again: twice as
// long each time, up to a limit. The pauses are random, so that clients that lost
// their server together don't return together.
type backoff struct {
	n int // how many pauses there were
}

func (p *backoff) next() time.Duration {
	pause := maxPause
	if p.n < 5 { // 1 s, 2 s, … 16 s
		pause = minPause << p.n
	}
	p.n++
	return pause - time.Duration(rand.Int64N(int64(pause/4)))
}
