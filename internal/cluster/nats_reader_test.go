package cluster

import (
	"context"
	"errors"
	"strconv"
	"testing"
)

// fill publishes messages, whose data are their sequences.
func fill(t testing.TB, n *NATS, from, to uint64) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		if _, err := n.js.Publish(t.Context(), "chat.a.one", strconv.AppendUint(nil, seq, 10)); err != nil {
			t.Fatal(err)
		}
	}
}

// expect reads messages, which have to be these.
func expect(t testing.TB, r Reader, from, to uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), natsWait)
	defer cancel()
	for seq := from; seq <= to; seq++ {
		m, err := r.Next(ctx)
		if err != nil || m.Seq != seq || string(m.Data) != strconv.FormatUint(seq, 10) || m.Subject != "chat.a.one" || m.Time.IsZero() {
			t.Fatalf("message %d is %v, %v", seq, m, err)
		}
	}
}

func read(t testing.TB, n *NATS, from uint64) Reader {
	t.Helper()
	r, err := n.Read(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// A reader gets all messages in their order, those that come later too, over many pulls.
func TestNATSReader(t *testing.T) {
	n := openTestNATS(t, testConfig(startNATS(t, natsOptions(t)).ClientURL()))
	const many = 3*pullMessages + 7
	fill(t, n, 1, many)
	r := read(t, n, 0)
	expect(t, r, 1, many)
	expect(t, read(t, n, pullMessages), pullMessages, many)
	next := read(t, n, many+1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		expect(t, r, many+1, many+10)
	}()
	fill(t, n, many+1, many+10)
	within(t, done)
	expect(t, next, many+1, many+10)
}

// A reader that has nothing to read for a while goes on, and its consumer is gone with it.
func TestNATSReaderIdle(t *testing.T) {
	n := openTestNATS(t, testConfig(startNATS(t, natsOptions(t)).ClientURL()))
	fill(t, n, 1, 1)
	r := read(t, n, 1)
	expect(t, r, 1, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*n.heartbeat)
	defer cancel()
	if m, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("of nothing came %v, %v", m, err)
	}
	fill(t, n, 2, 2)
	expect(t, r, 2, 2)
	r.Close()
	eventually(t, "the consumer is gone", func() bool {
		s, err := n.js.Stream(t.Context(), "chat")
		return err == nil && s.CachedInfo().State.Consumers == 0
	})
	if m, err := r.Next(t.Context()); err == nil {
		t.Errorf("a reader that was closed got %v", m)
	}
}

// If the last message is lost on its way, the reader notices without another one.
func TestNATSReaderMissed(t *testing.T) {
	n := openTestNATS(t, testConfig(startNATS(t, natsOptions(t)).ClientURL()))
	fill(t, n, 1, 1)
	r := read(t, n, 1).(*natsReader)
	expect(t, r, 1, 1)
	fill(t, n, 2, 2)
	if m := within(t, r.messages); string(m.Data) != "2" {
		t.Fatalf("what is lost is %q", m.Data)
	}
	ctx, cancel := context.WithTimeout(t.Context(), natsWait)
	defer cancel()
	if m, err := r.Next(ctx); !errors.Is(err, ErrMissed) {
		t.Errorf("instead of the lost message: %v, %v", m, err)
	}
	expect(t, read(t, n, 2), 2, 2)
}

// A reader that hears nothing says so, and one whose connection is lost at once.
func TestNATSReaderSilence(t *testing.T) {
	s := startNATS(t, natsOptions(t))
	c := newCable(t, s.Addr().String())
	n := openTestNATS(t, testConfig(c.url()))
	r := read(t, n, 1)
	fill(t, n, 1, 1)
	expect(t, r, 1, 1)
	c.setMute(true)
	ctx, cancel := context.WithTimeout(t.Context(), natsWait)
	defer cancel()
	if m, err := r.Next(ctx); !errors.Is(err, ErrSilent) {
		t.Errorf("without a sound came %v, %v", m, err)
	}
	c.setMute(false)
	n.heartbeat = pullHeartbeat // so that it is not silence that is noticed
	r = read(t, n, 1)
	expect(t, r, 1, 1)
	c.cut()
	if m, err := r.Next(ctx); !errors.Is(err, ErrAway) {
		t.Errorf("without a connection came %v, %v", m, err)
	}
	eventually(t, "the connection is back", func() bool { return n.State().Connected })
	expect(t, read(t, n, 1), 1, 1)
}

// A reader that does not read for a while loses nothing.
func TestNATSReaderHeld(t *testing.T) {
	n := openTestNATS(t, testConfig(startNATS(t, natsOptions(t)).ClientURL()))
	r := read(t, n, 1)
	fill(t, n, 1, 1)
	expect(t, r, 1, 1)
	const many = 2 * pullMessages
	fill(t, n, 2, many)
	eventually(t, "the pull is full", func() bool { return len(r.(*natsReader).messages) >= pullMessages-1 })
	expect(t, r, 2, many)
}
