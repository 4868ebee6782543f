package broadcast

import (
	"testing"

	"sop-chat/internal/wire"
)

// A reader that must not lose anything holds the room from when it is a whole
// backlog behind, until it is a segment closer, or a quarter of a small backlog. A
// reader that may skip never does.
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
				f := newModelFollower(l, h, false)
				return func(n int) { f.read(t, h, n) }
			}, false},
			{"a skipping follower", func(l *Log, h *history) func(int) {
				f := newModelFollower(l, h, true)
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

// A reader that must not lose anything presses the room from when it is half a
// backlog behind, until it is an eighth of that closer.
func TestPressed(t *testing.T) {
	const backlog = 32
	for _, test := range []struct {
		appended, read int
		pressed        bool
	}{
		{15, 0, false},
		{16, 0, true},
		{16, 1, true},
		{16, 2, false},
		{backlog, 16, true},
		{backlog, 17, true},
		{backlog, 18, false},
	} {
		l, h := New(backlog*wire.Size, backlog*wire.Size), new(history)
		c := l.Join(func() {})
		for range test.appended {
			h.write(l, "a")
		}
		c.Advance(Position(test.read * wire.Size))
		if l.Pressed() != test.pressed {
			t.Errorf("%d of %d messages are read: Pressed() = %v", test.read, test.appended, l.Pressed())
		}
	}
}

// A follower with a limit holds the room when it is that far behind, until it is
// within three quarters of that, or no longer has a limit.
func TestLimit(t *testing.T) {
	for _, test := range []struct {
		what string
		end  func(*modelFollower, *history)
	}{
		{"read", func(f *modelFollower, h *history) { f.read(t, h, 1) }},
		{"raise", func(f *modelFollower, _ *history) { f.follower.Limit(6 * wire.Size) }},
		{"none", func(f *modelFollower, _ *history) { f.follower.Limit(0) }},
		{"leave", func(f *modelFollower, _ *history) { f.follower.Close() }},
	} {
		t.Run(test.what, func(t *testing.T) {
			l, h := New(100*wire.Size, wire.Size), new(history)
			f := newModelFollower(l, h, false)
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

// A follower that will leave messages out does not press the room before it holds
// it, however far behind it is.
func TestHoldsOnly(t *testing.T) {
	const backlog = 32
	l, h := New(backlog*wire.Size, backlog*wire.Size), new(history)
	c := l.Join(func() {})
	f := newModelFollower(l, h, false)
	f.follower.Limit(0)
	for range backlog - 1 {
		h.write(l, "a")
	}
	if !l.Pressed() {
		t.Fatal("not pressed by the cursor")
	}
	c.Advance(l.Head())
	if l.Pressed() {
		t.Error("pressed by a follower that only holds")
	}
	c.Advance(l.Head() - backlog/2*wire.Size) // like a member that joins further back
	h.write(l, "a")
	if !l.Held() || !l.Pressed() {
		t.Fatalf("Held() = %v, Pressed() = %v with a follower at its limit", l.Held(), l.Pressed())
	}
	c.Advance(l.Head() - wire.Size)
	f.read(t, h, 1)
	if !l.Held() || !l.Pressed() {
		t.Error("a room that is held is no longer pressed")
	}
	f.read(t, h, backlog/4)
	if l.Held() || l.Pressed() {
		t.Errorf("Held() = %v, Pressed() = %v after the follower has read", l.Held(), l.Pressed())
	}
	if free := l.Space(); free < (backlog-2)*wire.Size {
		t.Errorf("Space() = %d, want that of the cursor alone", free)
	}
}

// An Append that ends a hold wakes all readers. What its caller wakes is not always
// enough: with a gate that is the gate alone, which may have published everything
// before the hold began, and a loop may have paused a connection since.
func TestAppendEndsHold(t *testing.T) {
	const backlog = 8
	l, h := New(backlog*wire.Size, backlog*wire.Size), new(history)
	woken := 0
	loop := l.Join(func() { woken++ })
	reader := l.Join(func() {})
	for range backlog {
		h.write(l, "a")
	}
	loop.Advance(l.Head())
	if !l.Held() || woken != 0 {
		t.Fatalf("Held() = %v and the loop is woken %d times, before the hold ends", l.Held(), woken)
	}
	// An Append takes the lock between the two steps of Advance. The room stays
	// pressed, or Append would leave the hold to the second step.
	reader.at.Store(3 * wire.Size)
	h.write(l, "a")
	l.reconsider()
	if l.Held() || woken == 0 {
		t.Fatalf("Held() = %v and the loop is woken %d times, after the hold ended", l.Held(), woken)
	}
}
