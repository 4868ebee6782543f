package broadcast

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// The tests of this file run two goroutines against each other many times, each
// time with other timing, where one of them must not miss what the other does.

// However a reader's Advance and an Append interleave, the room is not held once
// the reader has caught up: no hold begins that nothing would end.
func TestHoldIsNotForgotten(t *testing.T) {
	// Readers that hold nobody up make measuring take longer. With many of them,
	// the reader often advances meanwhile; with none, the log often measures while
	// the reader advances.
	for others, meetings := range map[int]int{0: 20_000, 500: 200} {
		t.Run(fmt.Sprint(others), func(t *testing.T) { holdIsNotForgotten(t, others, meetings) })
	}
}

func holdIsNotForgotten(t *testing.T, others, meetings int) {
	r := newRoom(t, wire.Size, wire.Size) // held by a single message
	reader := r.log.Join(func() {})
	for range others {
		defer r.log.FollowSkipping().Close()
	}
	var caughtUp atomic.Uint64
	r.start(func(ctx context.Context) error {
		for at := Position(0); !r.log.closed.Load() && ctx.Err() == nil; {
			if head := r.log.Head(); head > at {
				at = head
				reader.Advance(at)
				caughtUp.Store(uint64(at))
			}
		}
		return nil
	})
	r.start(func(ctx context.Context) error {
		defer r.log.Close()
		b := NewBatch(wire.Size)
		for number := range rounds(meetings) {
			put(b, alice, number)
			r.log.Append(b, time.Time{})
			if err := spin(ctx, func() bool { return caughtUp.Load() == uint64(r.log.Head()) }); err != nil {
				return err
			}
			if r.log.Held() {
				return fmt.Errorf("message %d: the room is held, and no reader lags", number)
			}
		}
		return nil
	})
	r.wait()
}

// However an Append and a follower's falling asleep interleave, it wakes up.
func TestNoWakeUpIsLost(t *testing.T) {
	r := newRoom(t, SegmentSize, wire.Size)
	var read atomic.Int64
	messages := new(streamChecker)
	r.follow(r.log.FollowLossless(), make([]Entry, 2), func(e *Entry) error {
		read.Add(1)
		return messages.entry(e)
	})
	r.start(func(ctx context.Context) error {
		defer r.log.Close()
		b := NewBatch(wire.Size)
		for number := range rounds(30_000) {
			put(b, alice, number)
			r.log.Append(b, time.Time{})
			r.log.Wake(nil)
			if err := spin(ctx, func() bool { return read.Load() > int64(number) }); err != nil {
				return err
			}
		}
		return nil
	})
	r.wait()
}

// However many goroutines wake a follower at once, it is woken once.
func TestOneWakesTheFollower(t *testing.T) {
	r := newRoom(t, SegmentSize, wire.Size)
	f := r.log.FollowLossless()
	var begun, ended atomic.Int64
	for range 2 {
		r.start(func(ctx context.Context) error {
			for round := int64(0); ; round++ {
				if err := spin(ctx, func() bool { return begun.Load() != round }); err != nil {
					return err
				}
				if begun.Load() < 0 {
					return nil
				}
				f.group.notify()
				ended.Add(1)
			}
		})
	}
	r.start(func(ctx context.Context) error {
		defer begun.Store(-1)
		for round := range rounds(10_000) {
			f.group.sleeping.Store(true)
			begun.Add(1)
			if err := spin(ctx, func() bool { return ended.Load() == 2*int64(round+1) }); err != nil {
				return fmt.Errorf("round %d: a goroutine is stuck: %w", round, err)
			}
			if n := len(f.group.wake); n != 1 {
				return fmt.Errorf("round %d: %d wake-ups", round, n)
			}
			<-f.group.wake
		}
		return nil
	})
	r.wait()
}

// However Close and a follower's falling asleep interleave, it gets the last
// message before the end, and then the end.
func TestCloseLosesNothing(t *testing.T) {
	r := newRoom(t, SegmentSize, wire.Size)
	var begun, ended atomic.Int64
	r.start(func(ctx context.Context) error {
		b := NewBatch(wire.Size)
		for round := int64(0); ; round++ {
			if err := spin(ctx, func() bool { return begun.Load() != round }); err != nil {
				return err
			}
			if begun.Load() < 0 {
				return nil
			}
			if round%2 == 0 {
				put(b, alice, int(round))
				r.log.Append(b, time.Time{})
			}
			r.log.Close()
			ended.Add(1)
		}
	})
	r.start(func(ctx context.Context) error {
		defer begun.Store(-1)
		entries := make([]Entry, 2)
		for round := range rounds(30_000) {
			r.log = New(SegmentSize, wire.Size)
			f := r.log.FollowLossless()
			begun.Add(1)
			for range round / 2 % 200 {
				begun.Load() // a different delay each time
			}
			read := 0
			err := readAll(ctx, f, entries, func(*Entry) error {
				read++
				return nil
			})
			if err != nil {
				return err
			}
			f.Close()
			if want := 1 - round%2; read != want {
				return fmt.Errorf("round %d: %d messages before the end, want %d", round, read, want)
			}
			if err := spin(ctx, func() bool { return ended.Load() > int64(round) }); err != nil {
				return err
			}
		}
		return nil
	})
	r.wait()
}

// However Close and its readers' leaving interleave, the log's memory is given back.
func TestCloseAndLeave(t *testing.T) {
	for range rounds(1000) {
		m := newTrackedMemory(t)
		l := NewIn(m, wire.Size, wire.Size)
		reader, follower := l.Join(func() {}), l.FollowLossless()
		new(history).write(l, "a")
		var leaving sync.WaitGroup
		for _, leave := range []func(){reader.Leave, follower.Close, l.Close} {
			leaving.Go(leave)
		}
		leaving.Wait()
		if len(m.taken) > 0 {
			t.Fatal("not given back")
		}
	}
}

// rounds counts to n, or for as long as a test should take: on a busy machine the
// two goroutines seldom run at the same time.
func rounds(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		began := time.Now()
		for i := 0; i < n && time.Since(began) < 300*time.Millisecond && yield(i); i++ {
		}
	}
}

// spin waits, without sleeping, for something another goroutine does.
func spin(ctx context.Context, until func() bool) error {
	for !until() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		runtime.Gosched()
	}
	return nil
}
