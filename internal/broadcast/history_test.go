package broadcast

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"time"

	"sop-chat/internal/wire"
)

var (
	alice = &Sender{ID: 1, Name: "alice"}
	bob   = &Sender{ID: 2, Name: "bob"}
	carol = &Sender{ID: 3, Name: "carol"}
)

// A history is the model of a log: everything that ever happened in a room, in
// order.
type history struct {
	messages []sent
	notices  []announced
	hidden   int // messages at the end that only the gate may read
}

type sent struct {
	from *Sender
	at   time.Time
}

type announced struct {
	notice *Notice
	before int // the number of the message before which it stands
}

// published returns how many messages are published.
func (h *history) published() int { return len(h.messages) - h.hidden }

// head returns the position after the last published message.
func (h *history) head() Position { return Position(h.published()) * wire.Size }

// end returns where the log ends.
func (h *history) end() Position { return Position(len(h.messages)) * wire.Size }

// message returns the message with the given number as it was sent.
func (h *history) message(number int) wire.Message {
	return stamped(h.messages[number].from.ID, number)
}

// stamped returns a message every 16 bytes of which hold its sender and number.
func stamped(from uint64, number int) (m wire.Message) {
	binary.LittleEndian.PutUint64(m[0:], from)
	binary.LittleEndian.PutUint64(m[8:], uint64(number))
	for n := 16; n < len(m); n *= 2 {
		copy(m[n:], m[:n])
	}
	return m
}

// stamp returns the sender and number in a stamped message, and whether the message
// is unaltered.
func stamp(m *wire.Message) (from uint64, number int, whole bool) {
	from = binary.LittleEndian.Uint64(m[0:])
	number = int(binary.LittleEndian.Uint64(m[8:]))
	return from, number, bytes.Equal(m[16:], m[:len(m)-16])
}

// put adds a stamped message to a batch.
func put(b *Batch, from *Sender, number int) {
	m := stamped(from.ID, number)
	b.Add(from, copy(b.Free(), m[:]))
}

// write appends messages to the log and to the history; senders has one
// letter a message: a for alice, b for bob, c for carol.
func (h *history) write(l *Log, senders string) {
	b := NewBatch(len(senders) * wire.Size)
	for _, letter := range senders {
		from := map[rune]*Sender{'a': alice, 'b': bob, 'c': carol}[letter]
		put(b, from, len(h.messages))
		h.messages = append(h.messages, sent{from, time.Unix(0, 0)})
	}
	l.Append(b, time.Unix(0, 0))
}

// announce announces a notice to the log and the history.
func (h *history) announce(l *Log) {
	number := len(h.notices)
	n := &Notice{Kind: Joined, From: alice, Key: "a key", Reason: strconv.Itoa(number), Time: time.Unix(0, int64(number))}
	l.Announce(n)
	h.notices = append(h.notices, announced{n, len(h.messages)})
}

// stretches returns what Gather has to return: the ends of each stretch, and where
// it stops. A stretch ends before a message of except and at the end of a segment.
func (h *history) stretches(at, to Position, except *Sender, most int) (borders [][2]Position, end Position) {
	own := func(p Position) bool {
		return p%wire.Size == 0 && h.messages[p/wire.Size].from == except
	}
	for {
		for at < to && own(at) {
			at += wire.Size
		}
		if at == to || len(borders) == most {
			return borders, at
		}
		start := at
		for more := true; more; more = at < to && !own(at) && at%SegmentSize != 0 {
			at += wire.Size - at%wire.Size
		}
		borders = append(borders, [2]Position{start, at})
	}
}
