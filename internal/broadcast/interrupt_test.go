package broadcast

import (
	"context"
	"testing"
	"testing/synctest"
)

// Interrupt has Next return, once, whether it waits already or is called later; but not
// before what there is to read.
func TestGroupInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := NewGroup()
		l := New(SegmentSize, SegmentSize)
		group.FollowSkipping(l, nil)
		entries := make([]Entry, 4)
		ctx, cancel := context.WithCancel(t.Context())
		next := make(chan error)
		go func() {
			defer close(next)
			for ctx.Err() == nil {
				_, _, err := group.Next(ctx, entries)
				next <- err
			}
		}()
		synctest.Wait() // it waits
		group.Interrupt()
		if err := <-next; err != ErrInterrupted {
			t.Errorf("Next() = %v, want %v", err, ErrInterrupted)
		}
		synctest.Wait()
		new(history).write(l, "a")
		group.Interrupt()
		l.Wake(nil)
		if err := <-next; err != nil && err != ErrInterrupted { // it may have been about to wait
			t.Fatal(err)
		}
		cancel()
		for range next {
		}
		group.Close()
	})
}
