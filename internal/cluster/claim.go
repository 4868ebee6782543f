package cluster

import (
	"context"
	"errors"
	"time"
)

// No two servers of a cluster may have the same name, or each would take what the other
// publishes for something that came late. Each name has a subject on which servers say that
// it is theirs, each time with the last message there as the expectation. So the stream
// decides.
//
//	  a server starts          the one that has the name
//	       │ claim ────────────────▶ │ reads it
//	       │                         │ own, expecting the claim
//	       │ waits for claimWait     │
//	       │ own, expecting the claim
//
// Of the two that expect the claim, one succeeds. If it is the one that had the name, the
// other does not start. If that has ended, or is stopped or cut off for so long, the new one
// goes on, and the former reads so as soon as it can read anything, and ends. If none had the
// name, or it was released, there is no need to wait. What was said before the claim says
// nothing: a former leader of the stream may answer with that.

// claimRenewal is how many times a server says that it has its name while the stream keeps that once.
const claimRenewal = 8

// claimWait is how long a server waits for another to say that it has its name, and
// claimLooks how often it looks meanwhile.
const (
	claimWait  = 3 * time.Second
	claimLooks = 30
)

// claim makes a name an instance's. It returns ErrNameTaken if another has it. wait is how it
// waits until it looks again. It may be called again after any other error.
func claim(ctx context.Context, s Stream, subject string, id instance, wait func(context.Context) error) error {
	own := appendHeader(nil, &batch{kind: kindOwn, instance: id})
	last, b, err := lastClaim(ctx, s, subject)
	if err != nil {
		return err
	}
	if last > 0 && b.kind != kindRelease && b.instance != id {
		if last, err = s.Publish(ctx, subject, last, appendHeader(nil, &batch{kind: kindClaim, instance: id})); err != nil {
			return err
		}
		b = batch{kind: kindClaim, instance: id}
	}
	if last > 0 && b.instance == id && b.kind == kindOwn {
		return nil
	}
	hasClaimed := last > 0 && b.kind == kindClaim
	if hasClaimed {
		for range claimLooks {
			if err := wait(ctx); err != nil {
				return err
			}
			if at, b, err := lastClaim(ctx, s, subject); err == nil && at > last && b.instance != id && b.kind == kindOwn {
				return ErrNameTaken
			}
		}
	}
	_, err = s.Publish(ctx, subject, last, own)
	if hasClaimed && errors.Is(err, ErrWrongLast) {
		if at, b, err := lastClaim(ctx, s, subject); err == nil && at > last && b.instance != id && b.kind != kindRelease {
			return ErrNameTaken
		}
	}
	return err
}

// lastClaim returns what was said last on the subject of a name, and its sequence; 0 if
// nothing was.
func lastClaim(ctx context.Context, s Stream, subject string) (uint64, batch, error) {
	m, err := s.Last(ctx, subject)
	if errors.Is(err, ErrNoMessage) {
		return 0, batch{}, nil
	}
	if err != nil {
		return 0, batch{}, err
	}
	b, _ := parse(m.Data) // if it is nothing that is understood, it is replaced as if it were released
	if b.kind == kindBatch || b.kind == 0 {
		b.kind = kindRelease
	}
	return m.Seq, b, nil
}

// release says that a name is nobody's any more.
func release(ctx context.Context, s Stream, subject string, id instance) error {
	last, b, err := lastClaim(ctx, s, subject)
	if err != nil || b.instance != id {
		return err
	}
	_, err = s.Publish(ctx, subject, last, appendHeader(nil, &batch{kind: kindRelease, instance: id}))
	return err
}

func claimSubject(prefix, server string) string { return prefix + "." + serversToken + "." + server }

// claimed takes what a server has said of its name.
func (c *core) claimed(m *Message, server string) error {
	if server != c.server || m.Seq <= c.ownSince {
		return nil
	}
	switch b, _ := parse(m.Data); {
	case b.instance == c.instance, b.kind == kindRelease:
		c.contested, c.claimSeq, c.claimedAt = 0, m.Seq, m.Time
	case b.kind == kindOwn:
		return ErrFenced
	case b.kind == kindClaim:
		c.contested = m.Seq
		c.reclaim()
	}
	return nil
}

// reclaim says that the name is the server's own.
func (c *core) reclaim() {
	if !c.isClaiming {
		c.isClaiming = true
		own := appendHeader(nil, &batch{kind: kindOwn, instance: c.instance})
		c.do(claimAction{claimSubject(c.prefix, c.server), c.contested, own})
	}
}

// renewClaim says it again before the stream drops it: servers are found by it, see core.look.
func (c *core) renewClaim() {
	if c.claimSeq > 0 && c.contested == 0 && !c.isClaiming && c.isReading && c.now.Sub(c.claimedAt) > c.keep/claimRenewal {
		c.isClaiming = true
		own := appendHeader(nil, &batch{kind: kindOwn, instance: c.instance})
		c.do(claimAction{claimSubject(c.prefix, c.server), c.claimSeq, own})
	}
}

// reclaimed says that an attempt to do so is over, whatever came of it.
func (c *core) reclaimed() { c.isClaiming = false }
