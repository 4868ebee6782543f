package broadcast_test

import (
	"encoding/binary"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// What comes back among the messages of others, in any batches, is found, and nothing else
// is; and until then it can be copied. What is void does not come back, is passed, and is not
// copied.
func TestReturned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := broadcast.New(1<<20, 1<<20)
		cursor := l.Join(func() {})
		own := []*broadcast.Sender{{ID: 1, Name: "a"}, {ID: 2, Name: "b"}, {Name: "server"}}
		foreign := []*broadcast.Sender{{ID: 1, Name: "a"}, {Name: "server"}}
		batch := broadcast.NewBatch(64 * wire.Size)
		said, back := []*broadcast.Sender{}, 0
		void := broadcast.Voids{}
		pass := func() {
			for back < len(said) {
				if _, is := void[said[back]]; !is {
					break
				}
				back++
			}
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			for range rapid.IntRange(0, 200).Draw(t, "said") {
				binary.BigEndian.PutUint64(batch.Free(), uint64(len(said)))
				said = append(said, rapid.SampledFrom(own).Draw(t, "sender"))
				batch.Add(said[len(said)-1], wire.Size)
				if len(batch.Free()) == 0 {
					l.Append(batch, time.Unix(7, 0))
				}
			}
			l.Append(batch, time.Unix(7, 0))
			if rapid.IntRange(0, 10).Draw(t, "is void") == 0 {
				void[rapid.SampledFrom(own).Draw(t, "void")] = struct{}{}
			}
			checkUnreturned(t, l, cursor.Position(), said, back, void)
			pass()
			if to := l.Pass(cursor.Position(), void); int(to) != back*wire.Size {
				t.Fatalf("%d messages are back or void, and %d are passed", back, to/wire.Size)
			}
			for len(batch.Free()) > 0 && rapid.IntRange(0, 20).Draw(t, "more") > 0 {
				if from := rapid.SampledFrom(foreign).Draw(t, "foreign"); back == len(said) || rapid.Bool().Draw(t, "is foreign") {
					batch.Add(from, wire.Size)
					continue
				}
				batch.Add(said[back], wire.Size)
				back++
				pass()
			}
			to := l.Returned(cursor.Position(), batch, void)
			if int(to) != back*wire.Size {
				t.Fatalf("%d messages are back, and %d are found to be", back, to/wire.Size)
			}
			cursor.Advance(to)
			batch.Reset()
		}
	})
}

// checkUnreturned checks the messages that have not come back.
func checkUnreturned(t *rapid.T, l *broadcast.Log, from broadcast.Position, said []*broadcast.Sender, back int, void broadcast.Voids) {
	var left []int
	for i := back; i < len(said); i++ {
		if _, is := void[said[i]]; !is {
			left = append(left, i)
		}
	}
	skip := rapid.IntRange(0, 3).Draw(t, "skip")
	left = left[min(skip, len(left)):]
	entries := make([]broadcast.Entry, rapid.IntRange(0, 300).Draw(t, "space"))
	n := l.Copy(entries, from, skip, void)
	if want := min(len(entries), len(left)); n != want {
		t.Fatalf("%d messages are copied, want %d", n, want)
	}
	for i, e := range entries[:n] {
		if number := binary.BigEndian.Uint64(e.Message[:]); number != uint64(left[i]) || e.From != said[left[i]] || !e.Time.Equal(time.Unix(7, 0)) {
			t.Fatalf("message %d of %v at %v is copied, want %d of %v", number, e.From, e.Time, left[i], said[left[i]])
		}
	}
}
