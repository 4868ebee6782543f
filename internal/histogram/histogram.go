// Package histogram counts durations in buckets. It knows nothing of what takes them.
package histogram

import "time"

// Bounds are the upper bounds of the buckets, which include them. Another bucket is for
// what takes longer.
var Bounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// A Histogram is a distribution of durations. The zero value is empty. It is not safe for
// concurrent use.
type Histogram struct {
	Buckets [len(Bounds) + 1]uint64 // how many durations each has
	Sum     time.Duration
}

// Observe adds a duration. One that is negative, because the clock was set, counts as 0.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.Buckets[i]++
	h.Sum += d
}

// Add adds what is in another.
func (h *Histogram) Add(other *Histogram) {
	for i, n := range other.Buckets {
		h.Buckets[i] += n
	}
	h.Sum += other.Sum
}

// Count returns how many durations there are.
func (h *Histogram) Count() (n uint64) {
	for _, m := range h.Buckets {
		n += m
	}
	return n
}
