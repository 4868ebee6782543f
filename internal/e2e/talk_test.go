package e2e

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// Whatever one member floods, and however another one reads or does not read,
// messages between two others arrive at once. A reader that takes little, and so
// holds up only the flood, is not disconnected.
func TestTalkDuringFlood(t *testing.T) {
	t.Parallel()
	const heardWithin = 3 * time.Second // on a busy machine; it is milliseconds otherwise
	for _, test := range []struct {
		what string
		sip  int64 // bytes, in each second of a stall timeout of two; 0: it has to go
	}{
		{"never reads", 0},
		{"sips", 100_000},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			srv := start(t, "--max-clients", "0", "--stall-timeout", "2s", "--backlog", "4MiB", "--console", "off")
			slow := joinNotReading(t, srv, "slow")
			flooder, a, b := join(t, srv, "flooder"), join(t, srv, "a"), join(t, srv, "b")
			flood := beside(t, func() error { return flooder.floodUntil(t.Context().Done(), new(atomic.Int64)) })
			for _, c := range []*client{flooder, a} {
				beside(t, func() error { _, err := io.Copy(io.Discard, c); return err })
			}
			sipping := beside(t, func() error { return slow.sip(t.Context(), test.sip) })

			heard := b.reader("a", "flooder")
			next := time.NewTicker(100 * time.Millisecond)
			defer next.Stop()
			var delays []time.Duration
			for n := range scaled(80, 600) {
				<-next.C
				began := time.Now()
				a.send(numbered("a", n))
				for heard.next["a"] <= n {
					if _, _, err := heard.read(); err != nil {
						t.Fatal(err)
					}
				}
				delays = append(delays, time.Since(began))
			}
			slices.Sort(delays)
			if late := delays[len(delays)*99/100]; late > heardWithin {
				t.Errorf("one of a hundred messages is heard after %v", late)
			}
			if test.sip == 0 {
				srv.stderr.waitFor(t, "the reason why it had to go", func(printed string) bool {
					return hasLine(wholeLines(printed), "slow", "held the others up")
				})
			}
			slow.Close()
			if err := sipping.result(); test.sip > 0 && !errors.Is(err, net.ErrClosed) {
				t.Errorf("the reader that takes little was disconnected: %v", err)
			}
			flooder.Close()
			flood.result()
		})
	}
}

// sip reads the given number of bytes each second, and returns the error that
// ends that.
func (c *client) sip(ctx context.Context, bytes int64) error {
	next := time.NewTicker(time.Second)
	defer next.Stop()
	for bytes > 0 {
		if _, err := io.CopyN(io.Discard, c, bytes); err != nil {
			return err
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
