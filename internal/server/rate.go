//go:build linux

package server

import (
	"log/slog"
	"math"
	"slices"
	"time"

	"sop-chat/internal/wire"
)

// A Rate is how many messages a member may send: Messages in each period Per, and Burst
// at once if it was quiet before. Beyond that it is read later, and TCP makes it wait.
// The zero Rate is no limit.
type Rate struct {
	Messages int
	Per      time.Duration
	Burst    int
}

const (
	// rateTick is how long a member that has sent too much waits at least, so that
	// several of them wake the loop once.
	rateTick = 10 * time.Millisecond
	// leastBurst is the time for which a burst is enough at least: a member that is read
	// a little late can make up for it, and has its rate.
	leastBurst = 100 * time.Millisecond
	// A WebSocket is read when it may send as much as the rate allows in frameTime, but
	// from leastFrame, the size of a small frame, to mostFrame: its pings are answered
	// before a whole message is due.
	frameTime             = 250 * time.Millisecond
	leastFrame, mostFrame = 8, wire.Size / 2
	// leastSweep and mostSweep bound how often the marks are looked through.
	leastSweep, mostSweep = time.Second, time.Minute
)

// A rateLimit is a Rate in bytes that are read. So the frames of a WebSocket count as they
// are, control frames among them.
type rateLimit struct {
	perSecond float64
	burst     int
}

// newRateLimit returns nil for no limit.
func newRateLimit(r Rate) *rateLimit {
	if r.Messages == 0 {
		return nil
	}
	perSecond := float64(r.Messages) * wire.Size / r.Per.Seconds()
	return &rateLimit{perSecond, max(r.Burst*wire.Size, wire.Size, int(perSecond*leastBurst.Seconds()))}
}

// timeFor returns how long it takes until that many more bytes may be sent.
func (l *rateLimit) timeFor(bytes int) time.Duration {
	return time.Duration(math.Ceil(float64(bytes) / l.perSecond * float64(time.Second)))
}

// Limit returns how many messages each member of the room may send in a second, and how many
// at once; 0 is no limit.
func (r *Room) Limit() (perSecond float64, burst int) {
	l := r.rate.Load()
	if l == nil {
		return 0, 0
	}
	return l.perSecond / wire.Size, l.burst / wire.Size
}

// left returns how many bytes a member may send now which may send a burst from full on.
func (l *rateLimit) left(full, now time.Time) int {
	if !now.Before(full) {
		return l.burst
	}
	return max(0, l.burst-int(math.Ceil(full.Sub(now).Seconds()*l.perSecond)))
}

// least returns how many bytes a member must be allowed to send to be read.
func (l *rateLimit) least(c *conn) int {
	if !c.isWebSocket() {
		return wire.Size
	}
	return min(max(leastFrame, int(l.perSecond*frameTime.Seconds())), mostFrame)
}

// Rates say how much each member may send while the room has a rate. This is a token
// bucket for each of them, of which all that is kept is when it will be full (the
// generic cell rate algorithm): what a member sends moves that ahead.
type rates struct {
	limit   *rateLimit          // nil: there is none, and nothing below is used
	full    map[*conn]time.Time // of the members whose bucket is not full, and some others
	sweepAt time.Time           // when to remove those others; zero if full is empty
	waiting []limited           // those that have sent too much
	tickAt  time.Time           // when to check them
}

// A limited is a member or a draining connection that is not read until a time.
type limited struct {
	conn  *conn
	until time.Time
}

// begin sets the limit for a wake-up. After a change all members may send a burst.
func (r *rates) begin(limit *rateLimit, now time.Time) {
	if limit != r.limit {
		r.limit, r.full, r.sweepAt = limit, nil, time.Time{}
		for i := range r.waiting {
			r.waiting[i].until = now
		}
		if !r.isIdle() {
			r.tickAt = now
		}
	}
	if r.sweepAt.IsZero() || now.Before(r.sweepAt) {
		return
	}
	r.sweepAt = time.Time{}
	for c, full := range r.full {
		if !now.Before(full) {
			delete(r.full, c)
		}
	}
	r.sweepLater(now)
}

// sweepLater sets when to look through the marks, if there are any.
func (r *rates) sweepLater(now time.Time) {
	if len(r.full) > 0 && r.sweepAt.IsZero() {
		r.sweepAt = now.Add(min(max(leastSweep, r.limit.timeFor(r.limit.burst)), mostSweep))
	}
}

// isIdle reports whether there is nothing to be done later.
func (r *rates) isIdle() bool { return len(r.waiting) == 0 && r.tickAt.IsZero() && r.sweepAt.IsZero() }

// left returns how many bytes a member may send now: 0 if that is not worth reading.
func (r *rates) left(c *conn, now time.Time) int {
	if r.limit == nil {
		return maxRead
	}
	left := r.limit.left(r.full[c], now)
	if left < r.limit.least(c) {
		return 0
	}
	return left
}

// charge counts what a member has sent.
func (r *rates) charge(c *conn, bytes int, now time.Time) {
	if r.limit == nil {
		return
	}
	if r.full == nil {
		r.full = make(map[*conn]time.Time)
	}
	full := r.full[c]
	if full.Before(now) {
		full = now
	}
	r.full[c] = full.Add(r.limit.timeFor(bytes))
	r.sweepLater(now)
}

// wait has a member checked when it may send again.
func (r *rates) wait(c *conn, now time.Time) {
	const rounding = 1
	until := r.full[c].Add(-r.limit.timeFor(r.limit.burst - r.limit.least(c) - rounding))
	r.waiting = append(r.waiting, limited{c, until})
	r.tickFor(until, now)
}

// tickFor sets the next tick for something that waits until a time.
func (r *rates) tickFor(until, now time.Time) {
	if soon := now.Add(rateTick); until.Before(soon) {
		until = soon
	}
	r.tickAt = earliest(r.tickAt, until)
}

// pauseLimited stops reading from a member or a draining connection until its rate
// permits it.
func (a *audience) pauseLimited(c *conn) {
	c.paused = true
	logAbout(a.output.logger, slog.LevelDebug, "a client sends more than its rate permits, and is read slower", c, a.room)
	a.rates.wait(c, a.now)
	if c.state == member {
		a.arm(c)
	}
}

// resumeLimited ends the pauses of those that may send again.
func (a *audience) resumeLimited() {
	r := &a.rates
	if r.tickAt.IsZero() || a.now.Before(r.tickAt) {
		return
	}
	r.tickAt = time.Time{}
	r.waiting = slices.DeleteFunc(r.waiting, func(w limited) bool {
		if w.conn.state != closed && a.now.Before(w.until) {
			r.tickFor(w.until, a.now)
			return false
		}
		w.conn.paused = false
		if w.conn.state == member {
			a.arm(w.conn)
		}
		return true
	})
}
