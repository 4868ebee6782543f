package history

import (
	"math"
	"time"

	"sop-chat/internal/wire"
)

// A pace is how many messages the disk takes, and how many may wait for it, so
// that none waits for longer than the window: half of the window a message may
// wait for others to come, and the other half for those before it to be
// written. With more than that, the archive has the room held.
type pace struct {
	perSecond float64
}

const (
	// firstPace is what is assumed of a disk that is not known, in messages a
	// second. It is less than most take.
	firstPace = 10_000
	// enough is how many messages tell how fast the disk is: with fewer, what
	// takes time is that there is a transaction at all.
	enough = 256
	// patientWindow is the window that a pace is for if there is none.
	patientWindow = 200 * time.Millisecond
)

// measure notes how long it took to write some messages.
func (p *pace) measure(messages int, took time.Duration) {
	if messages < enough || took <= 0 {
		return
	}
	const weight = 0.2
	p.perSecond += weight * (float64(messages)/took.Seconds() - p.perSecond)
}

// limit returns how many bytes of messages may wait.
func (p *pace) limit(window time.Duration) int {
	if window == 0 {
		window = patientWindow
	}
	const most = math.MaxInt32 / wire.Size
	messages := p.perSecond * (window / 2).Seconds()
	return int(min(max(messages, 2*enough), most)) * wire.Size
}
