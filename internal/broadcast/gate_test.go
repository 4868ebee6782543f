package broadcast

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"sop-chat/internal/wire"
)

// While many append, no reader sees a message before the gate has published it,
// and all readers get all messages.
func TestGate(t *testing.T) {
	const loops, messages, batch = 3, 20_000, 24
	r := newRoom(t, 2*SegmentSize, loops*batch*wire.Size)
	gate := r.log.FollowAhead()
	var published atomic.Int64 // messages
	followers := []*Follower{r.log.FollowLossless(), r.log.FollowLossless()}
	for id := range uint64(loops) {
		l := r.join(id, messages, batch)
		l.connect(l.senders[0], false)
		r.start(l.run)
	}
	for _, f := range followers {
		got := int64(0)
		r.follow(f, make([]Entry, 64), func(e *Entry) error {
			if got++; got > published.Load() {
				return fmt.Errorf("message %d is seen when %d were published", got, published.Load())
			}
			return nil
		})
	}
	all := new(streamChecker)
	r.start(func(ctx context.Context) error {
		defer gate.Close()
		entries := make([]Entry, 100)
		for {
			n, err := gate.Next(ctx, entries)
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			for i := range entries[:n] {
				if err := all.entry(&entries[i]); err != nil {
					return err
				}
			}
			published.Add(int64(n))
			gate.Publish()
		}
	})
	r.wait()
	if got := len(all.order); got != loops*messages {
		t.Errorf("the gate got %d messages, want %d", got, loops*messages)
	}
}

// The log ends for its followers when all was published, and not before.
func TestGateAtTheEnd(t *testing.T) {
	for _, test := range []struct {
		what string
		end  func(*Follower)
	}{
		{"publish", (*Follower).Publish},
		{"close", (*Follower).Close},
	} {
		t.Run(test.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, h := New(SegmentSize, SegmentSize), new(history)
				gate, f := l.FollowAhead(), newModelFollower(l, h, false)
				h.write(l, "abc")
				l.Close()
				got, ended := 0, false
				go func() {
					for !ended {
						n, err := f.follower.Next(t.Context(), f.entries)
						got, ended = got+n, err == io.EOF
					}
				}()
				synctest.Wait()
				if got > 0 || ended {
					t.Fatalf("%d messages before anything was published; ended: %v", got, ended)
				}
				if n, err := gate.Next(t.Context(), make([]Entry, 10)); n != 3 || err != nil {
					t.Fatalf("the gate gets %d, %v", n, err)
				}
				test.end(gate)
				synctest.Wait()
				if got != 3 || !ended {
					t.Errorf("%d messages after all was published; ended: %v", got, ended)
				}
			})
		})
	}
}

// A gate that does not publish holds the room when it is a backlog behind, and
// reports that it does. When it then publishes, the hold ends.
func TestGateHolds(t *testing.T) {
	l, h := New(8*wire.Size, wire.Size), new(history)
	gate := l.FollowAhead()
	for range 8 {
		if l.Held() || gate.IsHolding() {
			t.Fatal("held too early")
		}
		h.write(l, "a")
	}
	if !l.Held() || !gate.IsHolding() {
		t.Fatal("not held by a gate that lags")
	}
	gate.Next(t.Context(), make([]Entry, 8))
	if !l.Held() {
		t.Fatal("not held by what is not published")
	}
	gate.Publish()
	if l.Held() {
		t.Fatal("held though all is published")
	}
}

func TestOneGate(t *testing.T) {
	l := New(SegmentSize, SegmentSize)
	l.FollowAhead()
	if !panics(func() { l.FollowAhead() }) {
		t.Error("a log has two gates")
	}
}
