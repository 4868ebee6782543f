package cluster

import (
	"errors"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// Publishing what is said in a room is a loop of one step: publish all that is unreturned, up
// to maxMessages; wait until it comes back from the stream. An acknowledgement is not needed
// for that. If none comes, or an error, the same batch is published again with the same
// expectation until one of them comes back. All attempts expect the same last message of the
// subject, and the first that arrives replaces that message, so at most one of them is ever
// in the stream; and none of the next batch is published before, so nothing overtakes.
//
// Something else on the subject can be in between only if a former process of the same name
// said it, and it arrived late. It comes back, too; no attempt from before can succeed then,
// and the batch is published again behind it.

const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
	// maxRetry is until when a call is tried again that was not answered.
	maxRetry = 2 * time.Second
	// patience is how long a batch may take to come back after it was acknowledged, before it
	// is looked for.
	patience = 10 * time.Second
	// maxSuspicions is how often, at least maxBackoff apart, a stream must appear to have lost
	// messages to be taken for another. A leader that was replaced may say so for a while.
	maxSuspicions = 6
)

// A publisher is what a room has for what this server says in it.
type publisher struct {
	expected   uint64    // the last message of the subject, as far as known
	isKnown    bool      // or it has to be asked for
	isAsking   bool      // for it
	counter    uint64    // of the last batch
	out        *outgoing // was published and has not come back; nil: nothing
	suspicions int
}

// An outgoing is a batch that is under way.
type outgoing struct {
	counter uint64
	senders []*broadcast.Sender
	packed  []byte // the messages
	fact    fact
	data    []byte // as it is published
	attempt int
	tries   int
	isTried bool      // an attempt's outcome has yet to be known
	retry   time.Time // when it is published again, unless that
}

// publish publishes what is unreturned in a room, if it may.
func (c *core) publish(r *room) {
	if r.cursor != nil && !r.isGone {
		r.cursor.Advance(r.sink.Outgoing().Head())
	}
	if !c.isReading || r.isGone || r.out != nil || r.until > 0 || len(r.queue) > 0 {
		return
	}
	n := r.sink.CopyUnreturned(c.entries, 0)
	switch isStale := c.isStale(r); {
	case n == 0 && !isStale:
		return
	case !r.isKnown:
		c.ask(r)
		return
	}
	c.send(r, n)
}

// send publishes the first n entries, or a batch without messages.
func (c *core) send(r *room, n int) {
	counter := uint64(0)
	if n > 0 {
		r.counter++
		counter = r.counter
	}
	r.out = pack(counter, c.entries[:n])
	c.try(r)
}

// fact returns what is known of a room that has nothing to be delivered.
func (c *core) fact(r *room) fact { return fact{max(c.position, r.at.seq), r.at.number} }

// pack returns a batch of messages, which are cleared.
func pack(counter uint64, messages []broadcast.Entry) *outgoing {
	o := &outgoing{counter: counter, senders: make([]*broadcast.Sender, len(messages))}
	o.packed = make([]byte, 0, len(messages)*(wire.Size/4))
	for i := range messages {
		e := &messages[i]
		id, name := uint64(0), ""
		if o.senders[i] = e.From; e.From != nil {
			id, name = e.From.ID, e.From.Name
		}
		o.packed = appendMessage(o.packed, id, name, &e.Message)
		*e = broadcast.Entry{}
	}
	return o
}

// encode makes the data of a batch. What was made before may still be in use.
func (o *outgoing) encode(id instance, f fact) {
	b := batch{kind: kindBatch, instance: id, counter: o.counter, fact: f, count: len(o.senders)}
	o.fact = f
	o.data = appendHeader(make([]byte, 0, maxHeader+len(o.packed)), &b)
	o.data = append(o.data, o.packed...)
}

// try publishes what is under way, if it may. What the server knows is what it knows now.
func (c *core) try(r *room) {
	o := r.out
	c.pending[r] = struct{}{}
	if !c.isReading || r.until > 0 || len(r.queue) > 0 {
		return
	}
	if f := c.fact(r); f != o.fact || o.data == nil {
		o.encode(c.instance, f)
	}
	o.attempt++
	o.tries++
	o.isTried = true
	c.do(publishAction{r, r.subject, r.expected, o.data, o.counter, o.attempt})
}

