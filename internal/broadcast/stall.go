package broadcast

import "time"

// A Stall keeps the account of a client that lags: what it costs the others,
// and when that is too much. Its zero value is ready to use.
//
// A client that is among those that hold the room may do so for the timeout in
// total within ten minutes, whether it makes progress or not. One that presses
// the room has to take a segment in each timeout. A client that lags while the
// room is neither held nor pressed is left alone, for however long that lasts.
type Stall struct {
	seenAt  time.Time // when it was last looked at
	holding bool      // and whether it was among those that held the room
	held    [stallSlots]time.Duration
	slotAt  time.Time // when the current slot of held began
	slot    int

	pressing bool
	due      time.Time // when it must have taken a segment
	from     Position  // where it stood when due was set
}

const (
	// stallSlot is the unit in which what is long ago is forgotten.
	stallSlot = time.Minute
	// stallSlots cover ten minutes and the one that is not over.
	stallSlots = 11
	// stallAhead is how many timeouts a client that takes much at once is ahead
	// at most. A receiver whose buffer of some megabytes is full says that
	// there is space only when a sixteenth of it is free, see
	// __tcp_select_window in Linux, which at 20 KB/s takes it 20 s.
	stallAhead = 6
)

// A Verdict says whether a client may stay.
type Verdict uint8

// What Look finds.
const (
	MayStay Verdict = iota
	// TookTooLittle: it pressed the room and took no segment in time.
	TookTooLittle
	// HeldTooLong: it held the room for too long in total.
	HeldTooLong
)

// Look looks at a client that stands at p. It is to be called eight times in a
// timeout while the room is pressed, and whenever a hold begins or ends. When
// nobody looked for longer than twice that, because the server was stopped, that
// time does not count.
func (s *Stall) Look(l *Log, p Position, now time.Time, timeout time.Duration) Verdict {
	m, lag := marksOf(l.backlog), uint64(l.Head()-p)
	if gap := now.Sub(s.seenAt) - timeout/4; s.pressing && gap > 0 {
		s.due = s.due.Add(gap)
	}
	held := s.account(l.Held() && lag > m.highEnd, now, timeout/4)
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

// Presses reports whether the room is pressed, and would be if a reader that
// stands at p were the only one that lags.
func (l *Log) Presses(p Position) bool {
	return l.Pressed() && uint64(l.Head()-p) > marksOf(l.backlog).lowEnd
}

// IsClear reports whether there is nothing on the account, so that it can be
// forgotten.
func (s *Stall) IsClear(now time.Time) bool {
	return !s.pressing && s.account(false, now, 0) == 0
}

// account adds the time since the last look, so much at most, if the client held
// the room then, and returns for how long it did in the last ten minutes.
func (s *Stall) account(holding bool, now time.Time, most time.Duration) (total time.Duration) {
	if s.slotAt.IsZero() || now.Sub(s.slotAt) >= stallSlots*stallSlot {
		s.held, s.slotAt = [stallSlots]time.Duration{}, now
	}
	for now.Sub(s.slotAt) >= stallSlot {
		s.slot = (s.slot + 1) % stallSlots
		s.held[s.slot] = 0
		s.slotAt = s.slotAt.Add(stallSlot)
	}
	if s.holding {
		s.held[s.slot] += min(now.Sub(s.seenAt), most)
	}
	s.holding, s.seenAt = holding, now
	for _, d := range s.held {
		total += d
	}
	return total
}
