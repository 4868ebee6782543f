package broadcast

import (
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// In a crowded pool, a log that is flooded retains what is replayed and little more. If
// the pool is not crowded, or people talk, it retains all that it is to retain. What comes
// after the flood is retained again.
func TestFloodIsThinnedOut(t *testing.T) {
	const kept, messages = 4 * segmentMessages, 20 * segmentMessages
	for _, test := range []struct {
		what     string
		others   int64 // logs that use memory
		pause    time.Duration
		replayed int
		written  int // messages in the file
		want     int // the fewest that are retained at any time
	}{
		{"a flood", crowd, time.Microsecond, 10, messages, leastKept + 1},
		{"a flood of which much is replayed", crowd, time.Microsecond, 200, messages, 200 + 1},
		{"a flood that is in no file", crowd, time.Microsecond, 10, 0, messages},
		{"a flood in a pool with space", 0, time.Microsecond, 10, messages, kept},
		{"people talk", crowd, floodTime/kept + time.Microsecond, 10, messages, kept},
	} {
		t.Run(test.what, func(t *testing.T) {
			l, now := New(128*SegmentSize, SegmentSize), time.Unix(1000, 0)
			l.pool.inUse.Add(test.others)
			l.Retain(kept, test.replayed)
			reader := l.Join(func() {})
			b, least := NewBatch(wire.Size), messages
			write := func(n int) {
				for range n {
					put(b, alice, 0)
					now = now.Add(test.pause)
					l.Append(b, now)
					reader.Advance(l.Head())
					l.KeepFrom(min(l.Head(), Position(test.written)*wire.Size))
					if l.Head() >= kept*wire.Size {
						least = min(least, retained(l))
					}
				}
			}
			write(messages)
			if test.want < messages && least != test.want || test.want == messages && retained(l) != messages {
				t.Errorf("%d messages are retained at least, and %d in the end, want %d", least, retained(l), test.want)
			}
			test.pause, test.written = floodTime, 2*messages
			if write(kept); retained(l) < kept {
				t.Errorf("%d messages are retained after the flood, want %d", retained(l), kept)
			}
		})
	}
}

// What is packed was said before a quiet time, so it is kept in a crowded pool, too.
func TestPackedIsNotThinnedOut(t *testing.T) {
	const kept = 4 * segmentMessages
	l, now := New(128*SegmentSize, SegmentSize), time.Unix(1000, 0)
	l.pool.inUse.Add(crowd)
	l.Retain(kept, 0)
	b := NewBatch(wire.Size)
	for i := range kept + segmentMessages {
		if i < kept {
			now = now.Add(floodTime)
		} else if i == kept {
			settle(l.pool)
		}
		put(b, alice, 0)
		l.Append(b, now)
	}
	if n := retained(l); n != kept {
		t.Errorf("%d messages are retained, want %d", n, kept)
	}
}

// retained returns how many messages a client would get that has none.
func retained(l *Log) int {
	join := l.JoinAfter(0, func() {})
	defer join.Leave()
	return int(l.Head()-join.Position()) / wire.Size
}
