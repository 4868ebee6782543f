package broadcast

import (
	"fmt"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// The cost of appending a batch while a reader keeps up.
func BenchmarkAppend(b *testing.B) {
	for _, messages := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("messages=%d", messages), func(b *testing.B) {
			l := New(32<<20, 1<<20)
			reader := l.Join(func() {})
			batch := NewBatch(messages * wire.Size)
			now := time.Unix(0, 0)
			b.SetBytes(int64(messages * wire.Size))
			b.ReportAllocs()
			for b.Loop() {
				batch.Add(alice, messages*wire.Size)
				l.Append(batch, now)
				reader.Advance(l.Head())
			}
		})
	}
}

// The cost of finding what to send a client of 256 messages, two segments, some of
// which are its own.
func BenchmarkGather(b *testing.B) {
	const messages = 2 * segmentMessages
	for _, test := range []struct {
		what string
		own  int // one message in that many is alice's
		self *Sender
	}{
		{"all", 4, nil},
		{"own=none", messages + 1, alice},
		{"own=1of16", 16, alice},
		{"own=1of4", 4, alice},
		{"own=1of2", 2, alice},
	} {
		b.Run(test.what, func(b *testing.B) {
			l := New(4*SegmentSize, 0)
			l.Join(func() {})
			batch := NewBatch(messages * wire.Size)
			for i := range messages {
				from := bob
				if i%test.own == test.own-1 {
					from = alice
				}
				batch.Add(from, wire.Size)
			}
			l.Append(batch, time.Unix(0, 0))
			stretches := make([][]byte, 0, messages)
			b.ReportAllocs()
			for b.Loop() {
				stretches, _ = l.Gather(stretches[:0], 0, l.Head(), test.self)
			}
			b.ReportMetric(float64(len(stretches)), "stretches/op")
		})
	}
}

// The cost of copying a batch to a follower.
func BenchmarkNext(b *testing.B) {
	for _, messages := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("messages=%d", messages), func(b *testing.B) {
			l := New(32<<20, 1<<20)
			f := l.FollowLossless()
			batch := NewBatch(messages * wire.Size)
			now := time.Unix(0, 0)
			entries := make([]Entry, messages)
			b.SetBytes(int64(messages * wire.Size))
			b.ReportAllocs()
			for b.Loop() {
				batch.Add(alice, messages*wire.Size)
				l.Append(batch, now)
				if n, err := f.Next(b.Context(), entries); n != messages || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// The cost of a message in a room that has nothing else for a while, and of a reader that
// is then sent what was said before.
func BenchmarkSettle(b *testing.B) {
	for _, joins := range []bool{false, true} {
		b.Run(fmt.Sprintf("joins=%v", joins), func(b *testing.B) {
			const kept = 512
			l := New(32<<20, 1<<20)
			l.Retain(kept, kept)
			batch, now := NewBatch(wire.Size), time.Unix(0, 0)
			step := func() {
				var m wire.Message
				copy(m[:], "alice")
				copy(m[wire.NameSize:], "did the build pass, or is it still running?")
				batch.Add(alice, copy(batch.Free(), m[:]))
				l.Append(batch, now)
				if joins {
					l.JoinBack(func() {}).Leave()
				}
				settle(l.pool)
			}
			for range 2 * kept {
				step()
			}
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}
