package broadcast

import "time"

// A Stall decides how long a client that lags may hold the others up. Its zero
// value is ready to use.
//
// A client that holds the room, alone or with others, may do so for the timeout in
// total within ten minutes, whether it makes progress or not. A client that
// presses the room has to take a segment in each timeout. A client that lags while
// the room is neither held nor pressed may do so for ever.
type Stall struct {
	seenAt   time.Time // when it was last checked
	holding  bool      // and whether it held the room then
	held     [stallBuckets]time.Duration
	bucketAt time.Time // when the current bucket of held began
	bucket   int

	pressing bool
	due      time.Time // when it must have taken a segment
	from     Position  // its position when due was set
}

const (
	// stallBucket is the unit in which old holds are forgotten.
	stallBucket = time.Minute
	// stallBuckets cover ten minutes and the current one.
	stallBuckets = 11
	// stallAhead is by how many timeouts a client that takes much at once is ahead
	// at most. A receiver whose buffer of some megabytes is full opens its window
	// only when a sixteenth of it is free, see __tcp_select_window in Linux. At
	// 20 KB/s that takes it 20 s.
	stallAhead = 6
)

// A Verdict says whether a client may stay.
type Verdict uint8

// The verdicts of Check.
const (
	MayStay Verdict = iota
	// TookTooLittle: it pressed the room and took no segment in time.
	TookTooLittle
	// HeldTooLong: it held the room for too long in total.
	HeldTooLong
)

// Check checks a client whose position is p. It must be called eight times in a
// timeout while the room is pressed, and whenever a hold begins or ends. The
// caller's clock leaves out any time in which the server did not run.
func (s *Stall) Check(l *Log, p Position, now time.Time, timeout time.Duration) Verdict {
	m, lag := watermarksFor(l.backlog), uint64(l.Head()-p)
	held := s.account(l.Held() && lag > m.highClear, now)
	if !l.Presses(p) {
		s.pressing = false
		return MayStay
	}
	switch taken := (p - s.from) / SegmentSize; {
	case !s.pressing:
		s.pressing, s.due, s.from = true, now.Add(timeout+timeout/8), p
	case taken > 0:
		s.from += taken * SegmentSize
		s.due = s.due.Add(time.Duration(min(taken, stallAhead)) * timeout)
		if least := now.Add(timeout + timeout/8); s.due.Before(least) { // it may be seen late
			s.due = least
		}
		if most := now.Add(stallAhead * timeout); s.due.After(most) {
			s.due = most
		}
	}
	switch {
	case held >= timeout:
		return HeldTooLong
	case !now.Before(s.due):
		return TookTooLittle
	}
	return MayStay
}

// Presses reports whether the room is pressed, and would be if only a reader at p
// lagged.
func (l *Log) Presses(p Position) bool {
	return l.Pressed() && uint64(l.Head()-p) > watermarksFor(l.backlog).lowClear
}

// IsClear reports whether the client has neither pressed nor held the room lately,
// so that the Stall can be dropped.
func (s *Stall) IsClear(now time.Time) bool {
	return !s.pressing && s.account(false, now) == 0
}

// account adds the time since the last check if the client held the room then. It
// returns for how long it did in the last ten minutes.
func (s *Stall) account(holding bool, now time.Time) (total time.Duration) {
	if s.bucketAt.IsZero() || now.Sub(s.bucketAt) >= stallBuckets*stallBucket {
		s.held, s.bucketAt = [stallBuckets]time.Duration{}, now
	}
	for now.Sub(s.bucketAt) >= stallBucket {
		s.bucket = (s.bucket + 1) % stallBuckets
		s.held[s.bucket] = 0
		s.bucketAt = s.bucketAt.Add(stallBucket)
	}
	if s.holding {
		s.held[s.bucket] += now.Sub(s.seenAt)
	}
	s.holding, s.seenAt = holding, now
	for _, d := range s.held {
		total += d
	}
	return total
}
