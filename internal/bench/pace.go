package bench

import (
	"math/bits"
	"time"
)

// A pace is a timetable: so many messages a second from all senders together,
// evenly spread, in turns. It looks at nothing but the clock, so when a server
// falls behind, the messages that wait for it are late from the moment they
// were meant to be sent. That is what their senders would have felt.
type pace struct {
	rate    uint64
	senders uint64
	end     time.Duration // nothing is due from then on
}

// due returns how many messages a sender should have sent by now. The first
// message of all is due at 0.
func (p pace) due(sender int, now time.Duration) uint32 {
	all := p.all(now)
	if all <= uint64(sender) {
		return 0
	}
	return uint32((all-uint64(sender)-1)/p.senders + 1)
}

// all returns how many messages are due by now from all senders.
func (p pace) all(now time.Duration) uint64 {
	if now < 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(min(now, p.end-1)), p.rate)
	quotient, _ := bits.Div64(high, low, uint64(time.Second))
	return quotient + 1
}

// at returns when a sender's message is due.
func (p pace) at(sender int, number uint32) time.Duration {
	return p.turn(uint64(number)*p.senders + uint64(sender))
}

// next returns when the next message of all is due after now.
func (p pace) next(now time.Duration) time.Duration { return p.turn(p.all(now)) }

// turn returns when message n of all is due: the first time at which all counts
// it.
func (p pace) turn(n uint64) time.Duration {
	high, low := bits.Mul64(n, uint64(time.Second))
	quotient, rest := bits.Div64(high, low, p.rate)
	if rest > 0 {
		quotient++
	}
	return time.Duration(quotient)
}
