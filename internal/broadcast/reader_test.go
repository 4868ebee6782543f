package broadcast

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strconv"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// A client reads a log's memory as a connection of an event loop does, any number
// of bytes at a time, and checks it against the history.
type client struct {
	self   *Sender // whose messages it must not get; nil: it gets all
	at     Position
	next   int // the number of the message it must get next
	offset int // how many bytes of that it has
}

func newClient(h *history, self *Sender) *client {
	return &client{self: self, at: h.head(), next: h.published()}
}

// read gathers up to a position, in at most that many stretches, and takes as many
// of the bytes as take returns.
func (c *client) read(t rapid.TB, l *Log, h *history, to Position, most int, take func(total int) int) {
	t.Helper()
	stretches, end := l.Gather(make([][]byte, 0, most), c.at, to, c.self)
	borders, wantEnd := h.stretches(c.at, to, c.self, most)
	if len(stretches) != len(borders) || end != wantEnd {
		t.Fatalf("Gather from %d to %d: %d stretches to %d, want %d to %d",
			c.at, to, len(stretches), end, len(borders), wantEnd)
	}
	total := 0
	for i, s := range stretches {
		if want := int(borders[i][1] - borders[i][0]); len(s) != want {
			t.Fatalf("Gather from %d to %d: stretch %d has %d bytes, want %d", c.at, to, i, len(s), want)
		}
		total += len(s)
	}
	n := take(total)
	rest := n
	for _, s := range stretches {
		k := min(rest, len(s))
		c.compare(t, h, s[:k])
		rest -= k
	}
	reached := c.at
	if n > 0 {
		reached = Position(c.next)*wire.Size + Position(c.offset)
	}
	if got := l.Advance(c.at, n, c.self); got != reached {
		t.Fatalf("Advance from %d by %d is %d, want %d", c.at, n, got, reached)
	}
	c.at = reached
	if n == total {
		c.at = end
	}
}

// compare checks that a piece is what the client must get next.
func (c *client) compare(t rapid.TB, h *history, piece []byte) {
	t.Helper()
	for len(piece) > 0 {
		for c.offset == 0 && h.messages[c.next].from == c.self {
			c.next++
		}
		m := h.message(c.next)
		want := m[c.offset:min(c.offset+len(piece), wire.Size)]
		if !bytes.Equal(piece[:len(want)], want) {
			t.Fatalf("the bytes from %d on of message %d are wrong", c.offset, c.next)
		}
		piece = piece[len(want):]
		if c.offset += len(want); c.offset == wire.Size {
			c.next, c.offset = c.next+1, 0
		}
	}
}

// A modelFollower is a follower that is checked against the history.
type modelFollower struct {
	follower   *Follower
	group      string
	maySkip    bool
	isAhead    bool
	limit      uint64 // how far it may be behind before the room is held
	holdsOnly  bool   // it does not press the room before
	next       int    // the number of the message it must get next
	nextNotice int    // and of the notice
	entries    []Entry
}

func newModelFollower(l *Log, h *history, maySkip bool) *modelFollower {
	f := &modelFollower{
		maySkip:    maySkip,
		next:       h.published(),
		nextNotice: len(h.notices),
		entries:    make([]Entry, 200), // reused, as readers do
	}
	f.group = strconv.Itoa(rand.Int())
	f.follow(l)
	return f
}

// follow has the follower follow a log, which may be another that goes on with the former.
func (f *modelFollower) follow(l *Log) {
	g := NewGroup().Named(f.group)
	switch {
	case f.isAhead:
		f.follower = g.FollowAhead(l, nil)
	case f.maySkip:
		f.follower = g.FollowSkipping(l, nil)
	default:
		f.follower = g.FollowLossless(l, nil)
	}
}

// newGate returns a follower that is the log's gate.
func newGate(l *Log, h *history) *modelFollower {
	f := &modelFollower{group: "gate", isAhead: true, next: len(h.messages), entries: make([]Entry, 200)}
	f.follow(l)
	return f
}

// visibleEnd returns how many messages the follower may see.
func (f *modelFollower) visibleEnd(h *history) int {
	if f.isAhead {
		return len(h.messages)
	}
	return h.published()
}

// isDue reports whether the follower has something to read, if the next notice
// that it gets is the given one.
func (f *modelFollower) isDue(h *history, notice int) bool {
	return f.next < f.visibleEnd(h) || notice < len(h.notices) && h.notices[notice].before <= f.visibleEnd(h)
}

// read calls Next once, for at most that many entries, and reports whether there
// were any. It never waits.
func (f *modelFollower) read(t rapid.TB, h *history, most int) bool {
	t.Helper()
	atOnce, cancel := context.WithCancel(context.Background())
	cancel()
	n, err := f.follower.Next(atOnce, f.entries[:most])
	// A notice that is no longer kept may have been taken from the log before.
	may, must := f.isDue(h, f.nextNotice), f.isDue(h, max(f.nextNotice, len(h.notices)-noticesKept))
	if n == 0 && (must || !errors.Is(err, context.Canceled)) {
		t.Fatalf("Next with something to read: 0, %v", err)
	}
	if n > 0 && (!may || err != nil) {
		t.Fatalf("Next with nothing to read: %d, %v; want 0, %v", n, err, context.Canceled)
	}
	for i := range f.entries[:n] {
		f.compare(t, h, &f.entries[i])
	}
	return n > 0
}

// compare checks that an entry is what the follower must get next: entries come in
// order, and what is skipped is counted where it was.
func (f *modelFollower) compare(t rapid.TB, h *history, e *Entry) {
	t.Helper()
	due := len(h.messages) // the message before which the next notice that is kept stands
	if next := max(f.nextNotice, len(h.notices)-noticesKept); next < len(h.notices) {
		due = h.notices[next].before
	}
	switch {
	case e.Skipped > 0:
		f.next += int(e.Skipped)
		if !f.maySkip || f.next > f.visibleEnd(h) {
			t.Fatalf("a gap of %d ends before message %d of %d", e.Skipped, f.next, len(h.messages))
		}
		if due < f.next {
			t.Fatalf("a gap ends before message %d, past a notice before %d", f.next, due)
		}
	case e.SkippedNotices > 0:
		f.nextNotice += int(e.SkippedNotices)
		if f.nextNotice > len(h.notices)-noticesKept {
			t.Fatalf("a gap ends before notice %d of %d, which was kept", f.nextNotice, len(h.notices))
		}
		if place := h.notices[f.nextNotice-1].before; place > f.next {
			t.Fatalf("a gap of notices, the last before message %d, comes before message %d", place, f.next)
		}
	case e.Notice != nil:
		want := h.notices[f.nextNotice]
		if *e.Notice != *want.notice || want.before > f.next {
			t.Fatalf("a notice before message %d: %v, want the one before %d", f.next, *e.Notice, want.before)
		}
		f.nextNotice++
	default:
		if f.next >= f.visibleEnd(h) {
			t.Fatalf("message %d comes before it is published", f.next)
		}
		want := h.messages[f.next]
		if e.From != want.from || !e.Time.Equal(want.at) || e.Message != h.message(f.next) {
			t.Fatalf("message %d has sender %v and time %v, want %v and %v; or wrong bytes",
				f.next, e.From, e.Time, want.from, want.at)
		}
		if due <= f.next {
			t.Fatalf("message %d comes before a notice of before %d", f.next, due)
		}
		f.next++
	}
}
