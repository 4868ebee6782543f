//go:build linux

package server

import (
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A room that has much to send leaves off after a while, and another has its turn; in the
// end all of it is sent.
func TestRoomsTakeTurns(t *testing.T) {
	const receivers, messages = 20, 128
	f := newFanOut(t, receivers, raw)
	f.loop.common.output.limits.quantum = 2 * messages * wire.Size
	quiet := newRoom(RoomConfig{Key: "quiet", Backlog: 1 << 20}, 1, newPool(nil))
	t.Cleanup(quiet.log.Close)
	flooded := f.room
	f.room = quiet
	talks, listens := f.join(raw), f.join(raw)
	f.room = flooded

	has := func(r receiver) int {
		n, _ := unix.Read(r.fd, f.scratch)
		return max(n, 0)
	}
	if _, err := unix.Write(f.sender, fanOutMessages(messages)); err != nil {
		t.Fatal(err)
	}
	f.turn()
	if _, err := unix.Write(talks.fd, fanOutMessages(1)); err != nil {
		t.Fatal(err)
	}
	f.turn()
	if has(listens) != wire.Size {
		t.Error("the quiet room waits for the other")
	}
	waiting, got := 0, make([]int, receivers)
	for i, r := range f.receivers {
		if got[i] = has(r); got[i] == 0 {
			waiting++
		}
	}
	if waiting == 0 || waiting > receivers-3 {
		t.Errorf("%d of %d receivers wait after two turns", waiting, receivers)
	}
	for range receivers {
		f.loop.kernel.Wake() // or it waits when all is sent
		f.turn()
		for i, r := range f.receivers {
			got[i] += has(r)
		}
	}
	for i := range got {
		if got[i] != messages*wire.Size {
			t.Errorf("receiver %d has %d bytes", i, got[i])
		}
	}
}

// What came while the room had left off is sent in the next turn, and not only when
// something else happens.
func TestRoomGoesOnWithWhatCame(t *testing.T) {
	f := newFanOut(t, 3, raw)
	a := f.loop.audiences.of(f.room)
	f.loop.update(time.Now(), never)
	f.loop.audiences.touch(a)
	batch := broadcast.NewBatch(wire.Size)
	say := func() {
		batch.Add(new(broadcast.Sender), copy(batch.Free(), fanOutMessages(1)))
		f.room.log.Append(batch, time.Now())
	}
	say()
	a.output.left = 1
	a.flush()
	if !a.hasLeftOff {
		t.Fatal("all is sent at once")
	}
	say()
	a.output.left = math.MaxInt
	a.flush() // to where it was to send when it left off
	if a.mustFlush() && a.deadline() == never {
		t.Error("the loop waits with something to send")
	}
	if a.flush(); a.mustFlush() || a.hasLeftOff {
		t.Error("not all is sent")
	}
	f.loop.audiences.settle()
}
