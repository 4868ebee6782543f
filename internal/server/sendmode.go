//go:build linux

package server

import (
	"math"
	"time"
)

// A sendMode is how large batches are sent.
type sendMode uint8

const (
	references sendMode = iota
	copies
)

func (m sendMode) String() string {
	if m == references {
		return "reference"
	}
	return "copy"
}

func (m sendMode) other() sendMode { return references + copies - m }

// A modeChooser finds out which mode costs less for each byte, on this machine and
// with this load. It keeps to one mode, and now and then tries the other:
//
//	… mode │ mode  other  mode  other  mode │ mode …
//	 rest  │             trial              │ rest
//
// A trial is a sequence of periods. One of the other mode is compared with the two
// beside it, so that a load that grows or shrinks meanwhile favours neither. The
// other mode must win several comparisons, so that noise rarely changes the choice.
// A trial that it does not win ends soon. The rest is the longer the more trials
// there were, and the more the last one has cost.
//
// It reads no clock. It is not safe for concurrent use.
type modeChooser struct {
	limits trialLimits
	mode   sendMode // the one to keep to
	inUse  sendMode // mode, or the other while it is tried

	rest   float64 // bytes to send before the next trial
	trials int     // how many have ended, as far as that matters for rest
	before period  // the trial's last complete period of mode
	tried  period  // the period of the other mode after it, if there was one
	now    period  // the one under way
	score  int     // comparisons won in the trial, less those lost
	excess float64 // what the trial has cost more than no trial, in nanoseconds
}

// trialLimits say how a modeChooser tries the other mode.
type trialLimits struct {
	// skip is how much of a period does not count, by its cost: meanwhile the log
	// still punches what the other mode has lent, or has pages that it left.
	skip time.Duration
	// cost is how long the rest of a period is, by its cost.
	cost time.Duration
	// wins is by how many won comparisons the other mode is chosen, and losses by
	// how many lost ones the trial ends.
	wins, losses int
	// rest is how much is sent before the second trial, in periods. It doubles with
	// each trial, up to maxRest.
	rest, maxRest float64
}

// standardTrial has periods in which the noise of single calls averages out. In a
// room so small that punching and new pages matter, they are several wake-ups long,
// and what is skipped is about as much as the log keeps for reuse.
var standardTrial = trialLimits{
	skip: 5 * time.Millisecond,
	cost: 20 * time.Millisecond,
	wins: 3, losses: 2,
	rest: 32, maxRest: 512,
}

const (
	// gain is by what factor the other mode must be cheaper to win a comparison.
	gain = 0.97
	// restForExcess is how many times what a trial has cost more than no trial must
	// be spent until the next: so trials add less than one percent.
	restForExcess = 192
	// mostUnknown is how many more parts of a period may be of unknown cost than
	// of known.
	mostUnknown = 64
)

// A period is a stretch of what was sent in one mode.
type period struct {
	total   float64 // bytes
	skipped sent    // first, which does not count
	counted sent
	unknown int // parts of unknown cost, less those of known
}

// sent is how much was sent, and what it cost in nanoseconds.
type sent struct{ bytes, cost float64 }

func (s *sent) add(t sent) { s.bytes, s.cost = s.bytes+t.bytes, s.cost+t.cost }

func (s *sent) rate() float64 { return s.cost / s.bytes }

// excess returns what a period has cost more than at a rate.
func (p *period) excess(rate float64) float64 {
	known := p.skipped
	known.add(p.counted)
	return (known.rate() - rate) * p.total
}

// measures reports whether the cost of what is sent next matters.
func (c *modeChooser) measures() bool { return c.rest <= 0 }

// add takes what was sent in a mode, in bytes, and what that cost: 0 or less if
// that is not known. It reports whether it has chosen the other mode.
func (c *modeChooser) add(mode sendMode, bytes int, cost time.Duration) (chosen bool) {
	switch {
	case bytes <= 0 || mode != c.inUse: // the second began before inUse changed
		return false
	case c.rest > 0:
		c.rest -= float64(bytes)
		return false
	}
	p := &c.now
	p.total += float64(bytes)
	if cost <= 0 {
		if p.unknown++; p.unknown > mostUnknown {
			c.endTrial(p)
		}
		return false
	}
	p.unknown--
	part := sent{float64(bytes), float64(cost)}
	if p.skipped.cost < float64(c.limits.skip) {
		p.skipped.add(part)
		return false
	}
	p.counted.add(part)
	return p.counted.cost >= float64(c.limits.cost) && c.endPeriod()
}

// endPeriod goes on with the trial, and reports whether it was won.
func (c *modeChooser) endPeriod() (won bool) {
	ended := c.now
	c.now = period{}
	if c.inUse != c.mode {
		c.tried, c.inUse = ended, c.mode
		return false
	}
	if c.tried.total > 0 {
		c.compare(&ended)
	}
	c.before, c.tried = ended, period{}
	switch {
	case c.score >= c.limits.wins:
		c.mode, c.excess = c.mode.other(), 0
		c.endTrial(&ended)
		return true
	case c.score <= -c.limits.losses:
		c.endTrial(&ended)
		return false
	}
	c.inUse = c.mode.other()
	return false
}

// compare compares the mode that was tried with the other before and after it.
func (c *modeChooser) compare(after *period) {
	beside := c.before.counted
	beside.add(after.counted)
	usual := beside.rate()
	c.excess += c.tried.excess(usual) + after.excess(usual)
	if c.tried.counted.rate() < gain*usual {
		c.score++
	} else {
		c.score--
	}
}

// endTrial keeps to the mode from now on. last is the trial's last period.
func (c *modeChooser) endTrial(last *period) {
	periods := min(math.Ldexp(c.limits.rest, c.trials), c.limits.maxRest)
	c.rest = periods * last.total
	if periods < c.limits.maxRest {
		c.trials++
	}
	if last.counted.bytes > 0 {
		c.rest = max(c.rest, restForExcess*c.excess/last.counted.rate())
	}
	c.inUse = c.mode
	c.before, c.tried, c.now, c.score, c.excess = period{}, period{}, period{}, 0, 0
}
