package broadcast

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// A room in which no reader lags has no more than two segments, and gives one back
// before it takes the next.
func TestMemoryIsReused(t *testing.T) {
	l := NewIn(newTrackedMemory(t), 8*SegmentSize, SegmentSize)
	reader := l.Join(func() {})
	b := NewBatch(10 * wire.Size)
	for range 50 * segmentMessages / 10 {
		b.Add(alice, 10*wire.Size)
		l.Append(b, time.Time{})
		checkMemory(t, l, 2)
		reader.Advance(l.Head())
	}
}

// What was kept for a reader that lagged is given back when it has caught up.
func TestMemoryIsGivenBack(t *testing.T) {
	const backlog = 48
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
}

// All of the log's memory is given back when the log is closed and its last reader
// has left, in whichever order.
func TestMemoryOfAClosedLog(t *testing.T) {
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
				if len(m.taken) == 0 {
					t.Fatalf("given back before step %d", i)
				}
				step(l, reader, follower)
			}
			if len(m.taken) > 0 {
				t.Fatal("not given back")
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

// checkMemory checks that a log uses no more segments than it may, and none twice.
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
	if len(seen) != live {
		t.Fatal("a segment is used twice")
	}
	if m, ok := l.memory.(*trackedMemory); ok && len(m.taken) != live {
		t.Fatalf("the log has %d segments and the memory of %d", live, len(m.taken))
	}
}

// A trackedMemory is a Memory that records what the log has taken.
type trackedMemory struct {
	t     rapid.TB
	taken map[*byte]bool
	lent  map[*byte]bool
}

func newTrackedMemory(t rapid.TB) *trackedMemory {
	return &trackedMemory{t: t, taken: map[*byte]bool{}, lent: map[*byte]bool{}}
}

func (m *trackedMemory) Take(last []byte) []byte {
	if len(last) != 0 && len(last) != SegmentSize {
		m.t.Fatalf("what was taken before has %d bytes", len(last))
	}
	piece := bytes.Repeat([]byte{0xaa}, SegmentSize) // what it held before
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
