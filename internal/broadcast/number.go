package broadcast

import (
	"time"

	"sop-chat/internal/wire"
)

// A message has a number: its place in the room, for good. Positions begin at 0
// with each log; numbers go on where the log before ended, if that is known.

// SetFirst sets the number of the message at position 0, which is 1 otherwise. It
// must be called before anybody asks for a number.
func (l *Log) SetFirst(number uint64) { l.first = number }

// Number returns the number of the message at a position, or, at the head, of the
// next.
func (l *Log) Number(p Position) uint64 { return l.first + uint64(p)/wire.Size }

// positionOf returns the position of the message with a number; it may not be in
// the log yet.
func (l *Log) positionOf(number uint64) Position {
	return Position(min(number-l.first, uint64(l.Head())/wire.Size) * wire.Size)
}

// NextOther returns the position of the first message from one position to another that
// is not except's, or the second position if there is none.
func (l *Log) NextOther(from, to Position, except *Sender) Position { return l.skip(from, to, except) }

// TimeAt returns when the message at a position was appended.
func (l *Log) TimeAt(p Position) time.Time { return time.Unix(0, l.timeAt(p)) }

func (l *Log) timeAt(p Position) int64 { return l.segmentAt(p).at[p%SegmentSize/wire.Size] }

// Run returns where the messages end that follow one another from one position to
// another: none of them is except's, and none is from before the first or more than
// span later than it. The message at from must not be except's. Of messages
// between others, whose time fits, the time is not looked at.
func (l *Log) Run(from, to Position, except *Sender, span time.Duration) Position {
	end := to
	if except != nil {
		for end = from; end < to; {
			boundary := min(to, (end/SegmentSize+1)*SegmentSize)
			next := l.untilOwn(l.segmentAt(end), end, boundary, except)
			end = next
			if next < boundary || next < to && l.senderAt(next) == except {
				break
			}
		}
	}
	first := l.timeAt(from)
	isLate := func(p Position) bool { d := l.timeAt(p) - first; return d < 0 || d > int64(span) }
	if !isLate(end - wire.Size) {
		return end
	}
	late := from + wire.Size
	for !isLate(late) {
		late += wire.Size
	}
	return late
}
