package terminal

import (
	"context"
	"slices"
	"sync"
	"time"
)

// An inbox holds what has happened until the screen gets to it. Adding never
// blocks, since a screen that is slow must not hold up the room. Of messages it
// keeps the latest; how many it left out it says in their place.
type inbox struct {
	mu      sync.Mutex
	events  []event
	changed chan struct{} // holds a token while there are events
}

// An event is one of the types below.
type event any

type (
	// received is somebody's message.
	received struct {
		at         time.Time
		name, text string
	}
	// leftOut stands for messages that the screen was too slow for.
	leftOut struct{ messages int }
	// joined is a connection that was let in, the first or a later one.
	joined struct{}
	// lost is a connection that has ended, and why.
	lost struct{ err error }
	// waiting is a pause before the next attempt to join.
	waiting struct {
		err   error // why the last one failed; nil if there was none
		until time.Time
	}
	// joining is such an attempt.
	joining struct{}
	// sent says that the oldest unsent texts have arrived.
	sent struct{ texts int }
	// delayed says that nothing has arrived for a while, though it should.
	delayed struct{}
	// failed says that the session has ended by a mistake in it.
	failed struct{ err error }
)

func newInbox() *inbox {
	return &inbox{changed: make(chan struct{}, 1)}
}

// most is how many messages are kept, here and on the screen.
const most = 10_000

func (b *inbox) add(e event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
	if len(b.events) >= 2*most {
		b.shorten()
	}
	notify(b.changed)
}

// shorten leaves out the older half of the messages.
func (b *inbox) shorten() {
	gone := leftOut{}
	older := slices.DeleteFunc(b.events[:most:most], func(e event) bool {
		switch e := e.(type) {
		case received:
			gone.messages++
		case leftOut:
			gone.messages += e.messages
		default:
			return false
		}
		return true
	})
	b.events = slices.Concat([]event{gone}, older, b.events[most:])
}

// take waits until something has happened, and returns all of it. It returns
// nil when ctx is done.
func (b *inbox) take(ctx context.Context) []event {
	for {
		select {
		case <-b.changed:
		case <-ctx.Done():
			return nil
		}
		if events := b.empty(); len(events) > 0 {
			return events // else the token was for events that were taken before
		}
	}
}

func (b *inbox) empty() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}
