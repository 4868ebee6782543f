package broadcast

// A gate is a follower that goes ahead of all others: what is appended, only it
// sees at first. What it has done with it is published when it says so:
//
//	      what everybody may read       what only the gate may read
//	┌─────────────────────────────────┬─────────────────────────────┐
//	└─────────────────────────────────▲─────────────────────────────▲
//	                                  head                          end
//
// So nobody gets a message that an archive, for one, has not yet made safe. The
// backlog counts from the end: a gate that lags holds the room as any follower
// does that must not lose anything.

// FollowAhead returns a follower that gets every message from now on before
// anybody else does: Publish lets the others see what Next has returned. There
// is one in a log, from before the first message is appended or while nobody
// appends. Closing it publishes all there is.
func (l *Log) FollowAhead() *Follower {
	f := l.follow(&Follower{isAhead: true})
	if !l.gate.CompareAndSwap(nil, f) {
		panic("broadcast: a log has one gate")
	}
	return f
}

// Publish lets everybody see what the follower, which goes ahead, has read so
// far, and wakes them.
func (f *Follower) Publish() {
	l := f.log
	if f.next == l.Head() {
		return
	}
	l.head.Store(uint64(f.next))
	l.wake(f.cursor)
	if l.pressed.Load() {
		l.reconsider()
	}
}

// open takes the gate away.
func (l *Log) open() {
	l.mu.Lock()
	l.gate.Store(nil)
	l.head.Store(l.end.Load())
	l.mu.Unlock()
	l.wake(nil)
}
