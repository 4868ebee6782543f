package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sop-chat/internal/english"
)

// A measurement is a driver from the first message to the last, with what is
// looked at on the way.
type measurement struct {
	*driver
	servers  processes
	beside   processes
	self     process
	reporter reporter
	reported mark
	begin    *mark // when the measured time began
	end      *mark // and when it ended
	seconds  int   // of it that are over
	complete *mark // when all had come
}

// A mark is what had happened at some time.
type mark struct {
	at                   time.Duration
	composed, deliveries int64
	delivered            []int64         // by each server
	servers, beside      []time.Duration // CPU time of each
	self                 time.Duration   // the generator's own
}

// drive keeps a driver going until all it is to send has been received.
func drive(ctx context.Context, c *Config, d *driver, servers, beside processes) (*measurement, error) {
	way := &measurement{driver: d, servers: servers, beside: beside, self: thisProcess(), reporter: reporter{to: c.Progress}}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		now := d.now()
		if err := way.look(now); err != nil {
			return nil, err
		}
		if err := d.send(now); err != nil {
			return nil, err
		}
		if over, err := way.over(now); over || err != nil {
			return way, err
		}
		if err := d.transport.wait(d.epoch.Add(way.next(now)), d); err != nil {
			return nil, err
		}
		if err := d.settle(); err != nil {
			return nil, err
		}
	}
}

// look does what is to be done at certain times.
func (c *measurement) look(now time.Duration) (err error) {
	if c.begin == nil && now >= c.measured.begin {
		if c.begin, err = c.mark(now); err != nil {
			return err
		}
	}
	// The last second ends with the last message.
	for now >= c.nextSecond() && c.nextSecond() < c.measured.end {
		c.recorder.turn()
		c.seconds++
	}
	if c.end == nil && now >= c.measured.end {
		if c.end, err = c.mark(now); err != nil {
			return err
		}
	}
	c.reporter.tell(c.epoch.Add(now), func() Progress { return c.progress(now) })
	return nil
}

func (c *measurement) nextSecond() time.Duration {
	return c.measured.begin + time.Duration(c.seconds+1)*time.Second
}

// mark takes down what has happened by now.
func (c *measurement) mark(now time.Duration) (*mark, error) {
	servers, err := c.servers.cpu()
	if err != nil {
		return nil, err
	}
	beside, err := c.beside.cpu()
	if err != nil {
		return nil, err
	}
	self, _ := c.self.cpu() // not known on every system
	return &mark{
		at: now, composed: c.composed, deliveries: c.deliveries, delivered: slices.Clone(c.delivered),
		servers: servers, beside: beside, self: self,
	}, nil
}

func (c *measurement) progress(now time.Duration) Progress {
	p := Progress{Joined: len(c.clients)}
	switch m := c.measured; {
	case now < m.begin:
		p.Phase, p.Part = WarmingUp, float64(now)/float64(m.begin)
	case now < m.end:
		p.Phase, p.Part = Measuring, float64(now-m.begin)/float64(m.end-m.begin)
	default:
		p.Phase, p.Part = Draining, float64(now-m.end)/float64(drainPatience)
	}
	if since := now - c.reported.at; since > 0 {
		p.Deliveries = float64(c.deliveries-c.reported.deliveries) / since.Seconds()
	}
	c.reported = mark{at: now, deliveries: c.deliveries}
	return p
}

// next returns when there is something to do at the latest.
func (c *measurement) next(now time.Duration) time.Duration {
	next := now + progressEvery
	sooner := func(then time.Duration) {
		if then > now {
			next = min(next, then)
		}
	}
	sooner(c.measured.begin)
	sooner(c.nextSecond())
	sooner(c.measured.end)
	if c.pace != nil {
		sooner(c.pace.next(now))
	}
	if c.complete != nil {
		sooner(c.complete.at + linger)
	}
	return next
}

// over reports whether all that was to be sent has come, and nothing else for
// a while. If it does not come in time, that is a failure.
func (c *measurement) over(now time.Duration) (bool, error) {
	switch {
	case now < c.measured.end:
		return false, nil
	case c.complete != nil:
		if now < c.complete.at+linger {
			return false, nil
		}
		return true, c.remains()
	case c.planned() == c.composed && c.deliveries == c.expected && (!c.told || c.acknowledged == c.composed):
		c.complete = &mark{at: now}
	case now > c.measured.end+drainPatience:
		return true, c.unfinished()
	}
	return false, nil
}

// planned returns how many messages are to be sent.
func (c *measurement) planned() int64 {
	if c.pace != nil {
		return int64(c.pace.all(c.measured.end))
	}
	return c.composed
}

// remains reports what is left of a stream behind its last message.
func (c *measurement) remains() error {
	for i := range c.clients {
		if n := len(c.clients[i].rest); n > 0 {
			return about(fmt.Errorf("client %d received %s of a message that does not go on", i, english.Count(n, "byte")), i)
		}
	}
	return nil
}

// unfinished says why what was to be sent has not been received.
func (c *measurement) unfinished() error {
	if planned := c.planned(); c.composed < planned {
		return fmt.Errorf("the server can't take %s a second: %v after the time was up, %d of %d still could not be sent",
			english.Count(c.pace.rate, "message"), drainPatience, planned-c.composed, planned)
	}
	if c.deliveries == c.expected {
		return fmt.Errorf("%d of %s were not acknowledged within %v after the last was due: %w",
			c.composed-c.acknowledged, english.Count(c.composed, "message"), drainPatience, c.missing())
	}
	return fmt.Errorf("%d of %s did not come within %v after the last message was due: %w",
		c.expected-c.deliveries, english.Count(c.expected, "delivery"), drainPatience, c.missing())
}
