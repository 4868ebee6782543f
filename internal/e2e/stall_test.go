package e2e

import (
	"fmt"
	"testing"
)

// A client that has held the room up for the stall timeout is disconnected, and
// the log names it. What it received until then is a beginning without a gap.
// Other clients lose nothing, and memory stays within bounds.
func TestStallersAreDisconnected(t *testing.T) {
	t.Parallel()
	const backlog, others = 4 << 20, 48 << 20 // others: a Go program, and buffers.
	n := scaled(60_000, 1_000_000)
	srv := start(t, "--backlog", "4MiB", "--stall-timeout", "1s", "--max-clients", "0")
	a, b, c := join(t, srv, "a"), join(t, srv, "b"), join(t, srv, "c")
	stallers := []*client{joinNotReading(t, srv, "sleepy"), joinNotReading(t, srv, "drowsy"), joinNotReading(t, srv, "dozing")}
	before := srv.peakMemory()
	tasks := []task{
		beside(t, func() error { return a.flood(0, n) }),
		beside(t, func() error { return a.reader("b").readAll(n) }),
		beside(t, func() error { return b.flood(0, n) }),
		beside(t, func() error { return b.reader("a").readAll(n) }),
		beside(t, func() error { return c.reader("a", "b").readAll(n) }),
	}
	wait(tasks...)
	for _, staller := range stallers {
		srv.stderr.waitFor(t, "the reason why "+staller.name+" had to go", func(printed string) bool {
			lines := wholeLines(printed)
			return hasLine(lines, staller.name, "stall") || hasLine(lines, staller.name, "held")
		})
		if err := staller.reader("a", "b").readUntilClosed(); err != nil {
			t.Error(err)
		}
	}
	if grown := srv.peakMemory() - before; grown > memory(backlog+others) {
		t.Errorf("memory grew by %d MiB; the backlog is %d MiB", grown>>20, backlog>>20)
	}
	c.expectNothing(a, b)
}

// memory returns how much a server that needs some bytes may use: the race
// detector multiplies it.
func memory(bytes int) int {
	if raceEnabled {
		return 10 * bytes
	}
	return bytes
}

// However many clients don't read, memory stays bounded, because they share one
// backlog, and so does the time for which they hold the others up.
func TestManyStallers(t *testing.T) {
	t.Parallel()
	const backlog, others = 8 << 20, 64 << 20
	n := scaled(60_000, 500_000)
	srv := start(t, "--backlog", "8MiB", "--stall-timeout", "1s", "--max-clients", "0", "--console", "off")
	a, b := join(t, srv, "a"), join(t, srv, "b")
	before := srv.peakMemory()
	for i := range scaled(50, 500) {
		joinNotReading(t, srv, fmt.Sprintf("deaf %d", i))
	}
	sent := beside(t, func() error { return a.flood(0, n) })
	if err := b.reader("a").readAll(n); err != nil {
		t.Fatal(err)
	}
	wait(sent)
	if grown := srv.peakMemory() - before; grown > memory(backlog+others) {
		t.Errorf("memory grew by %d MiB; the backlog is %d MiB", grown>>20, backlog>>20)
	}
	b.expectNothing(a)
}

// When all clients send and none reads, those that hold the room up are
// disconnected, one after the other, until one is left.
func TestEverybodyStalls(t *testing.T) {
	t.Parallel()
	srv := start(t, "--backlog", "1MiB", "--stall-timeout", "500ms")
	var clients []*client
	var floods []task
	for _, name := range []string{"a", "b", "c"} {
		c := joinNotReading(t, srv, name)
		clients = append(clients, c)
		floods = append(floods, beside(t, func() error { return c.flood(0, 100_000) }))
	}
	remained := 0
	for _, flood := range floods {
		if flood.result() == nil {
			remained++
		}
	}
	if remained > 1 {
		t.Errorf("%d clients could each send 50 MB that others did not take", remained)
	}
	for _, c := range clients {
		c.Close()
	}
	for range 4 { // When the last one is in, those who stalled are gone.
		clients = append(clients, joinEventually(t, srv, "next"))
	}
	for _, c := range clients {
		c.Close()
	}
	srv.expectAlive()
}
