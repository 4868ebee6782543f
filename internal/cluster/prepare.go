package cluster

import (
	"context"
	"errors"
	"time"
)

// A start is where a room begins in the stream.
type start struct {
	at     place     // what is behind it is delivered
	from   uint64    // the number of the first message that is delivered
	spoken time.Time // when the stream took the last batch of the room
	lacks  bool      // messages that it is to have from before, as it had a number
}

// prepare finds out where a room begins: at the message with a number, or as many before the
// last one as are to be replayed if number is 0; or as close to that as the stream has it. If
// the stream has nothing of the room, that is where the room begins. had is the number of the
// next message as the server knew it before, or 0. If the stream has less, the numbers go on
// behind that. has reports whether the server has had a message with a number at a time. It may
// be called again after an error.
func (c *core) prepare(ctx context.Context, s Stream, name string, number, replay, had uint64, has func(uint64, time.Time) bool) (start, error) {
	all := readerOf(s, c.prefix, name)
	end, last, anew, err := all.end(ctx)
	if err == nil && number > end.number && isMessage(last) && has != nil && has(end.number-1, last.Time) {
		had = max(had, number) // its numbers are the cluster's, which has lost the last ones
	}
	switch isNew := errors.Is(err, ErrNoMessage); {
	case isNew && had == 0:
		if err = c.found(ctx, s, name, number); err == nil {
			end, last, anew, err = all.end(ctx)
		}
	case isNew, err == nil && end.number < had:
		if err = c.goOn(ctx, s, all, had); err == nil {
			end, last, anew, err = all.end(ctx)
		}
		if err == nil && end.number < had {
			err = errOldAnswer
		}
	}
	if err != nil {
		return start{}, err
	}
	info, err := s.Info(ctx)
	if err != nil {
		return start{}, err
	}
	isReplay := number == 0
	if isReplay {
		number = max(end.number, replay+1) - replay
	}
	at, err := all.before(ctx, number, info.First, end)
	if at.seq < anew.seq {
		at = anew
	}
	return start{at, max(at.number, min(number, end.number)), last.Time, !isReplay && at.number < end.number}, err
}

// isMessage reports whether the last message of a batch is the last one of its room.
func isMessage(m Message) bool {
	b, err := parse(m.Data)
	return err == nil && b.kind == kindBatch && b.count > 0
}

// errOldAnswer says that a leader of the stream was asked that was replaced.
var errOldAnswer = errors.New("the stream does not have yet what it has acknowledged")

// goOn says that a room's numbers go on behind a number, unless the stream has that: it was asked while
// a leader answered that was replaced.
func (c *core) goOn(ctx context.Context, s Stream, r roomReader, had uint64) error {
	// A leader that has the claim of the name has all that was read before that.
	_, claimed, err := lastClaim(ctx, s, claimSubject(c.prefix, c.server))
	if err == nil && (claimed.instance != c.instance || claimed.kind != kindOwn) {
		err = errOldAnswer
	}
	if err != nil {
		return err
	}
	end, _, anew, err := r.end(ctx)
	if err != nil && !errors.Is(err, ErrNoMessage) || end.number >= had {
		return err
	}
	data := appendHeader(nil, &batch{kind: kindBatch, instance: c.instance, hint: goOn(had)})
	_, err = s.Publish(ctx, r.numbers, anew.seq, data)
	if errors.Is(err, ErrWrongLast) { // another server has said so meanwhile
		err = nil
	}
	return err
}

// found publishes the first batch of a room, which gives its messages their numbers, not
// before hint.
func (c *core) found(ctx context.Context, s Stream, name string, hint uint64) error {
	subject := c.prefix + "." + token(name) + "." + c.server
	data := appendHeader(nil, &batch{kind: kindBatch, instance: c.instance, hint: hint})
	_, err := s.Publish(ctx, subject, 0, data)
	if errors.Is(err, ErrWrongLast) { // it was there already
		err = nil
	}
	return err
}
