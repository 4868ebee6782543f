package cluster

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"
)

// A message is appended if its subject's last one is the one that is expected, and is found
// again as the last one, by wildcards too.
func TestNATSPublish(t *testing.T) {
	n := openTestNATS(t, testConfig(startNATS(t, natsOptions(t)).ClientURL()))
	ctx := t.Context()
	if info, err := n.Info(ctx); err != nil || info.First != 1 || info.Last != 0 || info.Created.IsZero() || info.Keep != time.Hour {
		t.Errorf("of an empty stream: %+v, %v", info, err)
	}
	for _, subject := range []string{"chat.a.one", "chat.*.one"} {
		if m, err := n.Last(ctx, subject); !errors.Is(err, ErrNoMessage) {
			t.Errorf("the last of %s in an empty stream is %v, %v", subject, m, err)
		}
	}
	large := bytes.Repeat([]byte{0, 1, 255}, MaxBatch/3+1)[:MaxBatch]
	steps := []struct {
		subject string
		last    uint64
		data    []byte
		want    uint64 // 0: another message is the last one
	}{
		{"chat.a.one", 1, []byte("x"), 0},
		{"chat.a.one", 0, []byte("1"), 1},
		{"chat.a.one", 0, []byte("x"), 0},
		{"chat.a.two", 1, []byte("x"), 0},
		{"chat.a.two", 0, large, 2},
		{"chat.a.one", 2, []byte("x"), 0},
		{"chat.a.one", 1, nil, 3},
		{"chat.b.one", 0, []byte("4"), 4},
	}
	for i, step := range steps {
		seq, err := n.Publish(ctx, step.subject, step.last, step.data)
		if seq != step.want || (step.want != 0) != (err == nil) || errors.Is(err, ErrWrongLast) != (step.want == 0) {
			t.Errorf("step %d: sequence %d, %v; want %d", i, seq, err, step.want)
		}
	}
	if info, err := n.Info(ctx); err != nil || info.First != 1 || info.Last != 4 {
		t.Errorf("the stream has %+v, %v", info, err)
	}
	check := func(what string, m Message, err error, subject string, seq uint64, data []byte) {
		t.Helper()
		if err != nil || m.Subject != subject || m.Seq != seq || !bytes.Equal(m.Data, data) || time.Since(m.Time) > time.Minute {
			t.Errorf("%s is %s %d with %d bytes of %v, %v; want %s %d", what, m.Subject, m.Seq, len(m.Data), m.Time, err, subject, seq)
		}
	}
	m, err := n.Last(ctx, "chat.a.two")
	check("the last of two", m, err, "chat.a.two", 2, large)
	m, err = n.Last(ctx, "chat.*.one")
	check("the last of one", m, err, "chat.b.one", 4, []byte("4"))
	m, err = n.Last(ctx, "chat.a.*")
	check("the last in a", m, err, "chat.a.one", 3, nil)
	m, err = n.Next(ctx, "chat.a.*", 2)
	check("the first in a from 2 on", m, err, "chat.a.two", 2, large)
	m, err = n.Next(ctx, "chat.a.one", 0)
	check("the first of one", m, err, "chat.a.one", 1, []byte("1"))
	if seq, err := n.Publish(ctx, "chat.a.one", AnyLast, []byte("5")); seq != 5 || err != nil {
		t.Errorf("whatever was the last one, the sequence is %d, %v", seq, err)
	}
	if seq, err := n.Publish(ctx, "chat.a.one", 3, nil); !errors.Is(err, ErrWrongLast) {
		t.Errorf("behind it, what expects the one before has the sequence %d, %v", seq, err)
	}
	all, err := n.Subjects(ctx, "chat.a.*")
	if slices.Sort(all); err != nil || !slices.Equal(all, []string{"chat.a.one", "chat.a.two"}) {
		t.Errorf("the subjects are %q, %v", all, err)
	}
	if m, err := n.Next(ctx, "chat.a.one", 6); !errors.Is(err, ErrNoMessage) {
		t.Errorf("from 6 on, a has %v, %v", m, err)
	}
}

// If the acknowledgement is lost with the connection, the call says so at once, and the
// message is in the stream once, however often it is tried again.
func TestNATSLostAcknowledgement(t *testing.T) {
	s := startNATS(t, natsOptions(t))
	there := openTestNATS(t, testConfig(s.ClientURL()))
	c := newCable(t, s.Addr().String())
	n := openTestNATS(t, testConfig(c.url()))

	c.setMute(true)
	failed := make(chan error, 1)
	go func() {
		_, err := n.Publish(t.Context(), "chat.a.one", 0, []byte("once"))
		failed <- err
	}()
	eventually(t, "the stream has the message", func() bool { return lastOf(t, there.js) == 1 })
	c.setMute(false)
	c.cut()
	if err := within(t, failed); !errors.Is(err, ErrAway) {
		t.Errorf("publishing failed with %v", err)
	}
	eventually(t, "the connection is back", func() bool { return n.State().Connected })
	if _, err := n.Publish(t.Context(), "chat.a.one", 0, []byte("once")); !errors.Is(err, ErrWrongLast) {
		t.Errorf("publishing it again: %v", err)
	}
	if m, err := n.Last(t.Context(), "chat.a.one"); err != nil || m.Seq != 1 || string(m.Data) != "once" {
		t.Errorf("the last one is %v, %v", m, err)
	}
}

