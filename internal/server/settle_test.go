//go:build linux

package server

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A countedMemory counts the segments that are taken.
type countedMemory struct{ taken atomic.Int64 }

func (m *countedMemory) Take([]byte) []byte {
	m.taken.Add(1)
	return make([]byte, broadcast.SegmentSize)
}

func (m *countedMemory) Give([]byte, bool) { m.taken.Add(-1) }

// A room in which nothing is said gives its memory back, each time, and what it replays
// is still there.
func TestIdleRoomsHoldNoSegments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(countedMemory)
		s := &Server{pool: broadcast.NewPool(m)}
		room := newRoom(RoomConfig{Backlog: 1 << 20, Replay: 20, Kept: 200}, 1, s.pool)
		ctx, cancel := context.WithCancel(t.Context())
		go s.settle(ctx)
		b := broadcast.NewBatch(100 * wire.Size)
		for range 3 {
			b.Add(new(broadcast.Sender), 100*wire.Size)
			room.log.Append(b, time.Now())
			if m.taken.Load() == 0 {
				t.Fatal("the messages are in no segment")
			}
			time.Sleep(3 * settleInterval)
			if n := m.taken.Load(); n != 0 {
				t.Fatalf("after %v without a message, the room holds %d segments", 3*settleInterval, n)
			}
			time.Sleep(time.Hour)
		}
		c := room.log.JoinBack(func() {})
		if got := (room.log.Head() - c.Position()) / wire.Size; got != 20 {
			t.Errorf("%d messages are replayed, want 20", got)
		}
		c.Leave()
		cancel()
		synctest.Wait()
	})
}
