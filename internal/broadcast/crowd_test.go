package broadcast

import (
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// In a crowded pool, a log that is flooded retains what is replayed alone, and has no memory
// while there is nothing in it. If the pool is not crowded, or people talk, it retains all
// that it is to retain. What comes after the flood is retained again.
func TestFloodIsThinnedOut(t *testing.T) {
	const kept, messages, pause = 4 * segmentMessages, 20 * segmentMessages, floodTime / floodMessages / 2
	for _, test := range []struct {
		what     string
		others   int64 // logs that use memory
		pause    time.Duration
		replayed int
		written  int // messages in the file
		want     int // the fewest that are retained at any time
	}{
		{"a flood", crowd, pause, 0, messages, 0},
		{"a flood of which some is replayed", crowd, pause, 10, messages, 10},
		{"a flood that is in no file", crowd, pause, 10, 0, messages},
		{"a flood in a pool with space", 0, pause, 10, messages, kept},
		{"people talk", crowd, 2*pause + 100*time.Microsecond, 10, messages, kept},
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
					l.Yield()
					if l.Head() >= kept*wire.Size {
						n := retained(l)
						least = min(least, n)
						if segments := l.nextLive - l.firstLive; n == 0 && segments > 0 {
							t.Fatalf("a log that retains nothing has %d segments", segments)
						}
					}
				}
			}
			write(messages)
			if test.want < messages && least != test.want || test.want == messages && retained(l) != messages {
				t.Errorf("%d messages are retained at least, and %d in the end, want %d", least, retained(l), test.want)
			}
			test.pause, test.written = floodTime, 2*messages
			if write(kept + 1); retained(l) < kept {
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
	for i := range kept + 3*segmentMessages {
		if i == kept {
			settle(l.pool)
		}
		put(b, alice, 0)
		l.Append(b, now)
		l.Yield()
		now = now.Add(floodTime / floodMessages / 2)
		if i < kept {
			now = now.Add(floodTime)
		}
	}
	if l.Yield(); !l.inflow.isFlood {
		t.Error("the log is not flooded")
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