// within returns what a channel brings in time.
func within[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(natsWait):
		t.Fatalf("nothing within %v", natsWait)
		panic("unreachable")
	}
}

// While NATS is away nothing is kept to be sent later, and all goes on when it is back.
func TestNATSServerAway(t *testing.T) {
	options := natsOptions(t)
	s := startNATS(t, options)
	config := testConfig(s.ClientURL())
	events := make(chan ConnEvent, 100)
	config.Event = func(e ConnEvent) { events <- e }
	n := openTestNATS(t, config)
	if e := within(t, events); !e.Connected || e.Server == "" {
		t.Errorf("the first event is %+v", e)
	}
	since := n.State().Since
	if _, err := n.Publish(t.Context(), "chat.a.one", 0, []byte("1")); err != nil {
		t.Fatal(err)
	}
	stopNATS(s)
	eventually(t, "the connection is lost", func() bool { return !n.State().Connected })
	if e := within(t, events); e.Connected || e.Err == nil || !n.State().Since.After(since) {
		t.Errorf("the event is %+v, and the state %+v", e, n.State())
	}
	for range 3 {
		if _, err := n.Publish(t.Context(), "chat.a.one", 1, []byte("never")); !errors.Is(err, ErrAway) {
			t.Errorf("publishing while NATS is away: %v", err)
		}
	}
	if _, err := n.Info(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("asking while NATS is away: %v", err)
	}
	eventually(t, "an attempt to connect again has failed", func() bool {
		var failed *net.OpError
		return errors.As(n.State().Err, &failed)
	})
	startNATS(t, options)
	if e := within(t, events); !e.Connected || e.Err != nil {
		t.Errorf("after it was lost, the event is %+v", e)
	}
	eventually(t, "the connection is back", func() bool { return n.State().Connected })
	var seq uint64
	eventually(t, "the stream answers", func() bool {
		var err error
		seq, err = n.Publish(t.Context(), "chat.a.one", 1, []byte("2"))
		return err == nil
	})
	if seq != 2 {
		t.Errorf("the second message is number %d", seq)
	}
	n.Close()
	eventually(t, "it is closed", func() bool { return !n.State().Connected })
	if len(events) > 0 {
		t.Errorf("of its end is told: %+v", <-events)
	}
}

// What a full stream refuses is not appended, and nothing is dropped for it.
func TestNATSFull(t *testing.T) {
	config := testConfig(startNATS(t, natsOptions(t)).ClientURL())
	config.Settings.MaxBytes = 10_000
	n := openTestNATS(t, config)
	var last uint64
	for range 20 {
		seq, err := n.Publish(t.Context(), "chat.a.one", last, make([]byte, 1000))
		if err != nil {
			if !errors.Is(err, ErrFull) {
				t.Errorf("the error is %v", err)
			}
			break
		}
		last = seq
	}
	if info, err := n.Info(t.Context()); err != nil || info.First != 1 || info.Last != last || last < 5 || last > 10 {
		t.Errorf("the stream has %+v, %v; the last one that was acknowledged is %d", info, err, last)
	}
}

// If somebody deletes the stream, all calls say so.
func TestNATSDeleted(t *testing.T) {
	n := openTestNATS(t, testConfig(startNATS(t, natsOptions(t)).ClientURL()))
	if _, err := n.Publish(t.Context(), "chat.a.one", 0, []byte("1")); err != nil {
		t.Fatal(err)
	}
	r, err := n.Read(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if m, err := r.Next(t.Context()); err != nil || m.Seq != 1 {
		t.Fatal(m, err)
	}
	if err := n.js.DeleteStream(t.Context(), "chat"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Publish(t.Context(), "chat.a.one", 1, []byte("2")); !errors.Is(err, ErrNoStream) {
		t.Errorf("publishing: %v", err)
	}
	if _, err := n.Info(t.Context()); !errors.Is(err, ErrNoStream) {
		t.Errorf("asking: %v", err)
	}
	if _, err := n.Read(t.Context(), 1); !errors.Is(err, ErrNoStream) {
		t.Errorf("reading: %v", err)
	}
	if m, err := r.Next(t.Context()); err == nil {
		t.Errorf("a reader got %v", m)
	}
	if m, err := n.Last(t.Context(), "chat.a.one"); err == nil || errors.Is(err, ErrNoMessage) {
		t.Errorf("the last message is %v, %v", m, err)
	}
}

// A call ends with its context.
func TestNATSContext(t *testing.T) {
	s := startNATS(t, natsOptions(t))
	c := newCable(t, s.Addr().String())
	n := openTestNATS(t, testConfig(c.url()))
	c.setMute(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.Publish(ctx, "chat.a.one", 0, []byte("1")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
}
