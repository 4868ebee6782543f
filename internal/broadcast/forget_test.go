package broadcast

import (
	"testing"

	"sop-chat/internal/wire"
)

// What is forgotten is not replayed to readers that join later. Readers that have
// joined before still get it. Forgetting more than there is forgets all.
func TestForget(t *testing.T) {
	l, h := New(16*SegmentSize, SegmentSize), new(history)
	l.Retain(4, 4)
	h.write(l, "abcabc")
	early := l.JoinBack(func() {})
	for _, test := range []struct{ forget, want Position }{
		{0, 2}, {1, 2}, {3, 3}, {2, 3}, {6, 6}, {100, 6},
	} {
		l.Forget(test.forget * wire.Size)
		c := l.JoinBack(func() {})
		if got := c.Position() / wire.Size; got != test.want {
			t.Errorf("after message %d was forgotten, a reader begins at %d, want %d", test.forget, got, test.want)
		}
		c.Leave()
	}
	if got := early.Position() / wire.Size; got != 2 {
		t.Errorf("a reader that has joined before is at %d, want 2", got)
	}
	c := client{self: nil, at: early.Position(), next: 2}
	c.read(t, l, h, l.Head(), 10, func(total int) int { return total })
}
