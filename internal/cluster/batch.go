package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"sop-chat/internal/wire"
)

// The data of a message of the stream:
//
//	"sop" │ version │ kind │ instance │ counter │ seen │ number │ count │ message │ message │ …
//
// where a message is the ID of its sender and, without the zeros that pad them, its two
// fields, each behind its length:
//
//	sender │ length │ name │ length │ text
//
// If the sender joined with another name than the message says, that name comes before it:
//
//	sender │ 65 + length │ joined with │ length │ name │ length │ text
//
// An instance has 16 bytes, kind and version have one each, all other numbers are varints. In a
// record of a recall, the counter is a random number, and behind the count are the clients, each
// in 8 bytes. Of a kind that this version does not know, only what is before the count is
// understood, by which messages are numbered; the rest is left to later versions.
// Addresses of clients are not in it: they concern nobody at another server.

// version is what the data is understood by. A server reads no other.
const version = 1

// The kinds of data.
const (
	kindBatch   = iota + 1
	kindClaim   // the server asks whether another has its name, see claim
	kindOwn     // the name is the instance's
	kindRelease // the instance has ended
	kindRecall  // clients of the subject's server have gone to the instance, see recall.go
	kindEnd     // none yet
)

// An instance is a process and those that have gone on in its place at upgrades.
type instance [16]byte

// A batch is the data of a message of the stream. Claims have nothing but an instance.
type batch struct {
	kind     byte
	instance instance
	// counter counts the batches of an instance in a room, from 1. It is 0 for one without
	// messages, which is only there for its fact.
	counter uint64
	fact    fact
	// hint is the least number that the room's first message may have, since a history has
	// others before it. It is in the place of a fact without a sequence.
	hint   uint64
	count  int
	packed []byte // the messages

	// Of a kindRecall: a random number by which it is known, and the clients.
	nonce   uint64
	clients []uint64
}

// A fact is what a server knew when it published: after the message of the stream with the
// sequence seen, the next message of the room had that number; 0 if the stream had none of
// the room.
type fact struct{ seen, number uint64 }

const (
	// maxHeader is how long the data before the messages may be.
	maxHeader = 3 + 2 + len(instance{}) + 4*binary.MaxVarintLen64
	// joinedWith is by what the length of the name with which a sender joined is greater, so
	// that it is none of a field.
	joinedWith = wire.NameSize + 1
	// maxMessage is how long a message may be.
	maxMessage = binary.MaxVarintLen64 + 2 + wire.NameSize + 2*2 + wire.Size
	// maxMessages is how many messages fit into a batch, whatever they are. It must be less than
	// numbersPerSequence.
	maxMessages = (MaxBatch - maxHeader) / maxMessage
)

