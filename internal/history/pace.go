package history

import (
	"math"
	"time"

	"sop-chat/internal/wire"
)

// A pace measures how many messages the disk takes a second, and derives how many
// may wait so that none waits for longer than the window. A message may wait for
// half of the window until others come, and for the other half until those
// before it are written. When more are waiting, the archive holds the room.
type pace struct {
	perSecond float64
}

const (
	// firstPace is assumed until a disk is measured, in messages a second. Most
	// disks are faster.
	firstPace = 10_000
	// minMessages is how many messages a batch must have to be measured: with
	// fewer, the cost is mostly that of the transaction.
	minMessages = 256
	// defaultWindow is assumed if the window is 0.
	defaultWindow = 200 * time.Millisecond
)

// measure records how long it took to write some messages.
func (p *pace) measure(messages int, took time.Duration) {
	if messages < minMessages || took <= 0 {
		return
	}
	const weight = 0.2
	p.perSecond += weight * (float64(messages)/took.Seconds() - p.perSecond)
}

// limit returns how many bytes of messages may wait.
func (p pace) limit(window time.Duration) int {
	if window == 0 {
		window = defaultWindow
	}
	const maxMessages = math.MaxInt32 / wire.Size
	messages := p.perSecond * (window / 2).Seconds()
	return int(min(max(messages, 2*minMessages), maxMessages)) * wire.Size
}
