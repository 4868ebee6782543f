package broadcast

import (
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A message whose name is its sender's, blanks around it aside, is passed over; so
// are the reader's own. The others are found one by one, in whatever segment.
func TestNextOtherName(t *testing.T) {
	l := New(1000*wire.Size, 1000*wire.Size)
	eve, alice := &Sender{Name: "eve"}, &Sender{Name: "alice"}
	l.Join(func() {})
	b := NewBatch(wire.Size)
	say := func(from *Sender, name string) {
		m, err := wire.New(name, "hi")
		if err != nil {
			t.Fatal(err)
		}
		b.Add(from, copy(b.Free(), m[:]))
		l.Append(b, time.Time{})
	}
	const at = 2*segmentMessages - 1 // the last of a segment
	for range at {
		say(eve, " eve ")
	}
	say(eve, "alice")
	say(alice, "alic")
	say(alice, "alice")
	say(eve, "eve2")
	for _, test := range []struct {
		from, to uint64
		except   *Sender
		want     uint64
	}{
		{0, at + 4, nil, at},
		{at, at + 4, nil, at},
		{at + 1, at + 4, nil, at + 1},
		{at + 2, at + 4, nil, at + 3},
		{0, at + 4, eve, at + 1},
		{at + 2, at + 4, eve, at + 4},
		{0, at, nil, at},
		{5, 5, nil, 5},
	} {
		if got := l.NextOtherName(Position(test.from*wire.Size), Position(test.to*wire.Size), test.except); got != Position(test.want*wire.Size) {
			t.Errorf("from %d to %d: %d, want %d", test.from, test.to, got/wire.Size, test.want)
		}
	}
}
