package broadcast

import (
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A room is held from when a reader that must not lose anything is a whole
// backlog behind, until it is within three quarters again. One that may skip
// holds nobody.
func TestHeld(t *testing.T) {
	const backlog = 8
	for _, test := range []struct {
		appended, read int
		held           bool
	}{
		{backlog - 1, 0, false},
		{backlog, 0, true},
		{backlog + 1, 0, true},
		{backlog, 1, true},
		{backlog, 2, false},
		{backlog, 8, false},
		{backlog + 1, 2, true},
		{backlog + 1, 3, false},
		{backlog - 1, 1, false},
	} {
		for _, kind := range []struct {
			what  string
			join  func(*Log, *history) (read func(messages int))
			never bool
		}{
			{"a cursor", func(l *Log, h *history) func(int) {
				c := l.Join(func() {})
				return func(n int) { c.Advance(Position(n * wire.Size)) }
			}, false},
			{"a lossless follower", func(l *Log, h *history) func(int) {
				f := newListener(l, h, false)
				return func(n int) { f.read(t, h, n) }
			}, false},
			{"a skipping follower", func(l *Log, h *history) func(int) {
				f := newListener(l, h, true)
				return func(n int) { f.read(t, h, n) }
			}, true},
		} {
			l, h := New(backlog*wire.Size, backlog*wire.Size), new(history)
			read := kind.join(l, h)
			for range test.appended {
				h.write(l, "a")
			}
			if test.read > 0 {
				read(test.read)
			}
			if want := test.held && !kind.never; l.Held() != want {
				t.Errorf("%s that read %d of %d messages: Held() = %v, want %v",
					kind.what, test.read, test.appended, l.Held(), want)
			}
		}
	}
}

// A client's time is up when, for a whole timeout, the room was held, the
// client was among those that kept it so, and it got no segment further.
func TestStall(t *testing.T) {
	const (
		s       = SegmentSize
		head    = 100 * s
		free    = false
		held    = true
		timeout = 10         // seconds
		far     = head - 4*s // a backlog behind
		near    = head - 3*s // as far behind as one may be when a hold ends
	)
	type step struct {
		at       int // seconds
		held     bool
		position Position
		exceeded bool
	}
	for _, test := range []struct {
		what  string
		steps []step
	}{
		{"stands still", []step{{0, held, far, false}, {timeout - 1, held, far, false}, {timeout, held, far, true}, {2 * timeout, held, far, true}}},
		{"is first looked at late", []step{{3600, held, far, false}, {3600 + timeout, held, far, true}}},
		{"the room is not held", []step{{0, free, far, false}, {timeout, free, far, false}, {2 * timeout, free, far, false}}},
		{"the room is held later", []step{{0, free, far, false}, {timeout, held, far, false}, {2*timeout - 1, held, far, false}, {2 * timeout, held, far, true}}},
		{"the room goes on in between", []step{{0, held, far, false}, {5, free, far, false}, {timeout, held, far, false}, {2*timeout - 1, held, far, false}, {2 * timeout, held, far, true}}},
		{"others hold the room", []step{{0, held, near, false}, {timeout, held, near, false}, {2 * timeout, held, near, false}}},
		{"a byte too far back", []step{{0, held, near - 1, false}, {timeout, held, near - 1, true}}},
		{"comes near in between", []step{{0, held, far, false}, {5, held, near, false}, {timeout, held, far, false}, {2 * timeout, held, far, true}}},
		{"gets a segment further", []step{{0, held, far - s, false}, {timeout, held, far, false}, {2*timeout - 1, held, far, false}, {2 * timeout, held, far, true}}},
		{"gets almost a segment further", []step{{0, held, far - s, false}, {timeout, held, far - 1, true}}},
		{"crawls on, a segment in all", []step{{0, held, far - s, false}, {3, held, far - s/2, false}, {6, held, far, false}, {timeout, held, far, false}, {6 + timeout, held, far, true}}},
		{"is at the head", []step{{0, held, head, false}, {timeout, held, head, false}}},
	} {
		t.Run(test.what, func(t *testing.T) {
			l := New(4*s, 0)
			l.head.Store(head)
			var stall Stall
			for i, step := range test.steps {
				l.held.Store(step.held)
				now := time.Unix(int64(step.at), 0)
				if got := stall.Exceeded(l, step.position, now, timeout*time.Second); got != step.exceeded {
					t.Fatalf("step %d, after %d s: Exceeded = %v, want %v", i, step.at, got, step.exceeded)
				}
			}
		})
	}
}

// A follower with a limit holds the room when it is that far behind, and lets
// it go on when it is within three quarters of that, or has no limit any more.
func TestLimit(t *testing.T) {
	for _, test := range []struct {
		what string
		end  func(*listener, *history)
	}{
		{"read", func(f *listener, h *history) { f.read(t, h, 1) }},
		{"raise", func(f *listener, _ *history) { f.follower.Limit(6 * wire.Size) }},
		{"none", func(f *listener, _ *history) { f.follower.Limit(0) }},
		{"leave", func(f *listener, _ *history) { f.follower.Close() }},
	} {
		t.Run(test.what, func(t *testing.T) {
			l, h := New(100*wire.Size, wire.Size), new(history)
			f := newListener(l, h, false)
			f.follower.Limit(4 * wire.Size)
			for range 4 {
				if l.Held() {
					t.Fatal("held too early")
				}
				h.write(l, "a")
			}
			if !l.Held() || !f.follower.IsHolding() {
				t.Fatal("not held by a follower at its limit")
			}
			test.end(f, h)
			if l.Held() {
				t.Fatal("still held")
			}
		})
	}
}
