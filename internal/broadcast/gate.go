package broadcast

// A gate is a follower that is ahead of all other readers: at first only the gate
// sees what is appended, and when it is done with that, it publishes it:
//
//	      what everybody may read       what only the gate may read
//	┌─────────────────────────────────┬─────────────────────────────┐
//	└─────────────────────────────────▲─────────────────────────────▲
//	                                  head                          end
//
// So nobody receives a message that, for example, an archive has not yet written to
// its disk. Lag is counted from the end: a gate that lags holds the room like any
// follower that must not lose anything.

// FollowAhead adds a follower that is the log's gate: it gets every message from
// now on before any other reader does, and Publish lets the others see what Next
// has returned. There is one at most. Nothing may be appended during the call.
// Closing the gate publishes all there is.
func (g *Group) FollowAhead(l *Log, owner any) *Follower {
	return g.follow(l, &Follower{owner: owner, isAhead: true})
}

// FollowAhead returns a gate like that of Group.FollowAhead, which is read by itself,
// with Next.
func (l *Log) FollowAhead() *Follower { return NewGroup().FollowAhead(l, nil) }

// Publish lets all readers see what the gate has read so far, and wakes them.
func (f *Follower) Publish() {
	l := f.log()
	if f.next <= l.Head() { // before it, if the gate was none until the log was restored
		return
	}
	l.head.Store(uint64(f.next))
	l.wake(&f.cursor)
	if l.pressed.Load() {
		l.reconsider()
	}
}

// removeGate removes the gate, if it is that one, and publishes all there is.
func (l *Log) removeGate(f *Follower) {
	l.mu.Lock()
	removed := l.gate.CompareAndSwap(f, nil)
	if removed {
		l.head.Store(l.end.Load())
	}
	l.mu.Unlock()
	if removed {
		l.wake(nil)
	}
}
