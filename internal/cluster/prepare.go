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
// the stream has nothing of the room, that is where the room begins. It may be called again
// after an error.
func (c *core) prepare(ctx context.Context, s Stream, name string, number, replay uint64) (start, error) {
	all := roomReader{s, c.prefix + "." + token(name) + ".*"}
	end, last, err := all.end(ctx)
	if errors.Is(err, ErrNoMessage) {
		if err = c.found(ctx, s, name, number); err == nil {
			end, last, err = all.end(ctx)
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
	return start{at, max(at.number, min(number, end.number)), last.Time, !isReplay && at.number < end.number}, err
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
