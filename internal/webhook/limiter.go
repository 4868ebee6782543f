package webhook

import (
	"sync"
	"time"
)

// A Limiter says how often each key may have something said, as the rate of a room does for
// its members. The zero value is ready to use, by any goroutine.
type Limiter struct {
	mu   sync.Mutex
	full map[string]time.Time // when the token bucket of a label will be full
}

// A Rate is how many messages may be said in a second, and how many at once; the zero value
// is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Take takes a number of messages for a label, if it may say as many now, and returns 0.
// Otherwise it returns how long to wait. What is more than a burst may be said by a label
// that has been quiet for long enough.
func (l *Limiter) Take(label string, messages int, r Rate, now time.Time) time.Duration {
	if r.PerSecond <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full == nil {
		l.full = make(map[string]time.Time)
	}
	timeFor := func(messages int) time.Duration {
		return time.Duration(float64(messages) / r.PerSecond * float64(time.Second))
	}
	full := l.full[label]
	if full.Before(now) {
		full = now
	}
	burst := timeFor(max(r.Burst, messages))
	next := full.Add(timeFor(messages))
	if wait := next.Sub(now) - burst; wait > 0 {
		return wait
	}
	l.full[label] = next
	return 0
}

// Keep forgets the labels that are not among some.
func (l *Limiter) Keep(isOne func(label string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for label := range l.full {
		if !isOne(label) {
			delete(l.full, label)
		}
	}
}
