package terminal

import (
	"context"
	"slices"
	"sync"
	"time"
)

// An inbox queues events until the screen takes them. Adding never blocks, since a
// slow screen must not hold up the room. The number of messages is bounded: the
// older ones are dropped, and an event in their place says how many.
type inbox struct {
	mu      sync.Mutex
	events  []event
	changed chan struct{} // holds a token while there are events
	taken   chan struct{} // holds a token after events were taken
}

// An event is one of the types below.
type event any

type (
	// received is a message of another client.
	received struct {
		at         time.Time
		name, text string
		from       string // the name it joined with, if known is set
		known      bool
		replayed   bool // from before the user came
	}
	// burst is what came right after joining again over TCP, which may be a replay.
	burst struct{ messages []received }
	// missed stands for messages that were said while the client was away, and that
	// the server does not have any more.
	missed struct{ messages uint64 }
	// leftOut stands for messages that were dropped because the screen is slow.
	leftOut struct{ messages int }
	// joined says that a connection has joined the room, the first or a later one.
	joined struct{ gap gap }
	// named says the name of the room, "" if it has none.
	named struct{ name string }
	// lost says that the connection has ended, and why.
	lost struct{ err error }
	// waiting is a pause before the next attempt to join.
	waiting struct {
		err   error // why the last one failed; nil if there was none
		until time.Time
	}
	// joining says that such an attempt begins.
	joining struct{}
	// sent says that the oldest unsent texts have arrived, and when; the zero time is
	// now.
	sent struct {
		texts int
		at    time.Time
	}
	// delayed says that texts that were sent have not arrived for a while.
	delayed struct{}
	// failed says that the session has panicked.
	failed struct{ err error }
)

// A gap says what is known of the time between two connections.
type gap int

const (
	noGap      gap = iota // the first connection, or all that is missing is reported
	mayMiss               // over TCP nothing is known
	newHistory            // the server does not know what the client has received
)

func newInbox() *inbox {
	return &inbox{changed: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

// maxMessages is how many messages are kept, here and on the screen.
const maxMessages = 10_000

func (b *inbox) add(e event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
	if len(b.events) >= 2*maxMessages {
		b.dropOlder()
	}
	notify(b.changed)
}

// dropOlder drops the older half of the messages.
func (b *inbox) dropOlder() {
	dropped := leftOut{}
	older := slices.DeleteFunc(b.events[:maxMessages:maxMessages], func(e event) bool {
		switch e := e.(type) {
		case received:
			dropped.messages++
		case leftOut:
			dropped.messages += e.messages
		default:
			return false
		}
		return true
	})
	b.events = slices.Concat([]event{dropped}, older, b.events[maxMessages:])
}

// take waits for events and returns all there are. It returns nil when ctx is
// done.
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
	notify(b.taken)
	return events
}

// wait waits until fewer than maxMessages events are there, or ctx is done.
func (b *inbox) wait(ctx context.Context) {
	for b.len() >= maxMessages && ctx.Err() == nil {
		select {
		case <-b.taken:
		case <-ctx.Done():
		}
	}
}

func (b *inbox) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events)
}
