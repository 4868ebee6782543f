package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"sop-chat/internal/wire"
)

// numbered returns a sender's message number n. Its sender and number determine
// every byte.
func numbered(sender string, n int) wire.Message { return message(sender, strconv.Itoa(n)) }

// flood sends the client's messages first to last-1, many in each write.
func (c *client) flood(first, last int) error {
	w := bufio.NewWriterSize(c, batch*wire.Size)
	for n := first; n < last; n++ {
		m := numbered(c.name, n)
		if _, err := w.Write(m[:]); err != nil {
			return fmt.Errorf("%q writes message %d: %w", c.name, n, err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("%q writes: %w", c.name, err)
	}
	return nil
}

// batch is how many messages floodUntil sends in each write.
const batch = 64

// floodUntil sends numbered messages, and a final one when stop is closed. sent
// is how many messages there were before that.
func (c *client) floodUntil(stop <-chan struct{}, sent *atomic.Int64) error {
	for {
		select {
		case <-stop:
			m := finalMessage(c.name)
			_, err := c.Write(m[:])
			return err
		default:
		}
		first := int(sent.Load())
		if err := c.flood(first, first+batch); err != nil {
			return err
		}
		sent.Add(batch)
	}
}

func finalMessage(sender string) wire.Message { return message(sender, "final") }

// errFinal is the error of reading a final message.
var errFinal = errors.New("the sender has sent its final message")

// A reader checks the messages that a client receives from senders of numbered
// messages. It is for one goroutine, except for count.
type reader struct {
	c     *client
	in    *bufio.Reader
	next  map[string]int // the number that has to come next from each sender
	count atomic.Int64   // of messages so far
}

// unknown is the next number of a sender whose first message may have any.
const unknown = -1

// reader returns a reader that expects the senders' first messages.
func (c *client) reader(senders ...string) *reader {
	r := &reader{c: c, in: bufio.NewReaderSize(c, batch*wire.Size), next: make(map[string]int)}
	for _, sender := range senders {
		r.next[sender] = 0
	}
	return r
}

// read returns the next message's sender and number. It returns an error if a
// message of that sender was lost, doubled, overtaken or changed, and errFinal if
// it was the sender's final one.
func (r *reader) read() (sender string, n int, err error) {
	var got wire.Message
	if _, err := io.ReadFull(r.in, got[:]); err != nil {
		return "", 0, fmt.Errorf("%q reads after %d messages: %w", r.c.name, r.count.Load(), err)
	}
	sender = string(got.Name())
	n, known := r.next[sender]
	if !known {
		return "", 0, fmt.Errorf("%q got %q of %q, from whom nothing was to come", r.c.name, got.Text(), sender)
	}
	if got == finalMessage(sender) {
		return sender, n, errFinal
	}
	if n == unknown {
		n, _ = strconv.Atoi(string(got.Text()))
	}
	if got != numbered(sender, n) {
		return "", 0, fmt.Errorf("%q got %q of %q, want %d", r.c.name, got.Text(), sender, n)
	}
	r.next[sender] = n + 1
	r.count.Add(1)
	return sender, n, nil
}

// readAll reads until it has the messages up to last-1 of every sender.
func (r *reader) readAll(last int) error {
	for int(r.count.Load()) < last*len(r.next) {
		if _, _, err := r.read(); err != nil {
			return err
		}
	}
	return nil
}

// readUntilClosed reads until the server closes.
func (r *reader) readUntilClosed() error {
	for {
		_, _, err := r.read()
		switch {
		case err == nil, err == errFinal:
		case isClose(err):
			return nil
		default:
			return err
		}
	}
}

// A task runs beside the test.
type task struct {
	t      testing.TB
	result func() error // waits; may be called again
}

// beside runs f beside the test. f must not end the test; it returns an error
// instead.
func beside(t testing.TB, f func() error) task {
	result := make(chan error, 1)
	go func() { result <- f() }()
	return task{t, sync.OnceValue(func() error { return <-result })}
}

// wait waits for tasks, and ends the test with the first error.
func wait(tasks ...task) {
	for _, k := range tasks {
		k.t.Helper()
		if err := k.result(); err != nil {
			k.t.Fatal(err)
		}
	}
}

// A traffic is a flood from one client to another that a test must not disturb.
type traffic struct {
	t        testing.TB
	stop     func()
	from, to task
	sent     atomic.Int64
	received *reader
}

// startTraffic makes "from" join and flood "to" until the traffic is finished.
// Others may send numbered messages too, if they are named.
func startTraffic(t testing.TB, srv *server, others ...string) *traffic {
	t.Helper()
	from := join(t, srv, "from")
	received := join(t, srv, "to").reader(append(others, "from")...)
	stopped := make(chan struct{})
	tr := &traffic{t: t, received: received, stop: sync.OnceFunc(func() { close(stopped) })}
	t.Cleanup(tr.stop)
	tr.from = beside(t, func() error { return from.floodUntil(stopped, &tr.sent) })
	tr.to = beside(t, func() error {
		for {
			if _, _, err := received.read(); err == errFinal {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
	return tr
}

// waitForMore returns when n more messages have arrived.
func (tr *traffic) waitForMore(n int) {
	tr.t.Helper()
	target := tr.received.count.Load() + int64(n)
	eventually(tr.t, "the flood goes on", func() bool { return tr.received.count.Load() >= target })
}

// finish ends the flood and checks that everything arrived, in order.
func (tr *traffic) finish() {
	tr.t.Helper()
	tr.stop()
	wait(tr.from, tr.to)
	if got, want := tr.received.count.Load(), tr.sent.Load(); got != want {
		tr.t.Errorf("%d messages arrived, want %d", got, want)
	}
}
