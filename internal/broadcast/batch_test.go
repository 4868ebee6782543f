package broadcast

import (
	"slices"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A batch is filled from its start, consecutive messages of one sender are one run,
// and Append leaves it empty, without a reference to a sender.
func TestBatch(t *testing.T) {
	const m = wire.Size
	b := NewBatch(6*m + 100)
	for round := range 2 {
		if got := len(b.Free()); got != 6*m {
			t.Fatalf("round %d: %d bytes are free, want %d", round, got, 6*m)
		}
		b.Add(alice, m)
		b.Add(alice, 2*m)
		b.Add(carol, 0)
		b.Add(bob, m)
		b.Add(alice, 2*m)
		if b.Len() != 6*m || len(b.Free()) != 0 {
			t.Fatalf("round %d: a full batch has %d bytes and %d free", round, b.Len(), len(b.Free()))
		}
		if want := []run{{alice, 3 * m}, {bob, m}, {alice, 2 * m}}; !slices.Equal(b.runs, want) {
			t.Fatalf("round %d: runs are %v, want %v", round, b.runs, want)
		}
		New(SegmentSize, SegmentSize).Append(b, time.Time{})
		if i := slices.IndexFunc(b.runs[:cap(b.runs)], func(r run) bool { return r.from != nil }); i >= 0 {
			t.Fatalf("round %d: run %d still refers to its sender", round, i)
		}
	}
}

// Add panics for what is not whole messages, or does not fit.
func TestBatchRefuses(t *testing.T) {
	const m = wire.Size
	for _, test := range []struct {
		what string
		n    int
	}{
		{"a part of a message", 1},
		{"a message and a part", m + 1},
		{"more than fits", 3 * m},
		{"less than nothing", -m},
	} {
		t.Run(test.what, func(t *testing.T) {
			b := NewBatch(3 * m)
			b.Add(alice, m)
			if !panics(func() { b.Add(bob, test.n) }) {
				t.Errorf("a batch with two messages' space took %d bytes", test.n)
			}
		})
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
