package broadcast

import "sop-chat/internal/wire"

// A message has a name, and its sender may have another. Those messages are
// rare, so a segment knows whether it has one.

// NextOtherName returns the position of the first message from one position to another
// that has another name than its sender, blanks around it aside, and is not except's;
// or the second position if there is none. The caller may read the log there, see
// Gather, and from is a border between messages.
func (l *Log) NextOtherName(from, to Position, except *Sender) Position {
	for at := from; at < to; {
		seg := l.segmentAt(at)
		end := min(to, (at/SegmentSize+1)*SegmentSize)
		if !seg.otherName.Load() {
			at = end
			continue
		}
		for ; at < end; at += wire.Size {
			i := uint64(at % SegmentSize / wire.Size)
			if sender := seg.from[i]; sender != except && !sender.wrote(seg.message(i)) {
				return at
			}
		}
	}
	return to
}

// SenderAt returns the sender of the message at a position that the caller may read.
func (l *Log) SenderAt(p Position) *Sender { return l.senderAt(p) }

func (s *segment) message(i uint64) *wire.Message {
	return (*wire.Message)(s.data[i*wire.Size:])
}

// wrote reports whether a message has the sender's name.
func (s *Sender) wrote(m *wire.Message) bool {
	n := len(s.Name)
	if n < wire.NameSize && m[n] == 0 && string(m[:n]) == s.Name { // nearly always
		return true
	}
	return string(m.TrimmedName()) == s.Name
}
