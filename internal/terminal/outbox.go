package terminal

import (
	"context"
	"sync"
)

// mostUnsent is how many texts may wait for the connection.
const mostUnsent = 1000

// An outbox holds the texts that were not sent yet, oldest first.
type outbox struct {
	mu      sync.Mutex
	texts   []string
	changed chan struct{} // holds a token after a text was added
}

func newOutbox() *outbox {
	return &outbox{changed: make(chan struct{}, 1)}
}

// add reports whether there was room.
func (b *outbox) add(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.texts) == mostUnsent {
		return false
	}
	b.texts = append(b.texts, text)
	select {
	case b.changed <- struct{}{}:
	default:
	}
	return true
}

// first waits for a text and returns the oldest, which stays until remove.
func (b *outbox) first(ctx context.Context) (string, error) {
	for {
		if text, ok := b.peek(); ok {
			return text, nil
		}
		select {
		case <-b.changed:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

func (b *outbox) peek() (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.texts) == 0 {
		return "", false
	}
	return b.texts[0], true
}

func (b *outbox) remove() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.texts[0] = "" // frees it
	b.texts = b.texts[1:]
}
