package broadcast

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

// Next waits for what comes first: a message, a notice, the log's end, or the end
// of the caller's context. After that it can be called again.
func TestNextWaits(t *testing.T) {
	for _, test := range []struct {
		what string
		do   func(*Log, *history, context.CancelFunc)
		n    int
		err  error
	}{
		{"message", func(l *Log, h *history, _ context.CancelFunc) { h.write(l, "a"); l.Wake(nil) }, 1, nil},
		{"notice", func(l *Log, h *history, _ context.CancelFunc) { h.announce(l) }, 1, nil},
		{"end", func(l *Log, _ *history, _ context.CancelFunc) { l.Close() }, 0, io.EOF},
		{"cancel", func(_ *Log, _ *history, cancel context.CancelFunc) { cancel() }, 0, context.Canceled},
		{"wake-up for nothing, then cancel", func(l *Log, _ *history, cancel context.CancelFunc) {
			l.Wake(nil)
			synctest.Wait()
			cancel()
		}, 0, context.Canceled},
	} {
		t.Run(test.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, h := New(SegmentSize, SegmentSize), new(history)
				f := newModelFollower(l, h, false)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				n, err, returned := 0, error(nil), false
				go func() {
					n, err = f.follower.Next(ctx, f.entries)
					returned = true
				}()
				synctest.Wait()
				if returned {
					t.Fatalf("Next returned %d, %v with nothing to read", n, err)
				}
				test.do(l, h, cancel)
				synctest.Wait()
				if !returned || n != test.n || !errors.Is(err, test.err) {
					t.Fatalf("Next returned: %v, with %d, %v; want %d, %v", returned, n, err, test.n, test.err)
				}
				for i := range f.entries[:n] {
					f.compare(t, h, &f.entries[i])
				}
				if test.err != io.EOF {
					h.write(l, "b")
					f.read(t, h, 10)
				}
			})
		})
	}
}

// When a message and the end of the caller's context come together, nothing is
// lost, and no wake-up is left over.
func TestNextCancelledWhenWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, h := New(SegmentSize, SegmentSize), new(history)
		f := newModelFollower(l, h, false)
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			var n int
			go func() { n, _ = f.follower.Next(ctx, f.entries) }()
			synctest.Wait()
			h.write(l, "a")
			cancel()
			l.Wake(nil)
			synctest.Wait()
			if f.follower.canBeWoken() {
				t.Fatal("a follower that is awake can still be woken")
			}
			for i := range f.entries[:n] {
				f.compare(t, h, &f.entries[i])
			}
			f.read(t, h, 10)
		}
	})
}

// A log has followers or not; cursors are none.
func TestFollowed(t *testing.T) {
	l := New(SegmentSize, SegmentSize)
	l.Join(func() {})
	if l.Followed() {
		t.Error("a log is followed by a cursor")
	}
	for _, follow := range []func() *Follower{l.FollowLossless, l.FollowSkipping} {
		f := follow()
		if !l.Followed() {
			t.Error("a log is not followed by its follower")
		}
		f.Close()
		if l.Followed() {
			t.Error("a log is followed by a follower that has left")
		}
	}
}

// A follower reads a closed log to its end, and then io.EOF as often as it asks.
func TestNextAfterClose(t *testing.T) {
	l, h := New(SegmentSize, SegmentSize), new(history)
	f := newModelFollower(l, h, false)
	h.write(l, "abc")
	h.announce(l)
	l.Close()
	for range 4 {
		f.read(t, h, 1)
	}
	for range 3 {
		if n, err := f.follower.Next(t.Context(), f.entries); n != 0 || err != io.EOF {
			t.Fatalf("Next at the end returns %d, %v; want 0, EOF", n, err)
		}
		if f.follower.canBeWoken() {
			t.Fatal("a follower that is awake can still be woken")
		}
	}
}

// When memory is needed, a follower that may skip is moved out of the oldest
// quarter of the log. It is told how much it missed, in parts between the notices,
// which it does not miss.
func TestGap(t *testing.T) {
	l, h := New(4*SegmentSize, 3*SegmentSize), new(history)
	l.Join(func() {}).Leave()
	f := newModelFollower(l, h, true)
	h.announce(l)
	h.write(l, strings.Repeat("a", 100))
	h.announce(l)
	h.write(l, strings.Repeat("b", 8*segmentMessages-100)) // the log is full
	if f.follower.cursor.Position() != 0 {
		t.Fatal("the follower was moved before memory was needed")
	}
	h.write(l, "c")
	entries := make([]Entry, 5)
	if n, err := f.follower.Next(t.Context(), entries); n != len(entries) || err != nil {
		t.Fatalf("Next returns %d, %v", n, err)
	}
	for i, want := range []struct {
		skipped uint64
		notice  bool
	}{{0, true}, {100, false}, {0, true}, {2*segmentMessages - 100, false}, {0, false}} {
		e := &entries[i]
		if e.Skipped != want.skipped || (e.Notice != nil) != want.notice {
			t.Errorf("entry %d: %d skipped, notice %v; want %+v", i, e.Skipped, e.Notice, want)
		}
		f.compare(t, h, e)
	}
}

// When memory is needed for a batch as large as the log itself, a follower that
// may skip loses no more than what was there before, and one that must not lose
// anything loses nothing.
func TestGapEndsAtTheHead(t *testing.T) {
	const segment = segmentMessages
	l, h := New(SegmentSize, 7*SegmentSize), new(history)
	lossless, skipping := newModelFollower(l, h, false), newModelFollower(l, h, true)
	h.write(l, strings.Repeat("a", segment*3/2))
	lossless.read(t, h, segment*3/2)
	h.write(l, strings.Repeat("b", segment-1)) // one more would hold the room
	before := len(h.messages)
	h.write(l, strings.Repeat("c", 7*segment))
	if n, err := skipping.follower.Next(t.Context(), skipping.entries[:1]); n != 1 || err != nil {
		t.Fatalf("Next returns %d, %v", n, err)
	}
	if got := skipping.entries[0].Skipped; got != uint64(before) {
		t.Fatalf("%d messages were skipped, want %d", got, before)
	}
	skipping.compare(t, h, &skipping.entries[0])
	for lossless.read(t, h, 200) || skipping.read(t, h, 200) {
	}
}

// When there are more notices than the log keeps, a follower is told how many it
// missed right before the first that it gets.
func TestNoticesOverwritten(t *testing.T) {
	for _, notices := range []int{noticesKept - 1, noticesKept, noticesKept + 1, 2*noticesKept + 5} {
		l, h := New(SegmentSize, SegmentSize), new(history)
		f := newModelFollower(l, h, false)
		h.write(l, "a")
		for range notices {
			h.announce(l)
		}
		h.write(l, "b")
		entries := make([]Entry, 2)
		if n, err := f.follower.Next(t.Context(), entries); n != 2 || err != nil {
			t.Fatalf("Next returns %d, %v", n, err)
		}
		want := uint64(max(0, notices-noticesKept))
		if entries[0].From != alice || entries[1].SkippedNotices != want {
			t.Fatalf("of %d notices %d were skipped, want %d, after a message", notices, entries[1].SkippedNotices, want)
		}
		for i := range entries {
			f.compare(t, h, &entries[i])
		}
		for f.read(t, h, 200) {
		}
	}
}
