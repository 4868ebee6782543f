package broadcast

import (
	"fmt"
	"slices"

	"sop-chat/internal/wire"
)

// A streamChecker reads a stream of stamped messages and reports one that is
// altered, missing, doubled or out of its sender's order. The order it has seen
// can be compared with that of others.
type streamChecker struct {
	partial []byte
	next    [8]int   // by the sender's id: the number of its next message
	order   []uint64 // the senders; as their messages are numbered, that is all
}

// piece reads any number of the stream's bytes.
func (w *streamChecker) piece(p []byte) error {
	for len(p) > 0 {
		if len(w.partial) == 0 && len(p) >= wire.Size {
			if err := w.message((*wire.Message)(p)); err != nil {
				return err
			}
			p = p[wire.Size:]
			continue
		}
		k := min(len(p), wire.Size-len(w.partial))
		w.partial = append(w.partial, p[:k]...)
		p = p[k:]
		if len(w.partial) == wire.Size {
			if err := w.message((*wire.Message)(w.partial)); err != nil {
				return err
			}
			w.partial = w.partial[:0]
		}
	}
	return nil
}

func (w *streamChecker) message(m *wire.Message) error {
	id, number, whole := stamp(m)
	if !whole || id >= uint64(len(w.next)) {
		return fmt.Errorf("after %d messages comes one that nobody sent: %x", len(w.order), *m)
	}
	if number != w.next[id] {
		return fmt.Errorf("after %d messages comes message %d of sender %d, want %d",
			len(w.order), number, id, w.next[id])
	}
	w.next[id]++
	w.order = append(w.order, id)
	return nil
}

func (w *streamChecker) entry(e *Entry) error {
	if e.Skipped > 0 || e.SkippedNotices > 0 || e.Notice != nil {
		return fmt.Errorf("after %d messages comes %+v, want a message", len(w.order), *e)
	}
	if id, _, _ := stamp(&e.Message); id != e.From.ID {
		return fmt.Errorf("a message of sender %d is said to be from %d", id, e.From.ID)
	}
	return w.message(&e.Message)
}

// without returns the order without the messages of self.
func (w *streamChecker) without(self *Sender) []uint64 {
	return slices.DeleteFunc(slices.Clone(w.order), func(id uint64) bool {
		return self != nil && id == self.ID
	})
}

// A gapChecker reads a stream that leaves messages out and says how many. What it
// has received has to be compared with a streamChecker of all messages.
type gapChecker struct {
	at       int // how many messages there were, received or skipped
	skipped  int
	received []received
}

type received struct {
	at     int // the message's index among all
	id     uint64
	number int
}

func (w *gapChecker) entry(e *Entry) error {
	if e.Skipped > 0 {
		w.at += int(e.Skipped)
		w.skipped += int(e.Skipped)
		return nil
	}
	id, number, whole := stamp(&e.Message)
	if !whole || id != e.From.ID {
		return fmt.Errorf("message %d is not what sender %d sent: %x", w.at, e.From.ID, e.Message)
	}
	w.received = append(w.received, received{w.at, id, number})
	w.at++
	return nil
}

// compare returns an error if the gapChecker and all, which saw everything,
// disagree.
func (w *gapChecker) compare(all *streamChecker) error {
	if w.at != len(all.order) {
		return fmt.Errorf("%d messages were received and %d skipped, of %d", len(w.received), w.skipped, len(all.order))
	}
	var next [len(all.next)]int
	rest := w.received
	for at, id := range all.order {
		if len(rest) > 0 && rest[0].at == at {
			if want := (received{at, id, next[id]}); rest[0] != want {
				return fmt.Errorf("received %+v, want %+v", rest[0], want)
			}
			rest = rest[1:]
		}
		next[id]++
	}
	return nil
}
