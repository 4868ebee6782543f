package e2e

import (
	"fmt"
	"testing"
)

// In a large room messages are sent by reference. They stay the same in a socket
// until they are read, even if the memory has been used again many times, and
// also for a client that lags by tens of megabytes.
func TestLagInALargeRoom(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what string
		join func(testing.TB, *server, string) *client
	}{
		{"sockets keep much", join},
		{"the log keeps nearly all", joinNotReading},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			const members, n = 40, 24_000 // messages of each sender
			srv := start(t, "--max-clients", "0", "--stall-timeout", "10m", "--backlog", "64MiB", "--send", "reference")
			senders := []string{"a", "b"}
			var prompt []*reader
			for i := range members {
				prompt = append(prompt, join(t, srv, fmt.Sprint("prompt-", i)).reader(senders...))
			}
			late := test.join(t, srv, "late").reader(senders...)
			a, b := join(t, srv, "a"), join(t, srv, "b")
			prompt = append(prompt, a.reader("b"), b.reader("a"))
			var tasks []task
			for _, c := range []*client{a, b} {
				tasks = append(tasks, beside(t, func() error { return c.flood(0, n) }))
			}
			for _, r := range prompt {
				tasks = append(tasks, beside(t, func() error { return r.readAll(n) }))
			}
			wait(tasks...)
			late.c.restoreBuffer()
			if err := late.readAll(n); err != nil {
				t.Fatal(err)
			}
		})
	}
}
