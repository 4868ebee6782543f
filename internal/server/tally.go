//go:build linux

package server

import (
	"time"

	"sop-chat/internal/histogram"
)

// A tally is what a loop counts. It belongs to the loop's goroutine alone, so counting is
// a plain addition; others get copies, see stats.go.
type tally struct {
	wakeups     uint64
	busy        time.Duration // between two waits
	connections uint64        // accepted, or handed over
	ended       [reasonCount]uint64
	accepted    uint64              // clients that gave a right key and got in
	refused     [reasonCount]uint64 // clients that gave a key, see refusals

	messages  uint64 // appended to logs
	received  uint64 // bytes, from sockets
	sent      uint64 // bytes, to sockets
	delivered uint64 // bytes of messages that were written to members
	referred  uint64 // of them, those that were sent by reference

	pressed, held time.Duration // of rooms, see restraint
	latency       histogram.Histogram
	sampleAt      time.Time // when to measure the latency next
}

// add adds what another loop has counted.
func (t *tally) add(other *tally) {
	t.wakeups += other.wakeups
	t.busy += other.busy
	t.connections += other.connections
	t.accepted += other.accepted
	for i := range reasonCount {
		t.ended[i] += other.ended[i]
		t.refused[i] += other.refused[i]
	}
	t.messages += other.messages
	t.received += other.received
	t.sent += other.sent
	t.delivered += other.delivered
	t.referred += other.referred
	t.pressed += other.pressed
	t.held += other.held
	t.latency.Add(&other.latency)
}

// sampleInterval is how long a loop does not measure the latency after it has, so that
// reading the clock costs nothing that could be noticed.
const sampleInterval = 10 * time.Millisecond

// isSampleDue reports whether to measure the latency again, and counts that as done.
func (t *tally) isSampleDue(now time.Time) bool {
	if now.Before(t.sampleAt) {
		return false
	}
	t.sampleAt = now.Add(sampleInterval)
	return true
}
