package broadcast

import (
	"strings"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A log keeps as many messages as it retains for future readers, also without any
// reader.
func TestRetain(t *testing.T) {
	const retained = segmentMessages + 1
	l := New(16*SegmentSize, SegmentSize)
	l.Retain(retained, retained)
	h := new(history)
	for range 3 * segmentMessages {
		want := l.Head() - min(l.Head(), retained*wire.Size)
		cursor := l.JoinBack(func() {})
		if got := cursor.Position(); got != want {
			t.Fatalf("with %d messages, a reader joins at %d, want %d", len(h.messages), got, want)
		}
		c := &client{at: want, next: int(want / wire.Size)}
		c.read(t, l, h, l.Head(), 10, func(total int) int { return total })
		cursor.Leave()
		h.write(l, "a")
	}
	checkMemory(t, l, 3)
}

// What is retained can be changed. Of more messages, those are had that were kept before,
// and those that come from then on.
func TestRetainAgain(t *testing.T) {
	const few, many = 2, 2*segmentMessages + 1
	l := New(16*SegmentSize, SegmentSize)
	h := new(history)
	begin := Position(0)
	for _, step := range []struct{ retained, messages int }{{few, 4 * segmentMessages}, {many, 3 * segmentMessages}, {few, 10}, {many, 10}} {
		begin = max(begin, l.Head()-min(l.Head(), Position(l.kept)))
		l.Retain(step.retained, step.retained)
		for range step.messages {
			want := max(begin, l.Head()-min(l.Head(), Position(step.retained)*wire.Size))
			cursor := l.JoinBack(func() {})
			if got := cursor.Position(); got != want {
				t.Fatalf("of %d retained, a reader joins at message %d of %d, want %d", step.retained,
					got/wire.Size, len(h.messages), want/wire.Size)
			}
			c := &client{at: want, next: int(want / wire.Size)}
			c.read(t, l, h, l.Head(), 10, func(total int) int { return total })
			cursor.Leave()
			h.write(l, "a")
		}
	}
	checkMemory(t, l, 3)
}

// A reader that joins further back than all others counts at once: it holds the
// room as soon as it is a backlog behind.
func TestJoinBackHolds(t *testing.T) {
	const backlog = 8
	l, h := New(backlog*wire.Size, wire.Size), new(history)
	l.Retain(MaxRetained(backlog*wire.Size), MaxRetained(backlog*wire.Size))
	reader := l.Join(func() {})
	for range backlog {
		h.write(l, "a")
	}
	reader.Advance(l.Head())
	h.write(l, "a") // the log looks where the readers are
	reader.Advance(l.Head())
	l.JoinBack(func() {})
	for n := MaxRetained(backlog * wire.Size); n < backlog; n++ {
		if l.Held() {
			t.Fatalf("held by a reader that is %d messages behind", n)
		}
		h.write(l, "a")
		reader.Advance(l.Head())
	}
	if !l.Held() {
		t.Error("not held by a reader that is a backlog behind")
	}
}

// What is retained gives way when a gate lags by the backlog: all that may be appended
// until the room is held, and the slack, has space. What is left of it is still replayed.
func TestRetainedGivesWay(t *testing.T) {
	const backlog, slack = 8, 2 // segments
	for i := range 6 {
		published := []int{segmentMessages / 2, 2 * segmentMessages, 3*segmentMessages + 1}[i%3]
		l, h := New(backlog*SegmentSize, slack*SegmentSize), new(history)
		l.Retain(2*segmentMessages, 2*segmentMessages)
		gate := newGate(l, h)
		for range published {
			h.write(l, "a")
			gate.read(t, h, 200)
			gate.follower.Publish()
		}
		if i >= 3 { // what is retained is packed meanwhile
			settle(l.pool)
		}
		for !l.Held() {
			h.write(l, "abc")
			h.hidden += 3
		}
		h.write(l, strings.Repeat("b", slack*segmentMessages-2))
		h.hidden += slack*segmentMessages - 2
		l.JoinBack(func() {}).Leave()
		back := l.JoinBack(func() {})
		if back.Position() > l.Head() {
			t.Fatalf("a reader begins at %d, behind the head at %d", back.Position(), l.Head())
		}
		c := client{at: back.Position(), next: int(back.Position() / wire.Size)}
		c.read(t, l, h, l.Head(), 100, func(total int) int { return total })
		back.Leave()
		checkMemory(t, l, Segments(backlog*SegmentSize, slack*SegmentSize))
		for gate.read(t, h, 200) {
			gate.follower.Publish()
		}
		if l.Held() || l.Head() != l.End() {
			t.Fatal("held though all is published")
		}
	}
}

// Retain panics for more than the backlog has space for.
func TestRetainRefuses(t *testing.T) {
	for _, messages := range []int{-1, 129} {
		if !panics(func() { New(4*SegmentSize, 0).Retain(messages, 0) }) {
			t.Errorf("a log retains %d messages", messages)
		}
	}
	New(4*SegmentSize, 0).Retain(128, 128)
}

// Retaining messages takes no more memory than they need.
func TestRetainMemory(t *testing.T) {
	l := NewIn(newTrackedMemory(t), 1000*SegmentSize, SegmentSize)
	l.Retain(20, 20)
	reader := l.Join(func() {})
	b := NewBatch(10 * wire.Size)
	for range 50 * segmentMessages / 10 {
		b.Add(alice, 10*wire.Size)
		l.Append(b, time.Time{})
		checkMemory(t, l, 3)
		reader.Advance(l.Head())
	}
}