// appendHeader appends a batch without its messages to b.
func appendHeader(b []byte, from *batch) []byte {
	b = append(b, 's', 'o', 'p', version, from.kind)
	b = append(b, from.instance[:]...)
	for _, v := range [...]uint64{from.counter, from.fact.seen, max(from.fact.number, from.hint), uint64(from.count)} {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// appendRecall appends a record of a recall to b.
func appendRecall(b []byte, from *batch) []byte {
	b = appendHeader(b, &batch{kind: kindRecall, instance: from.instance, counter: from.nonce, fact: from.fact, count: len(from.clients)})
	for _, client := range from.clients {
		b = binary.BigEndian.AppendUint64(b, client)
	}
	return b
}

// An origin is the sender of a message as other servers know it.
type origin struct {
	id   uint64
	name []byte // with which it joined; nil if that is the one that the message says
}

// appendMessage appends a message to b, behind a header or another message, of a sender that
// joined with a name.
func appendMessage(b []byte, sender uint64, name string, m *wire.Message) []byte {
	b = binary.AppendUvarint(b, sender)
	if name != string(m.TrimmedName()) {
		b = binary.AppendUvarint(b, uint64(joinedWith+len(name)))
		b = append(b, name...)
	}
	for _, field := range [...][]byte{m[:wire.NameSize], m[wire.NameSize:]} {
		field = bytes.TrimRight(field, "\x00")
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	return b
}

var (
	errShort  = errors.New("the data ends early")
	errVarint = errors.New("a number is longer than it need be, or too large")
)

// parse returns the batch that is data, which it refers to. All of it is checked, the
// messages too.
func parse(data []byte) (batch, error) {
	var b batch
	const fixed = 3 + 2 + len(b.instance)
	switch {
	case len(data) > MaxBatch:
		return b, fmt.Errorf("the data is too long")
	case len(data) < fixed || string(data[:3]) != "sop":
		return b, errors.New("the data is not from a server of this program")
	case data[3] != version:
		return b, fmt.Errorf("the data has version %d; this program understands %d", data[3], version)
	case data[4] == 0:
		return b, errors.New("the data is of no kind")
	}
	b.kind = data[4]
	copy(b.instance[:], data[5:])
	rest := data[fixed:]
	var count uint64
	for _, v := range [...]*uint64{&b.counter, &b.fact.seen, &b.fact.number, &count} {
		var err error
		if *v, rest, err = cutVarint(rest); err != nil {
			return b, err
		}
	}
	if b.fact.seen == 0 {
		b.fact.number, b.hint = 0, b.fact.number
	}
	switch {
	case b.kind >= kindEnd:
		b.counter = 0
		return b, nil
	case b.kind == kindRecall:
		return b, b.cutClients(count, rest)
	case count > uint64(maxMessages):
		return b, errors.New("the data has too many messages")
	case count > 0 && (b.kind != kindBatch || b.counter == 0), count == 0 && b.counter > 0:
		return b, errors.New("the data has messages where there can be none, or none where there have to be some")
	}
	b.count, b.packed = int(count), rest
	for range b.count {
		var err error
		if _, rest, err = cutMessage(rest, nil); err != nil {
			return b, err
		}
	}
	if len(rest) > 0 {
		return b, errors.New("the data goes on behind its messages")
	}
	return b, nil
}

// cutClients sets what a record of a recall has behind its header.
func (b *batch) cutClients(count uint64, rest []byte) error {
	if b.counter == 0 || count == 0 || count > maxRecalled || uint64(len(rest)) != 8*count {
		return errors.New("the data recalls no clients, or too many")
	}
	b.nonce, b.counter = b.counter, 0
	for ; len(rest) > 0; rest = rest[8:] {
		b.clients = append(b.clients, binary.BigEndian.Uint64(rest))
	}
	return nil
}

// cutMessage writes the message at the beginning of b to dst, if that is not nil, and
// returns its sender, whose name refers to b, and the rest of b.
func cutMessage(b []byte, dst []byte) (from origin, rest []byte, err error) {
	if from.id, rest, err = cutVarint(b); err != nil {
		return origin{}, nil, err
	}
	if from.name, rest, err = cutJoined(rest); err != nil {
		return origin{}, nil, err
	}
	if dst != nil {
		clear(dst[:wire.Size])
	}
	at := 0
	for _, size := range [...]int{wire.NameSize, wire.TextSize} {
		var field []byte
		if field, rest, err = cutField(rest, size); err != nil {
			return origin{}, nil, err
		}
		if at == 0 && from.name != nil && isName(field, from.name) {
			return origin{}, nil, errors.New("a name is said twice")
		}
		if dst != nil {
			copy(dst[at:], field)
		}
		at += size
	}
	return from, rest, nil
}

// cutJoined returns the name at the beginning of b with which a sender joined, nil if there is none,
// and the rest of b.
func cutJoined(b []byte) (name, rest []byte, err error) {
	n, rest, err := cutVarint(b)
	if err != nil || n < joinedWith {
		return nil, b, err
	}
	if n -= joinedWith; n > wire.NameSize {
		return nil, nil, errors.New("a field is too long")
	}
	if n > uint64(len(rest)) {
		return nil, nil, errShort
	}
	return rest[:n:n], rest[n:], nil
}

// cutField returns the field of a message at the beginning of b, which is that long at most, and the rest of
// b.
func cutField(b []byte, size int) (field, rest []byte, err error) {
	n, rest, err := cutVarint(b)
	switch {
	case err != nil:
		return nil, nil, err
	case n > uint64(size):
		return nil, nil, errors.New("a field is too long")
	case n > uint64(len(rest)):
		return nil, nil, errShort
	case n > 0 && rest[n-1] == 0:
		return nil, nil, errors.New("a field ends in a zero")
	}
	return rest[:n], rest[n:], nil
}

// isName reports whether the field of a name says one.
func isName(field, name []byte) bool {
	var m wire.Message
	copy(m[:], field)
	return bytes.Equal(m.TrimmedName(), name)
}

// cutVarint returns the number at the beginning of b and the rest of b. A number has one
// form, so that equal batches are equal bytes.
func cutVarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	switch {
	case n == 0:
		return 0, nil, errShort
	case n < 0 || n > 1 && b[n-1] == 0:
		return 0, nil, errVarint
	}
	return v, b[n:], nil
}
