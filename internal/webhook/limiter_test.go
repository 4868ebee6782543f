package webhook

import (
	"testing"
	"time"
)

// Each label has a burst, and then its rate.
func TestLimiter(t *testing.T) {
	var l Limiter
	now := time.Unix(1_000_000_000, 0)
	r := Rate{PerSecond: 2, Burst: 3}
	expect := func(what, label string, messages int, want time.Duration) {
		t.Helper()
		if got := l.Take(label, messages, r, now); got != want {
			t.Errorf("%s: has to wait for %v, want %v", what, got, want)
		}
	}
	expect("the first", "a", 1, 0)
	expect("the rest of the burst", "a", 2, 0)
	expect("more", "a", 1, 500*time.Millisecond)
	expect("another label", "b", 3, 0)
	now = now.Add(499 * time.Millisecond)
	expect("too early", "a", 1, time.Millisecond)
	now = now.Add(time.Millisecond)
	expect("in time", "a", 1, 0)
	now = now.Add(time.Hour)
	expect("more than a burst", "a", 5, 0)
	expect("behind that", "a", 1, 1500*time.Millisecond)
	l.Keep(func(label string) bool { return label == "b" })
	expect("forgotten", "a", 3, 0)
	if got := l.Take("a", 100, Rate{}, now); got != 0 {
		t.Errorf("without a limit there is a wait of %v", got)
	}
}
