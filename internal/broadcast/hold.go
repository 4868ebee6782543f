package broadcast

// Readers that lag. Two watermarks bound how far a reader that must not lose
// anything may be behind the end of the log:
//
//	                low watermark           high watermark
//	      free           │      pressed          │   held
//	├────────────────────┼───────────────────────┤
//	0                limit / 2                 limit       how far behind
//
// While a reader is above the low one, the room is pressed: its senders are to
// be read by shares, see Space. So one that floods runs at that reader's pace,
// and what lies between the watermarks is left for those that just talk. While
// a reader is above the high one, the room is held: nobody may append, and TCP
// makes the senders wait. So nothing is ever lost, and memory stays bounded.
//
// The limit is the backlog. A follower may have one of its own (Limit).

// Pressed reports whether the room is pressed. A room that is held is.
func (l *Log) Pressed() bool { return l.pressed.Load() }

// Held reports whether the room is held: nobody may append until it is not.
func (l *Log) Held() bool { return l.held.Load() }

// Space returns how many bytes may be appended before the room is held, while
// it is pressed, as of when that was last looked at.
func (l *Log) Space() int { return int(l.space.Load()) }

// Headroom returns how many bytes may surely be appended before the room is
// pressed.
func (l *Log) Headroom() int {
	return max(0, int(l.pressAt.Load()-l.end.Load()))
}

// marks are a reader's watermarks, and where what they begin ends again, each
// as the bytes that the reader is behind the end.
type marks struct{ low, lowEnd, high, highEnd uint64 }

// marksOf returns the watermarks for a limit. Between each and its end is some
// distance, so that the room does not stop and go with every message. That of
// the high one is small: while the room is held, those that talk wait.
func marksOf(limit uint64) marks {
	low := limit / 2
	return marks{low: low, lowEnd: low - low/8, high: limit, highEnd: limit - min(limit/4, SegmentSize)}
}

// holdOnly returns the watermarks of a reader that presses the room no longer
// than it holds it, and leaves the space as it is. Nobody slows down for a reader
// that does not move until it holds the room.
func holdOnly(limit uint64) marks {
	m := marksOf(limit)
	m.low, m.lowEnd = m.high, m.high
	return m
}

// holdsOnly reports whether the watermarks are such a reader's.
func (m marks) holdsOnly() bool { return m.low == m.high }

// A load is what the readers that must not lose anything weigh on the room.
type load struct {
	presses, holds     bool   // it is to be pressed, or held
	pressesOn, holdsOn bool   // it stays so if it is
	space              uint64 // see Space
}

// measure returns the load, and sets when it has to be measured again. What is
// not yet published counts too. The caller holds l.mu.
func (l *Log) measure() load {
	end, now := l.end.Load(), load{space: l.backlog}
	pressAt := uint64(1<<64 - 1)
	count := func(at uint64, m marks) {
		lag := end - at
		now.presses = now.presses || lag >= m.low
		now.pressesOn = now.pressesOn || lag > m.lowEnd
		now.holds = now.holds || lag >= m.high
		now.holdsOn = now.holdsOn || lag > m.highEnd
		if !m.holdsOnly() {
			now.space = min(now.space, m.high-min(lag, m.high))
		}
		pressAt = min(pressAt, at+m.low)
	}
	count(l.head.Load(), marksOf(l.backlog))
	for _, c := range *l.readers.Load() {
		if c.follower == nil || !c.follower.maySkip {
			count(c.at.Load(), c.marks())
		}
	}
	l.pressAt.Store(pressAt)
	l.space.Store(now.space)
	return now
}

// restrain presses or holds the room if it must. It reports whether it ended
// something as well; then the caller, who holds l.mu, wakes all readers after it.
func (l *Log) restrain() (ended bool) {
	now := l.measure()
	if now.presses {
		l.pressed.Store(true)
	}
	if now.holds {
		l.held.Store(true)
	}
	if now.presses || now.holds {
		// A reader that advanced between the look and the store saw nothing
		// to end, and will not end it; so look once more.
		return l.relax()
	}
	return false
}

// relax ends what the readers are no longer far enough behind for, and reports
// whether there was anything. The caller holds l.mu.
func (l *Log) relax() (ended bool) {
	now := l.measure()
	if l.held.Load() && !now.holdsOn {
		l.held.Store(false)
		ended = true
	}
	if l.pressed.Load() && !now.pressesOn && !l.held.Load() {
		l.pressed.Store(false)
		ended = true
	}
	return ended
}

// reconsider wakes all readers if the room is no longer held, or pressed.
func (l *Log) reconsider() {
	l.mu.Lock()
	ended := l.relax()
	l.mu.Unlock()
	if ended {
		l.wake(nil)
	}
}
