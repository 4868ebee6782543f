package client

import (
	"context"
	"slices"
	"sync"
)

// A queue holds the messages of a session that are not acknowledged, oldest first.
//
//	◀─────── tried ────────▶
//	◀── taken ──▶
//	│  │  │  │  │  │  │  │  │  │  │  new ones
//
// The connection has taken the first of them, and it or a former one has tried to send
// some more.
type queue struct {
	changed chan struct{} // holds a token after add and finish

	mu       sync.Mutex
	limit    int
	messages []string
	taken    int
	triedN   int
	finished bool // nothing is added any more
}

func newQueue(limit int, tried []string) *queue {
	return &queue{changed: make(chan struct{}, 1), limit: limit, messages: slices.Clone(tried), triedN: len(tried)}
}

// add adds the messages of a text, or none.
func (q *queue) add(messages []string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.finished:
		return errFinished
	case len(q.messages)+len(messages) > q.limit:
		return ErrQueueFull
	}
	q.messages = append(q.messages, messages...)
	notify(q.changed)
	return nil
}

func (q *queue) finish() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finished = true
	notify(q.changed)
}

// isDone reports whether everything has arrived and nothing is added any more.
func (q *queue) isDone() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.finished && len(q.messages) == 0
}

// take takes the next message for the connection. It waits for one until ctx is done,
// and fails with errFinished if there will be none.
func (q *queue) take(ctx context.Context) (string, error) {
	for {
		if text, ok, finished := q.tryTake(); ok {
			return text, nil
		} else if finished {
			return "", errFinished
		}
		select {
		case <-q.changed:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

func (q *queue) tryTake() (text string, ok, finished bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken == len(q.messages) {
		return "", false, q.finished
	}
	q.taken++
	q.triedN = max(q.triedN, q.taken)
	return q.messages[q.taken-1], true, false
}

// takeBack is called when the connection has ended.
func (q *queue) takeBack() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = 0
}

// arrived removes the first n messages and returns them.
func (q *queue) arrived(n int) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.messages))
	removed := slices.Clone(q.messages[:n])
	clear(q.messages[:n]) // frees the texts
	q.messages = q.messages[n:]
	q.taken, q.triedN = max(0, q.taken-n), max(0, q.triedN-n)
	return removed
}

// texts returns all messages.
func (q *queue) texts() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.messages)
}

// tried returns those that may have arrived.
func (q *queue) tried() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.messages[:q.triedN])
}
