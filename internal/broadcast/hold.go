package broadcast

// Two watermarks bound how far a reader that must not lose anything may lag behind
// the end of the log:
//
//	                low watermark           high watermark
//	      free           │      pressed          │   held
//	├────────────────────┼───────────────────────┤
//	0                limit / 2                 limit       how far behind
//
// While a reader is above the low watermark, the room is pressed: each of its
// senders is read only as fast as its share, see Space. So a sender that floods
// slows down to that reader's pace, and what lies between the watermarks is left
// for those that just talk. While a reader is above the high watermark, the room
// is held: nothing may be appended, and TCP makes the senders wait. So nothing is
// lost, and memory stays bounded.
//
// The limit is the backlog. A follower may have one of its own (Limit).

// Pressed reports whether the room is pressed. A held room is.
func (l *Log) Pressed() bool { return l.pressed.Load() }

// Held reports whether the room is held: nothing may be appended meanwhile.
func (l *Log) Held() bool { return l.held.Load() }

// Space returns how many bytes may be appended before the room is held, while it
// is pressed, as of the last measurement.
func (l *Log) Space() int { return int(l.space.Load()) }

// Headroom returns how many bytes may be appended at least before the room is
// pressed.
func (l *Log) Headroom() int {
	return max(0, int(l.pressAt.Load()-l.end.Load()))
}

// watermarks are those of one reader, in bytes that it lags behind the end. The
// reader begins to press the room at low, and to hold it at high. It still does
// while it is above lowClear, or highClear.
type watermarks struct{ low, lowClear, high, highClear uint64 }

// watermarksFor returns the watermarks for a limit. Each is some distance above
// where it clears, so that the room does not stop and go with every message. The
// high one clears soon: while the room is held, those that just talk wait.
func watermarksFor(limit uint64) watermarks {
	low := limit / 2
	return watermarks{low: low, lowClear: low - low/8, high: limit, highClear: limit - min(limit/4, SegmentSize)}
}

// holdOnly returns the watermarks of a reader that presses the room only while it
// holds it, and does not count for Space. It is for a reader that does not move
// before it holds the room, so slowing down for it would be in vain.
func holdOnly(limit uint64) watermarks {
	m := watermarksFor(limit)
	m.low, m.lowClear = m.high, m.high
	return m
}

// holdsOnly reports whether the watermarks are those of holdOnly.
func (m watermarks) holdsOnly() bool { return m.low == m.high }

// A load is what the lag of the readers that must not lose anything calls for.
type load struct {
	mustPress, mustHold   bool   // a reader has reached its low, or high, watermark
	keepPressed, keepHeld bool   // a reader is above where that clears
	space                 uint64 // see Space
}

// measure returns the load, and sets pressAt, from where on it has to be measured
// again. What is not yet published counts like a reader at the head. The caller
// holds l.mu.
func (l *Log) measure() load {
	end, now := l.end.Load(), load{space: l.backlog}
	pressAt := uint64(1<<64 - 1)
	count := func(at uint64, m watermarks) {
		lag := end - at
		now.mustPress = now.mustPress || lag >= m.low
		now.keepPressed = now.keepPressed || lag > m.lowClear
		now.mustHold = now.mustHold || lag >= m.high
		now.keepHeld = now.keepHeld || lag > m.highClear
		if !m.holdsOnly() {
			now.space = min(now.space, m.high-min(lag, m.high))
		}
		pressAt = min(pressAt, at+m.low)
	}
	count(l.head.Load(), watermarksFor(l.backlog))
	for _, c := range *l.readers.Load() {
		if c.follower == nil || !c.follower.maySkip {
			count(c.at.Load(), c.watermarks())
		}
	}
	l.pressAt.Store(pressAt)
	l.space.Store(now.space)
	return now
}

// restrain presses or holds the room if the load calls for it. It reports whether
// it also ended a hold or the pressure. The caller holds l.mu; if so, it wakes all
// readers after releasing it.
func (l *Log) restrain() (ended bool) {
	now := l.measure()
	if now.mustPress {
		l.pressed.Store(true)
	}
	if now.mustHold {
		l.held.Store(true)
	}
	if now.mustPress || now.mustHold {
		// A reader that advanced between measure and Store found the room not
		// pressed, and will not relax it. So measure once more.
		return l.relax()
	}
	return false
}

// relax ends the hold and the pressure that the load no longer calls for, and
// reports whether it ended either. The caller holds l.mu.
func (l *Log) relax() (ended bool) {
	now := l.measure()
	if l.held.Load() && !now.keepHeld {
		l.held.Store(false)
		ended = true
	}
	if l.pressed.Load() && !now.keepPressed && !l.held.Load() {
		l.pressed.Store(false)
		ended = true
	}
	return ended
}

// reconsider relaxes the room, and wakes all readers if that ended anything.
func (l *Log) reconsider() {
	l.mu.Lock()
	ended := l.relax()
	l.mu.Unlock()
	if ended {
		l.ease()
	}
}
