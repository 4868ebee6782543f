//go:build linux

package server

import (
	"log/slog"
	"net/netip"
	"time"

	"sop-chat/internal/origin"
	"sop-chat/internal/repeat"
)

// Origins decide on connections and on keys by the address that they come from.
// origin.Table is the real one, and documents the methods. It is shared with others that
// see keys, so its times are the system's, and not those of a loop's clock.
type origins interface {
	Denies(netip.Addr) bool
	Connect(netip.Addr, time.Time) (origin.Verdict, time.Time)
	Look(netip.Addr, time.Time) (origin.Verdict, time.Time)
	Wrong(netip.Addr, []byte, time.Time) (origin.Ban, bool)
	Right(netip.Addr, time.Time)
	Skipped(netip.Addr, time.Time)
}

var _ origins = (*origin.Table)(nil)

// A refusal is what connections that are refused for their origin have in common.
type refusal struct {
	origin netip.Prefix
	why    origin.Verdict
}

// mayConnect decides on a new connection by its origin. If it may not come, it is closed.
func (a *acceptor) mayConnect(c *conn) bool {
	v, _ := a.origins.Connect(c.Addr.Addr(), a.wall)
	if v != origin.Pass {
		a.turnAway(c, v)
	}
	return v == origin.Pass
}

// turnAway closes a connection because of its origin. There may be very many such, so
// that they are not reported one by one.
func (a *acceptor) turnAway(c *conn, v origin.Verdict) {
	a.refusals.Show(refusal{repeat.Source(c.Addr.Addr()), v}, a.now)
	a.end(c, causeOrigin(v))
}

// reportRefusals reports the connections that were closed because of their origins, when
// that is due, or the acceptor ends.
func (a *acceptor) reportRefusals(ends bool) {
	if due := a.refusals.Due(); due.IsZero() || a.now.Before(due) && !ends {
		return
	}
	for _, sum := range a.refusals.Take() {
		from, why := "others", "various"
		if !sum.Others {
			from, why = repeat.Name(sum.Key.origin), sum.Key.why.String()
		}
		a.logger.Info("connections were refused", "address", from, "reason", why, "times", sum.Count)
	}
}

// mayLook reports whether the key that a connection gave may be looked at. If not, the
// connection is delayed or closed.
func (a *acceptor) mayLook(p *pendingConn) bool {
	if p.looked {
		return true
	}
	if o := a.delays.byOrigin[sourceOf(p)]; o != nil {
		a.delay(p, o.at) // behind those that came before
		return false
	}
	switch v, until := a.origins.Look(p.conn.Addr.Addr(), a.wall); v {
	case origin.Pass:
		p.looked = true
	case origin.Wait:
		a.delay(p, until)
	default:
		a.turnAway(p.conn, v)
	}
	return p.looked
}

// delay has a connection wait until its key may be looked at. It is a pending one all the
// same.
func (a *acceptor) delay(p *pendingConn, until time.Time) {
	a.delays.add(p, until)
	a.park(p.conn, delayed)
}

// lookAtDelayed looks at the keys that have waited for long enough: of each origin the
// oldest one, after which the next has to wait again.
func (a *acceptor) lookAtDelayed() {
	for o := a.delays.first(); o != nil && !o.at.After(a.wall); o = a.delays.first() {
		p := o.oldest()
		switch v, until := a.origins.Look(p.conn.Addr.Addr(), a.wall); v {
		case origin.Pass:
			p.looked = true
			a.delays.remove(p)
			a.resume(p.conn)
		case origin.Wait:
			a.delays.postpone(o, until)
		default:
			a.turnAway(p.conn, v)
		}
	}
}

// judge tells the origins whether the key of a connection is right, once.
func (a *acceptor) judge(p *pendingConn, key []byte) {
	from := p.conn.Addr.Addr()
	switch {
	case p.judged:
		return
	case p.room != nil:
		a.origins.Right(from, a.wall)
	case p.checked != nil && p.checked.Verdict == Unchecked:
		a.origins.Skipped(from, a.wall)
	default:
		if ban, isBanned := a.origins.Wrong(from, key, a.wall); isBanned {
			ban.Log(a.logger)
		}
	}
	p.judged = true
}

// giveUp tells the origins that nobody will know whether the key of a connection is right
// that might be looked at.
func (a *acceptor) giveUp(p *pendingConn) {
	if p.looked && !p.judged {
		a.origins.Skipped(p.conn.Addr.Addr(), a.wall)
	}
}

// DisconnectDenied disconnects all clients whose addresses the lists of Config.Origins
// deny, which are others now. That happens soon after.
func (s *Server) DisconnectDenied() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isServing {
		s.empty(emptying{cause: causeDenied})
	}
}

// endDenied disconnects the loop's clients that are denied.
func (l *loop) endDenied(why cause) {
	for _, c := range l.table.conns {
		if c == nil || !l.origins.Denies(c.Addr.Addr()) {
			continue
		}
		if a := l.audiences.at(c); a != nil {
			l.audiences.touch(a)
			a.end(c, why)
		} else {
			l.acceptor.end(c, why)
		}
	}
}

// causeOrigin is for a connection that is closed because of its origin.
func causeOrigin(v origin.Verdict) cause {
	return cause{words: "its address " + v.String(), reason: reasonOrigin(v), level: slog.LevelDebug, reset: true}
}
