//go:build linux

package server

// A lag is what a loop keeps for a member whose socket took less than there was.
type lag struct {
	index    int  // in the audience's lagging
	ready    bool // it is in the audience's list of members to be written to again
	deferred bool // the kernel lacked memory for the write; the socket may have space
}

// awaitWritable has the rest written to c when its socket is writable.
func (a *audience) awaitWritable(c *conn) {
	a.beginLag(c)
	c.lag.deferred = false
	a.arm(c)
}

// deferWrite has the rest written to c when the kernel may have memory for it
// again. Until then epoll might report its socket as writable all the time, so
// the loop does not wait for that.
func (a *audience) deferWrite(c *conn) {
	a.beginLag(c)
	c.lag.deferred = true
	a.backOff()
	a.arm(c)
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

// beginLag adds c to the lagging members.
func (a *audience) beginLag(c *conn) {
	if c.lag != nil {
		return
	}
	if last := len(a.spareLags) - 1; last >= 0 {
		c.lag, a.spareLags = a.spareLags[last], a.spareLags[:last]
	} else {
		c.lag = new(lag)
	}
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

	const kept = 64
	if len(a.spareLags) < kept {
		*c.lag = lag{}
		a.spareLags = append(a.spareLags, c.lag)
	}
	c.lag = nil
}
