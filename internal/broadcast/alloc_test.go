package broadcast

import (
	"context"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// Once a log has its memory, neither appending nor reading allocates more.
func TestAllocations(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		what string
		join func(*Log) (read func())
	}{
		{"a loop's clients", func(l *Log) func() {
			cursor := l.Join(func() {})
			stretches := make([][]byte, 0, 16)
			return func() {
				at, head := cursor.Position(), l.Head()
				for _, self := range []*Sender{alice, bob, nil} {
					stretches, _ = l.Gather(stretches[:0], at, head, self)
					stretches, _ = l.Gather(stretches[:0], l.Advance(at, 100, self), head, self)
				}
				cursor.Advance(head)
			}
		}},
		{"a lossless follower", func(l *Log) func() { return follow(t, l.FollowLossless()) }},
		{"a skipping follower", func(l *Log) func() { return follow(t, l.FollowSkipping()) }},
		{"a follower that has to skip", func(l *Log) func() {
			l.FollowSkipping()
			return func() {}
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			l := New(2*SegmentSize, SegmentSize)
			read := test.join(l)
			b := NewBatch(10 * wire.Size)
			step := func() {
				b.Add(bob, 3*wire.Size)
				b.Add(alice, wire.Size)
				b.Add(bob, 6*wire.Size)
				l.Append(b, now)
				l.Wake(nil)
				read()
			}
			for range 100 { // all segments there will ever be
				step()
			}
			if got := testing.AllocsPerRun(1000, step); got != 0 {
				t.Errorf("%v allocations a batch, want 0", got)
			}
		})
	}
}

// follow returns a function that reads ten messages.
func follow(t *testing.T, f *Follower) func() {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	entries := make([]Entry, 6)
	return func() {
		for left := 10; left > 0; {
			n, err := f.Next(ctx, entries[:min(left, len(entries))])
			if err != nil {
				t.Fatal(err)
			}
			left -= n
		}
	}
}
