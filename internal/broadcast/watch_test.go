package broadcast_test

import (
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A watcher is told when a hold or the pressure ends, whatever ends it, and not of messages,
// nor after it has left.
func TestWatch(t *testing.T) {
	const backlog = 4 * broadcast.SegmentSize
	l := broadcast.New(backlog, broadcast.SegmentSize)
	told, others := 0, 0
	w := l.Watch(func() { told++ })
	l.Watch(func() { others++ })
	sender, batch := new(broadcast.Sender), broadcast.NewBatch(broadcast.SegmentSize)
	slow, at := l.Join(func() {}), broadcast.Position(0)
	say := func(bytes int) {
		batch.Add(sender, bytes)
		l.Append(batch, time.Time{})
		l.Wake(nil)
	}
	for _, step := range []struct {
		what string
		do   func()
		want int
	}{
		{"messages come", func() { say(wire.Size) }, 0},
		{"the room is pressed, and then held", func() {
			for !l.Held() {
				say(broadcast.SegmentSize)
			}
		}, 0},
		{"the reader takes nearly nothing", func() { at += wire.Size; slow.Advance(at) }, 0},
		{"the reader ends the hold", func() { at += 2 * broadcast.SegmentSize; slow.Advance(at) }, 1},
		{"the reader ends the pressure", func() { slow.Advance(l.Head()) }, 2},
		{"the room is held again", func() {
			for !l.Held() {
				say(broadcast.SegmentSize)
			}
		}, 2},
		{"the reader leaves", slow.Leave, 3},
	} {
		if step.do(); told != step.want || others != told {
			t.Errorf("%s: the watchers were told %d and %d times, want %d", step.what, told, others, step.want)
		}
	}
	w.Leave()
	late := l.Join(func() {})
	for !l.Held() {
		say(broadcast.SegmentSize)
	}
	late.Leave()
	if told != 3 || others != 4 {
		t.Errorf("after one has left, the watchers were told %d and %d times, want 3 and 4", told, others)
	}
}
