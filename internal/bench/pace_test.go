package bench

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The timetable of a simple case.
func TestPace(t *testing.T) {
	p := pace{rate: 1000, senders: 2, end: 10 * time.Millisecond}
	for _, test := range []struct {
		now           time.Duration
		first, second uint32
		next          time.Duration
	}{
		{-1, 0, 0, 0},
		{0, 1, 0, time.Millisecond},
		{time.Millisecond - 1, 1, 0, time.Millisecond},
		{time.Millisecond, 1, 1, 2 * time.Millisecond},
		{2 * time.Millisecond, 2, 1, 3 * time.Millisecond},
		{9 * time.Millisecond, 5, 5, 10 * time.Millisecond},
		{time.Hour, 5, 5, 10 * time.Millisecond},
	} {
		if got := p.due(0, test.now); got != test.first {
			t.Errorf("at %v, %d of the first sender are due, want %d", test.now, got, test.first)
		}
		if got := p.due(1, test.now); got != test.second {
			t.Errorf("at %v, %d of the second sender are due, want %d", test.now, got, test.second)
		}
		if got := p.next(test.now); got != test.next {
			t.Errorf("at %v, the next is due at %v, want %v", test.now, got, test.next)
		}
	}
}

// A message is due from its time on, and not a moment earlier; all senders
// together keep the rate, whatever it is.
func TestPaceKeepsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pace{
			rate:    rapid.Uint64Range(1, 100_000_000).Draw(t, "rate"),
			senders: rapid.Uint64Range(1, 1000).Draw(t, "senders"),
			end:     1000 * time.Hour,
		}
		sender := rapid.IntRange(0, int(p.senders)-1).Draw(t, "sender")
		number := rapid.Uint32Range(0, 1000).Draw(t, "number")
		at := p.at(sender, number)
		if got := p.due(sender, at); got < number+1 {
			t.Fatalf("at %v, only %d are due", at, got)
		}
		// Of a fast rate, several may be due at the same nanosecond.
		if got := p.due(sender, at-1); got > number {
			t.Fatalf("just before %v, %d are due already", at, got)
		}
		now := time.Duration(rapid.Int64Range(0, int64(p.end-1)).Draw(t, "now"))
		if p.all(now) < 1<<32 { // or a sender may have more than it can number
			var all uint64
			for s := range int(p.senders) {
				all += uint64(p.due(s, now))
			}
			if all != p.all(now) {
				t.Fatalf("by %v, the senders have %d due, want %d", now, all, p.all(now))
			}
		}
		if next := p.next(now); next <= now && p.all(next) <= p.all(now) {
			t.Fatalf("after %v, the next is due at %v", now, next)
		}
	})
}

// So many messages of a sender are on their way, however they are received.
func TestWindow(t *testing.T) {
	for _, size := range []int{1, 2, 3, 64, 100} {
		w := newWindow(size)
		var sent uint32
		for range 1000 {
			if got := w.free(sent); got != uint32(size) {
				t.Fatalf("window %d: %d may be sent when all is received", size, got)
			}
			first := sent
			for range size {
				w.sent(sent, 2)
				sent++
			}
			w.received(first, uint32(size))
			if got := w.free(sent); got != 0 {
				t.Fatalf("window %d: %d may be sent when one client lacks all", size, got)
			}
			w.received(first, 1)
			if got := w.free(sent); got != 1 {
				t.Fatalf("window %d: %d may be sent when both have received one", size, got)
			}
			w.received(first+1, uint32(size)-1)
		}
	}
}