// published says what came of an attempt.
func (c *core) published(a publishAction, err error) {
	r := a.room
	if r.isGone || r.out == nil || r.out.counter != a.counter || r.out.attempt != a.attempt {
		return // another has come back
	}
	o := r.out
	o.isTried = false
	switch {
	case err == nil:
		o.retry = c.now.Add(patience)
		o.tries = 0
		c.isPublishing(nil)
	case errors.Is(err, ErrWrongLast):
		o.retry = c.now.Add(backoff(o.tries))
		c.ask(r)
	default:
		o.retry = c.now.Add(min(backoff(o.tries), maxRetry))
		c.isPublishing(err)
	}
}

func backoff(tries int) time.Duration {
	return min(minBackoff<<min(tries, 10), maxBackoff)
}

// ask asks what the last message of the room's subject is.
func (c *core) ask(r *room) {
	if !r.isAsking {
		r.isAsking = true
		c.do(askAction{r, r.subject})
	}
}

// answered says what the last message of the room's subject is, 0 if there is none, and what
// the stream has; both as they are now or were before.
func (c *core) answered(r *room, last uint64, info Info, err error) error {
	r.isAsking = false
	switch {
	case r.isGone:
		return nil
	case err != nil:
		c.isPublishing(err)
		c.pending[r] = struct{}{} // until the next tick
		return nil
	case last >= r.expected: // if it is more, it comes back from the stream, if it has not yet
		r.suspicions = 0
		switch isRead := last <= max(c.position, r.at.seq) && len(r.queue) == 0 && r.until == 0; {
		case !r.isKnown && isRead:
			r.isKnown, r.expected = true, last
			c.publish(r)
		case !r.isKnown: // it may be a record by which something is void, see recall.go
		case last > r.expected && isRead: // it is older than the link, and the answer before was old
			if r.expected = last; r.out != nil && !r.out.isTried {
				c.try(r)
			}
		}
	case info.First > c.position+1, len(r.queue) > 0, r.until > 0, !c.isReading:
		// What is under way may be among what was not read. Reading will tell.
		if r.out != nil {
			r.out.retry = c.now.Add(maxBackoff)
		}
	case info.First > r.expected: // the stream has dropped it
		r.suspicions = 0
		if r.expected = last; r.out != nil && !r.out.isTried {
			c.try(r)
		}
	default:
		if r.suspicions++; r.suspicions > maxSuspicions {
			return ErrStreamReplaced
		}
		if r.out != nil {
			r.out.retry = c.now.Add(maxBackoff)
		}
	}
	return nil
}

// returned says that a message of the room's subject has come back: the one under way, or
// another.
func (p *publisher) returned(seq uint64, isMine bool, counter uint64) {
	p.expected, p.isKnown = max(p.expected, seq), true
	p.suspicions = 0
	switch o := p.out; {
	case o == nil:
	case isMine && o.counter == counter:
		p.out = nil
	default: // no attempt from before can succeed any more
		o.attempt++
		o.isTried, o.retry = false, time.Time{}
	}
}

// isStale reports whether the last batch of the room is so old that it would be dropped before
// long, and its number with it. Servers do not take it to be so at the same time.
func (c *core) isStale(r *room) bool {
	return c.keep > 0 && c.now.Sub(r.spoken) > c.keep/2+c.keep/4*time.Duration(c.instance[0])/256
}

// tick does what is due. It is called some times a second.
func (c *core) tick(now time.Time) error {
	c.now = now
	for r := range c.pending {
		switch o := r.out; {
		case r.until > 0:
			if err := c.process(r); err != nil {
				return err
			}
		case o == nil && r.isKnown:
			delete(c.pending, r)
		case o == nil: // it is not known what to expect
			if delete(c.pending, r); !r.isAsking {
				c.publish(r)
			}
		case !o.isTried && !r.isAsking && !now.Before(o.retry):
			c.try(r)
		}
	}
	if len(c.recalls) > 0 {
		c.tickRecalls()
	}
	if c.contested > 0 {
		c.reclaim()
	}
	if c.keep > 0 && now.After(c.nextRefresh) {
		c.nextRefresh = now.Add(c.keep / 64)
		c.renewClaim()
		for _, r := range c.rooms {
			if c.isStale(r) {
				c.publish(r)
			}
		}
	}
	return nil
}
