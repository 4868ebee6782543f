package histogram

import (
	"slices"
	"testing"
	"time"
)

// Bounds ascend, and each belongs to its bucket.
func TestBounds(t *testing.T) {
	if !slices.IsSorted(Bounds[:]) {
		t.Errorf("the bounds don't ascend: %v", Bounds)
	}
	for i, bound := range Bounds {
		var h Histogram
		h.Observe(bound)
		h.Observe(bound + 1)
		if h.Buckets[i] != 1 || h.Buckets[i+1] != 1 || h.Sum != 2*bound+1 {
			t.Errorf("%v and a nanosecond more are in %v, with a sum of %v", bound, h.Buckets, h.Sum)
		}
	}
}

// A negative duration counts as 0.
func TestNegative(t *testing.T) {
	var h Histogram
	h.Observe(-time.Second)
	if h.Buckets[0] != 1 || h.Sum != 0 {
		t.Errorf("a negative duration is in %v, with a sum of %v", h.Buckets, h.Sum)
	}
}

// What two have is in their sum.
func TestAdd(t *testing.T) {
	var a, b Histogram
	a.Observe(time.Millisecond)
	b.Observe(time.Millisecond)
	b.Observe(time.Hour)
	a.Add(&b)
	if a.Count() != 3 || a.Sum != time.Hour+2*time.Millisecond || a.Buckets[len(Bounds)] != 1 {
		t.Errorf("the sum is %+v", a)
	}
}
