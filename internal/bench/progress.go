package bench

import "time"

// A Phase is a part of a run.
type Phase int

// The phases of a run, in their order.
const (
	Joining   Phase = iota // clients are connected
	WarmingUp              // there is load, and nothing is measured yet
	Measuring
	Draining // the last messages are on their way
)

// Progress says how far a run is.
type Progress struct {
	Phase      Phase
	Part       float64 // of the phase, from 0 to 1
	Joined     int     // clients
	Deliveries float64 // a second, since the last report
}

// progressEvery is how often progress is reported, and how long it takes at
// most until a run notices that it is to end.
const progressEvery = 100 * time.Millisecond

// A reporter reports progress, not too often.
type reporter struct {
	to   func(Progress)
	last time.Time
}

func (r *reporter) tell(now time.Time, progress func() Progress) {
	if r.to != nil && now.Sub(r.last) >= progressEvery {
		r.last = now
		r.to(progress())
	}
}
