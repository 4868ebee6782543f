package broadcast

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// Many loops append and read at once, as a server's do, with clients that read
// nothing until they hold the room, beside a follower that reads everything and
// one that can't keep up. All get the same messages in the same order, and all
// come to an end.
func TestLoopsAndFollowers(t *testing.T) {
	const loops, messages, batch = 3, 50_000, 24
	r := newRoom(t, 2*SegmentSize, loops*batch*wire.Size)
	// All of them join before the first message.
	keeping, lagging := r.log.FollowLossless(), r.log.FollowSkipping()
	var running []*eventLoop
	var clients []*connection
	for id := range uint64(loops) {
		l := r.join(id, messages, batch)
		clients = append(clients, l.connect(l.senders[0], id == 0), l.connect(nil, id == 1))
		running = append(running, l)
	}
	for _, l := range running {
		r.start(l.run)
	}

	// The follower that can't keep up reads a little whenever the other one has
	// read far more than the log keeps.
	turn := make(chan struct{}, 1)
	all, some := new(streamChecker), new(gapChecker)
	r.follow(keeping, make([]Entry, 64), func(e *Entry) error {
		if err := all.entry(e); err != nil {
			return err
		}
		if n := len(all.order); n == loops*messages {
			close(turn)
		} else if n%2048 == 0 {
			select {
			case turn <- struct{}{}:
			default:
			}
		}
		return nil
	})
	r.follow(lagging, make([]Entry, 64), func(e *Entry) error {
		if len(some.received)%200 == 0 {
			select {
			case <-turn:
			case <-r.ctx.Done():
			}
		}
		return some.entry(e)
	})
	r.wait()

	if len(all.order) != loops*messages {
		t.Fatalf("the follower that reads everything got %d messages, want %d", len(all.order), loops*messages)
	}
	for i, c := range clients {
		if want := all.without(c.self); !slices.Equal(c.order, want) {
			t.Errorf("client %d got %d messages, want %d; or in another order", i, len(c.order), len(want))
		}
	}
	if err := some.compare(all); err != nil {
		t.Error(err)
	}
	if r.holds.Load() == 0 || some.skipped == 0 {
		t.Errorf("the room was held %d times, %d messages skipped; both have to happen",
			r.holds.Load(), some.skipped)
	}
}

// Readers of every kind join and leave while others append and memory is short.
// Each gets what is appended while it is there.
func TestJoinAndLeaveWhileAppending(t *testing.T) {
	const readers, rounds, batch = 3, 200, 40
	r := newRoom(t, SegmentSize, batch*wire.Size)
	defer r.log.FollowSkipping().Close() // never reads, so that memory runs short and followers are moved on

	var reading atomic.Int32
	reading.Store(readers)
	appender := r.join(0, 0, batch)
	r.start(func(ctx context.Context) error {
		defer appender.cursor.Leave()
		for number := 0; reading.Load() > 0; {
			if r.log.Held() {
				select {
				case <-appender.wake:
				case <-ctx.Done():
					return ctx.Err()
				}
				continue
			}
			for range batch {
				put(appender.batch, alice, number)
				number++
			}
			r.log.Append(appender.batch, time.Unix(0, 0))
			r.log.Wake(appender.cursor)
			appender.cursor.Advance(r.log.Head())
		}
		return nil
	})
	for range readers {
		r.start(func(ctx context.Context) error {
			defer reading.Add(-1)
			for range rounds {
				if err := r.visit(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	r.wait()
}

// visit has a reader of each kind join, read a little and leave. There is one
// sender, so that a message's number is its index in the log.
func (r *room) visit(ctx context.Context) error {
	for _, visit := range []func(context.Context) error{r.visitSkipping, r.visitLossless, r.visitCursor} {
		if err := visit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// visitSkipping reads after its cursor was moved on for lack of memory.
func (r *room) visitSkipping(ctx context.Context) error {
	f := r.log.FollowSkipping()
	defer f.Close()
	begin := f.cursor.Position()
	if err := spin(ctx, func() bool { return f.cursor.Position() > begin }); err != nil {
		return err
	}
	return readSome(ctx, f)
}

func (r *room) visitLossless(ctx context.Context) error {
	f := r.log.FollowLossless()
	defer f.Close()
	return readSome(ctx, f)
}

func readSome(ctx context.Context, f *Follower) error {
	entries := make([]Entry, 8)
	w := gapChecker{at: int(f.next / wire.Size)}
	for range 3 {
		n, err := f.Next(ctx, entries)
		if err != nil {
			return err
		}
		for i := range entries[:n] {
			if err := w.entry(&entries[i]); err != nil {
				return err
			}
		}
	}
	for _, m := range w.received {
		if m.number != m.at {
			return fmt.Errorf("message %d comes as number %d", m.number, m.at)
		}
	}
	return nil
}

// visitCursor reads from where another cursor had kept the log and then left.
func (r *room) visitCursor(ctx context.Context) error {
	join := r.log.Join(func() {})
	begin := join.Position()
	err := spin(ctx, func() bool { return r.log.Head() > begin })
	cursor := r.log.Join(func() {})
	defer cursor.Leave()
	cursor.Advance(begin)
	join.Leave()
	if err != nil {
		return err
	}
	c := connection{at: begin}
	c.next[alice.ID] = int(begin / wire.Size)
	random := rand.New(rand.NewPCG(1, 1))
	for head := r.log.Head(); c.at < head; {
		if err := c.read(r.log, head, random); err != nil {
			return err
		}
		cursor.Advance(c.at)
	}
	return nil
}

// Every follower gets every notice between the same messages.
func TestNoticesKeepTheirOrder(t *testing.T) {
	// With more threads than processors the kernel stops one anywhere, also
	// between two steps that other tests never see interrupted.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4 * runtime.NumCPU()))
	r := newRoom(t, 16*SegmentSize, 2*wire.Size)
	for range 3 {
		messages, notices := 0, 0
		f := r.log.FollowLossless()
		r.follow(f, make([]Entry, 2), func(e *Entry) error {
			switch {
			case e.SkippedNotices > 0:
			case e.Notice == nil:
				messages++
			case e.Notice.at != Position(messages)*wire.Size:
				return fmt.Errorf("notice %d comes after message %d, want after %d", notices, messages, e.Notice.at/wire.Size)
			default:
				notices++
			}
			return nil
		})
	}
	for _, l := range []*eventLoop{r.join(0, math.MaxInt, 1), r.join(1, math.MaxInt, 1)} {
		l.announces = true
		r.start(l.run)
	}
	time.AfterFunc(500*time.Millisecond, func() { r.enough.Store(true) })
	r.wait()
}
