package e2e

import (
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A client that does not read, while the room has to keep less for it than the
// backlog, is never disconnected, however long that lasts, and loses nothing.
func TestLagIsForgiven(t *testing.T) {
	t.Parallel()
	const n = 20_000 // Ten megabytes: more than sockets hold, less than the backlog.
	srv := start(t, "--stall-timeout", "200ms")
	a, b, lags := join(t, srv, "a"), join(t, srv, "b"), joinNotReading(t, srv, "lags")
	sent := beside(t, func() error { return a.flood(0, n) })
	fromA := b.reader("a")
	if err := fromA.readAll(n); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	// The chat goes on for many times the stall timeout.
	chat(t, a, fromA, n, 20, 100*time.Millisecond)
	lags.restoreBuffer()
	if err := lags.reader("a").readAll(n + 20); err != nil {
		t.Fatal(err)
	}
	lags.expectNothing(a, b)
}

// chat makes a send numbered messages, from first on, one at each tick, and
// receives each.
func chat(t testing.TB, a *client, received *reader, first, messages int, tick time.Duration) {
	t.Helper()
	next := time.NewTicker(tick)
	defer next.Stop()
	for n := first; n < first+messages; n++ {
		<-next.C
		a.send(numbered(a.name, n))
		if _, _, err := received.read(); err != nil {
			t.Fatal(err)
		}
	}
}

// When a client that does not read is about to lose messages, the senders are
// slowed down instead. When it reads again in time, it and all others have
// lost nothing.
func TestHeldRoomLosesNothing(t *testing.T) {
	t.Parallel()
	n := scaled(50_000, 500_000)
	srv := start(t, "--backlog", "1MiB", "--stall-timeout", "10m", "--max-clients", "0")
	senders := []string{"a", "b"}
	var tasks []task
	receivers := []*reader{join(t, srv, "c").reader(senders...), join(t, srv, "d").reader(senders...)}
	late := joinNotReading(t, srv, "late")
	a, b := join(t, srv, "a"), join(t, srv, "b")
	for _, c := range []*client{a, b} {
		tasks = append(tasks, beside(t, func() error { return c.flood(0, n) }))
	}
	receivers = append(receivers, a.reader("b"), b.reader("a"))
	for _, r := range receivers {
		tasks = append(tasks, beside(t, func() error { return r.readAll(n) }))
	}
	waitForStandstill(t, receivers[0])
	if got := int(receivers[0].count.Load()); got == len(senders)*n {
		t.Errorf("all %d messages arrived, though somebody does not read and the backlog is small", got)
	}
	late.restoreBuffer()
	if err := late.reader(senders...).readAll(n); err != nil {
		t.Fatal(err)
	}
	wait(tasks...)
}

// waitForStandstill returns when something has arrived, and then nothing more
// comes.
func waitForStandstill(t testing.TB, r *reader) {
	t.Helper()
	look := time.NewTicker(300 * time.Millisecond)
	defer look.Stop()
	last := int64(-1)
	eventually(t, "the room is held", func() bool {
		before := last
		<-look.C
		last = r.count.Load()
		return last > 0 && last == before
	})
}

// A client that reads slowly but steadily holds the others up, and is not
// disconnected as long as it never stops for the stall timeout.
func TestSlowReaderStays(t *testing.T) {
	t.Parallel()
	const n = 20_000
	srv := start(t, "--backlog", "256KiB", "--stall-timeout", "2s")
	a, b, slow := join(t, srv, "a"), join(t, srv, "b"), joinNotReading(t, srv, "slow").reader("a")
	tasks := []task{
		beside(t, func() error { return a.flood(0, n) }),
		beside(t, func() error { return b.reader("a").readAll(n) }),
	}
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	const atOnce = 32 << 10 / wire.Size
	for i := range n {
		if _, _, err := slow.read(); err != nil {
			t.Fatal(err)
		}
		if i%atOnce == 0 {
			<-pause.C
		}
	}
	wait(tasks...)
}

// holdRoom starts a server in which a client that does not read holds up a flood.
// Clients that flood also await messages of others.
func holdRoom(t testing.TB, others ...string) (srv *server, deaf *client, flood *traffic) {
	t.Helper()
	srv = start(t, "--backlog", "1MiB", "--stall-timeout", "10m", "--max-clients", "0")
	deaf = joinNotReading(t, srv, "deaf")
	flood = startTraffic(t, srv, others...)
	waitForStandstill(t, flood.received)
	return srv, deaf, flood
}

// In a room that is held, clients join and leave as usual. Messages that a client
// sent before it left arrive when the room goes on.
func TestHeldRoomLivesOn(t *testing.T) {
	t.Parallel()
	const n = 60 // So many the server's kernel keeps, though the server does not read.
	srv, deaf, flood := holdRoom(t, "closes", "half-closes")
	stays := join(t, srv, "stays").reader("closes", "half-closes")
	stays.next["from"] = unknown
	closes, halfCloses, wrong := join(t, srv, "closes"), join(t, srv, "half-closes"), connect(t, srv)
	for _, c := range []*client{closes, halfCloses} {
		if err := c.flood(0, n); err != nil {
			t.Fatal(err)
		}
	}
	closes.Close()
	halfCloses.halfClose()
	wrong.send(message("wrong", "guess"))
	wrong.expectFullyClosed()

	flood.stop()
	deaf.restoreBuffer()
	beside(t, func() error { return deaf.reader("from", "closes", "half-closes").readUntilClosed() })
	for stays.next["closes"] < n || stays.next["half-closes"] < n {
		if _, _, err := stays.read(); err != nil && err != errFinal {
			t.Fatal(err)
		}
	}
}

// When the client that holds the room up leaves, in whatever way, the room goes
// on.
func TestLaggardLeaves(t *testing.T) {
	t.Parallel()
	for _, leaving := range waysToLeave {
		t.Run(leaving.what, func(t *testing.T) {
			_, deaf, flood := holdRoom(t)
			leaving.leave(deaf)
			flood.waitForMore(10_000)
			flood.finish()
		})
	}
}
