package broadcast

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// A room in which no reader lags always uses the same two segments.
func TestMemoryIsReused(t *testing.T) {
	l := New(8*SegmentSize, SegmentSize)
	reader := l.Join(func() {})
	b := NewBatch(10 * wire.Size)
	used := map[*segment]bool{}
	for range 50 * segmentMessages / 10 {
		b.Add(alice, 10*wire.Size)
		l.Append(b, time.Time{})
		used[l.segmentAt(l.Head()-1)] = true
		reader.Advance(l.Head())
	}
	if len(used) != 2 {
		t.Errorf("%d segments were used, want 2", len(used))
	}
}

// What was kept for a reader that lagged goes back to the system when it has caught
// up, except for a few segments.
func TestMemoryIsGivenBack(t *testing.T) {
	const backlog = 3 * keptSegments
	l := NewIn(newTrackedMemory(t), backlog*SegmentSize, SegmentSize)
	reader := l.Join(func() {})
	b := NewBatch(SegmentSize)
	segment := func() {
		b.Add(alice, SegmentSize)
		l.Append(b, time.Time{})
	}
	for range backlog {
		segment()
	}
	checkMemory(t, l, backlog)
	reader.Advance(l.Head())
	segment()
	checkMemory(t, l, 1)
	if got := len(l.spare); got != keptSegments-1 {
		t.Errorf("%d segments are kept beside the one in use, want %d", got, keptSegments-1)
	}
}

// The log's memory is closed once, when the log is closed and its last reader
// has left, in whichever order.
func TestMemoryIsClosed(t *testing.T) {
	for _, test := range []struct {
		what  string
		close []func(l *Log, reader *Cursor, follower *Follower)
	}{
		{"log first", []func(*Log, *Cursor, *Follower){closeLog, leave, unfollow}},
		{"log in between", []func(*Log, *Cursor, *Follower){unfollow, closeLog, leave}},
		{"log last", []func(*Log, *Cursor, *Follower){leave, unfollow, closeLog}},
	} {
		t.Run(test.what, func(t *testing.T) {
			m := newTrackedMemory(t)
			l := NewIn(m, SegmentSize, SegmentSize)
			reader, follower := l.Join(func() {}), l.FollowLossless()
			new(history).write(l, "abc")
			for i, step := range test.close {
				if m.closed {
					t.Fatalf("closed before step %d", i)
				}
				step(l, reader, follower)
			}
			if !m.closed {
				t.Fatal("not closed")
			}
			l.Close()
		})
	}
}

func closeLog(l *Log, _ *Cursor, _ *Follower) { l.Close() }
func leave(_ *Log, c *Cursor, _ *Follower)    { c.Leave() }
func unfollow(_ *Log, _ *Cursor, f *Follower) { f.Close() }

// An appender that does not ask Held is stopped before it overwrites what a reader
// has yet to read.
func TestAppendBeyondSlack(t *testing.T) {
	l, h := New(SegmentSize, 2*SegmentSize), new(history)
	c := newClient(h, nil)
	l.Join(func() {})
	for l.Head() < 3*SegmentSize {
		h.write(l, "abc")
	}
	if !panics(func() {
		for range segmentMessages + 1 {
			h.write(l, "a")
		}
	}) {
		t.Error("the log took more than its backlog, its slack and a segment")
	}
	c.read(t, l, h, l.Head(), 100, func(total int) int { return total })
}

// checkMemory checks that a log uses no more segments than it may, and none twice,
// and that unused ones refer to no sender.
func checkMemory(t rapid.TB, l *Log, most int) {
	t.Helper()
	seen := map[*segment]bool{}
	live := 0
	ring := *l.ring.Load()
	for i, s := range ring {
		number := l.firstLive + (uint64(i)+uint64(len(ring))-l.firstLive%uint64(len(ring)))%uint64(len(ring))
		if (s != nil) != (number < l.nextLive) {
			t.Fatalf("index %d of the ring is used: %v; the log has segments %d to %d", i, s != nil, l.firstLive, l.nextLive)
		}
		if s != nil {
			live++
			seen[s] = true
		}
	}
	if live > most {
		t.Fatalf("%d segments are in use, at most %d may be", live, most)
	}
	if len(l.spare) > keptSegments {
		t.Fatalf("%d segments are kept, at most %d should be", len(l.spare), keptSegments)
	}
	for _, s := range l.spare {
		seen[s] = true
		if s.from != [segmentMessages]*Sender{} || s.data != nil || s.lent.Load() {
			t.Fatal("a spare segment keeps senders or memory from being used, or is lent")
		}
	}
	if len(seen) != live+len(l.spare) {
		t.Fatal("a segment is used twice")
	}
	if m, ok := l.memory.(*trackedMemory); ok && len(m.taken) != live {
		t.Fatalf("the log has %d segments and the memory of %d", live, len(m.taken))
	}
}

// A trackedMemory is a Memory that records what the log has taken.
type trackedMemory struct {
	t      rapid.TB
	taken  map[*byte]bool
	lent   map[*byte]bool
	closed bool
}

func newTrackedMemory(t rapid.TB) *trackedMemory {
	return &trackedMemory{t: t, taken: map[*byte]bool{}, lent: map[*byte]bool{}}
}

func (m *trackedMemory) Take() []byte {
	piece := make([]byte, SegmentSize)
	m.taken[&piece[0]] = true
	return piece
}

func (m *trackedMemory) Give(piece []byte, lent bool) {
	if !m.taken[&piece[0]] || len(piece) != SegmentSize {
		m.t.Fatalf("memory is given back that was not taken")
	}
	if lent != m.lent[&piece[0]] {
		m.t.Fatalf("memory is given back as lent: %v; it was: %v", lent, !lent)
	}
	delete(m.taken, &piece[0])
	delete(m.lent, &piece[0])
}

func (m *trackedMemory) Close() {
	if m.closed {
		m.t.Fatalf("the memory is closed twice")
	}
	m.closed = true
}
