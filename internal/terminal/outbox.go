package terminal

import (
	"context"
	"strings"
	"sync"

	"sop-chat/client"
)

// maxUnsent is how many texts may wait for the connection.
const maxUnsent = 1000

// An outbox holds the texts that have not arrived yet, oldest first. A connection
// may have taken the first of them.
type outbox struct {
	mu      sync.Mutex
	texts   []string
	taken   int           // how many the connection has taken
	removed int           // messages that have arrived so far
	changed chan struct{} // holds a token after a text was added
}

func newOutbox() *outbox {
	return &outbox{changed: make(chan struct{}, 1)}
}

// add adds a text and reports whether there was space for it.
func (b *outbox) add(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.texts) == maxUnsent {
		return false
	}
	b.texts = append(b.texts, text)
	notify(b.changed)
	return true
}

// next takes the first text that the connection has not taken. It waits for one
// until ctx is done.
func (b *outbox) next(ctx context.Context) (string, error) {
	for {
		if text, ok := b.take(); ok {
			return text, nil
		}
		select {
		case <-b.changed:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

func (b *outbox) take() (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken == len(b.texts) {
		return "", false
	}
	b.taken++
	return b.texts[b.taken-1], true
}

// arrived removes the oldest messages and returns how many texts have arrived as a
// whole with them. A long text is several messages.
func (b *outbox) arrived(messages int) (texts int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.removed += messages
	for messages > 0 && len(b.texts) > 0 {
		parts := client.Split(b.texts[0])
		if messages < len(parts) {
			b.texts[0] = strings.Join(parts[messages:], "")
			break
		}
		messages -= len(parts)
		b.texts[0] = "" // frees it
		b.texts = b.texts[1:]
		b.taken = max(0, b.taken-1) // 0 if it was taken by a former connection
		texts++
	}
	return texts
}

// progress returns how many messages have arrived so far.
func (b *outbox) progress() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.removed
}

// underway reports whether the connection has taken texts that have not arrived.
func (b *outbox) underway() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken > 0
}

// takeBack returns all texts to the outbox after the connection has ended.
func (b *outbox) takeBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken = 0
}

// unsent returns all texts.
func (b *outbox) unsent() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.texts...)
}
