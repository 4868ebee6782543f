//go:build linux

package server

// A lag is what is kept for a member whose socket took less than there was.
type lag struct {
	index int  // in the audience's lagging
	ready bool // it is in the audience's list of members to be written to again
	// deferred: the kernel lacked memory for the write. The socket may have space, so that
	// epoll might report it as writable all the time, and is not asked.
	deferred bool
	replays  bool // it has yet to receive messages from before it joined
}

// retryDeferred marks the members whose writes were deferred as ready.
func (a *audience) retryDeferred() {
	for _, c := range a.lagging {
		if c.lag.deferred {
			a.markReady(c)
		}
	}
}

// markReady has c, which lags, written to in this wake-up.
func (a *audience) markReady(c *conn) {
	if !c.lag.ready {
		c.lag.ready = true
		a.ready = append(a.ready, c)
	}
}

// writeSoon has c written to in this wake-up, whether it lags or not.
func (a *audience) writeSoon(c *conn) {
	a.beginLag(c)
	a.markReady(c)
}

// beginLag adds c to the lagging members.
func (a *audience) beginLag(c *conn) {
	if c.lag != nil {
		return
	}
	c.lag = a.lags.take()
	c.lag.index = len(a.lagging)
	a.lagging = append(a.lagging, c)
}

// endLag removes c from the lagging members.
func (a *audience) endLag(c *conn) {
	if c.lag == nil {
		return
	}
	last := len(a.lagging) - 1
	moved := a.lagging[last]
	a.lagging[c.lag.index] = moved
	moved.lag.index = c.lag.index
	a.lagging[last] = nil
	a.lagging = a.lagging[:last]
	*c.lag = lag{}
	a.lags.put(c.lag)
	c.lag = nil
}
