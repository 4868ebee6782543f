//go:build linux

package server

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// When very many rooms are flooded, one after the other is read, written to, and gives its
// memory to the next.
func TestFloodedRoomsShareMemory(t *testing.T) {
	const rooms, flood = 100, 150
	memory := new(peakMemory)
	pool := broadcast.NewPool(memory)
	f := newFanOut(t, 0, raw)
	var all []*Room
	var members []receiver
	got := 0
	turn := func() {
		f.turn()
		for _, m := range members {
			for n := 1; n > 0; got += max(n, 0) {
				n, _ = unix.Read(m.fd, f.scratch)
			}
		}
	}
	for range rooms {
		f.room = newRoom(RoomConfig{Key: "key", Backlog: 1 << 20, Kept: 100}, 1, pool)
		t.Cleanup(f.room.log.Close)
		all, members = append(all, f.room), append(members, f.join(raw), f.join(raw))
	}
	batch := broadcast.NewBatch(flood * wire.Size)
	for at := time.Now().Add(-2 * time.Second); at.Before(time.Now()); at = at.Add(time.Second) {
		for _, r := range all {
			batch.Add(new(broadcast.Sender), copy(batch.Free(), fanOutMessages(flood)))
			r.log.Append(batch, at)
			r.log.Wake(nil)
		}
		turn()
	}
	memory.most = 0
	for i := range all {
		if _, err := unix.Write(members[2*i].fd, fanOutMessages(1)); err != nil {
			t.Fatal(err)
		}
	}
	turn()
	if memory.taken > 0 || memory.most != 1 {
		t.Errorf("%d rooms take %d segments, and keep %d", rooms, memory.most, memory.taken)
	}
	if want := rooms * (2*3*flood + 1) * wire.Size; got != want {
		t.Errorf("the clients have received %d bytes, want %d", got, want)
	}
}

// A peakMemory counts the segments that are taken, and those that were at the same time at most.
type peakMemory struct{ taken, most int }

func (m *peakMemory) Take([]byte) []byte {
	m.taken++
	m.most = max(m.most, m.taken)
	return make([]byte, broadcast.SegmentSize)
}

func (m *peakMemory) Give([]byte, bool) { m.taken-- }
