package cluster

import (
	"context"
	"errors"
	"fmt"
)

// The messages of a room are numbered without gaps, and alike at all servers. The stream has
// no numbers but its own sequences, so servers count. From where on, the batches say: each
// has a fact (see fact), of which its server was certain when it published, as it had counted
// to there. A server that starts takes the fact of the room's last batch, and counts those
// between the two, which are few: they were under way at the same time.
//
// A server that finds no batch of a room publishes one without messages and a fact without a number.
// The first batch there is of a room gives its sequence to the number of the first message, or the hint that
// it has from the history of its server, if that is more. So
// it does not matter how many servers do so at once, and numbers are never given again if all that a room had was
// dropped by the stream meanwhile.

// If the stream has lost messages that servers have delivered, or was made anew, numbers would be given again
// nevertheless. So a server that has given greater ones than the stream has says, on a subject of the room for that
// alone, from which number on the room goes on; far enough behind its own for those of other servers, too. Behind
// that message the number is that one for everybody. A server that has another one there begins anew.

// numbersPerSequence is more than the messages of a batch, so that a number that is made of a
// sequence is larger than all of the room before.
const numbersPerSequence = 1 << 12

// firstNumber returns the number of the first message after the first batch of a room, if
// that has no number in its fact, and no hint.
func firstNumber(seq uint64) uint64 { return (seq-1)*numbersPerSequence + 1 }

// numberOf returns the number of the first message of a batch, if it is the first one of its room
// that is known.
func numberOf(seq uint64, b *batch) uint64 {
	if b.fact.number > 0 {
		return b.fact.number
	}
	return max(firstNumber(seq), b.hint)
}

// A place is one in a room and in the stream: after the message of the stream with that
// sequence, the next message of the room has that number.
type place struct{ seq, number uint64 }

// goOn returns the number from which on a room goes on in which a message has been before that
// number: others may have been before some greater ones.
func goOn(number uint64) uint64 { return (number/numbersPerSequence+2)*numbersPerSequence + 1 }

// A roomReader reads one room's batches before the link does.
type roomReader struct {
	stream  Stream
	subject string // of the room, at all servers
	numbers string // subject of the room on which it is said from which number on it goes on
}

// readerOf returns a reader of a room of the cluster with a prefix.
func readerOf(s Stream, prefix, room string) roomReader {
	subject := prefix + "." + token(room) + "."
	return roomReader{s, subject + "*", subject + numbersToken}
}

// next returns the first batch whose sequence is at least from. There may be others' messages
// in the stream, which are batches without messages to all servers.
func (r roomReader) next(ctx context.Context, from uint64) (Message, batch, error) {
	m, err := r.stream.Next(ctx, r.subject, max(from, 1))
	if err != nil {
		return m, batch{}, err
	}
	b, err := parse(m.Data)
	if err != nil || b.kind != kindBatch && b.kind < kindRecall {
		b = batch{}
	}
	return m, b, nil
}

// anew returns the place at which it was last said from which number on the room goes on; the
// zero value if that was not said.
func (r roomReader) anew(ctx context.Context) (place, error) {
	m, err := r.stream.Last(ctx, r.numbers)
	if errors.Is(err, ErrNoMessage) {
		return place{}, nil
	}
	if err != nil {
		return place{}, err
	}
	b, err := parse(m.Data)
	if err != nil || b.hint == 0 {
		return place{}, nil // it is nothing that a server would have said
	}
	return place{m.Seq, b.hint}, nil
}

// end returns the place after the room's last batch and that batch's message, or ErrNoMessage; and
// that from which the room's numbers go on, if they do.
func (r roomReader) end(ctx context.Context) (end place, last Message, anew place, err error) {
	if last, err = r.stream.Last(ctx, r.subject); err != nil {
		return end, last, anew, err
	}
	if anew, err = r.anew(ctx); err != nil { // after the last one, so that none between the two is missed
		return end, last, anew, err
	}
	end, last, err = r.endFrom(ctx, last, anew)
	return end, last, anew, err
}

// endFrom returns the place after the room's last batch, counted from what that says, or from the place
// from which the numbers go on if that is later.
func (r roomReader) endFrom(ctx context.Context, last Message, anew place) (place, Message, error) {
	b, err := parse(last.Data)
	if err != nil || b.fact.number == 0 || b.fact.seen < anew.seq { // if that is nothing, from the oldest there is; few do so
		return r.count(ctx, anew, last)
	}
	info, err := r.stream.Info(ctx)
	if err != nil {
		return place{}, last, err
	}
	from := place{b.fact.seen, b.fact.number}
	if from.seq+1 < info.First { // it is from a server that was away for very long, or did not read
		if from, err = r.oldest(ctx, place{seq: last.Seq}); err != nil {
			return place{}, last, err
		}
		if from.number == 0 {
			from = place{}
		}
	}
	return r.count(ctx, from, last)
}

// count returns the place after a message, counted from one before it. If that has no
// number, the first batch has it.
func (r roomReader) count(ctx context.Context, from place, last Message) (place, Message, error) {
	for from.seq < last.Seq {
		m, b, err := r.next(ctx, from.seq+1)
		if err != nil {
			return from, last, fmt.Errorf("counting the messages of %s: %w", r.subject, err)
		}
		if from.number == 0 {
			from.number = numberOf(m.Seq, &b)
		}
		from = place{m.Seq, from.number + uint64(b.count)}
	}
	return from, last, nil
}

// before returns a place from which on all of the room can be read, at or not long before a
// number; or the oldest there is. end is that after the last batch.
func (r roomReader) before(ctx context.Context, number, first uint64, end place) (place, error) {
	if number >= end.number {
		return end, nil
	}
	for step := uint64(1); step < end.seq; step *= 2 {
		if end.seq-step < first {
			break
		}
		_, b, err := r.next(ctx, end.seq-step)
		switch {
		case err != nil:
			return end, err
		case b.fact.number == 0 || b.fact.number > number:
			continue
		case b.fact.seen+1 >= first:
			return place{b.fact.seen, b.fact.number}, nil
		}
		break // it counts from what was dropped
	}
	return r.oldest(ctx, end)
}

// oldest returns the oldest place from which on all of the room can be read.
func (r roomReader) oldest(ctx context.Context, end place) (place, error) {
	oldest := uint64(0)
	for from := uint64(1); ; {
		m, b, err := r.next(ctx, from)
		switch {
		case errors.Is(err, ErrNoMessage), err == nil && m.Seq > end.seq:
			return end, nil
		case err != nil:
			return end, err
		case oldest == 0:
			oldest = m.Seq
		}
		if b.fact.number > 0 && b.fact.seen+1 >= oldest {
			return place{b.fact.seen, b.fact.number}, nil
		}
		from = m.Seq + 1
	}
}
