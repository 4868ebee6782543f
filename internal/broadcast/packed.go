package broadcast

import (
	"bytes"
	"slices"

	"sop-chat/internal/wire"
)

// packed are messages in less space than in segments: without the zeros that pad their
// fields, which is most of them.
//
//	data │ lengths │ name │ text │ lengths │ name │ text │ …
//
// They are exactly what was sent, whatever follows a zero.
type packed struct {
	from, to Position // boundaries between messages
	data     []byte
	senders  []*Sender // of each message
	at       []int64   // of each message
}

// lengthsSize is the size of the lengths of a packed message: one byte for its name
// and two for its text.
const lengthsSize = 3

// pack appends a packed message to b.
func pack(b []byte, m *wire.Message) []byte {
	name := bytes.TrimRight(m[:wire.NameSize], "\x00")
	text := bytes.TrimRight(m[wire.NameSize:], "\x00")
	b = append(b, byte(len(name)), byte(len(text)), byte(len(text)>>8))
	b = append(b, name...)
	return append(b, text...)
}

// packedSize returns the size of the packed message at the beginning of b.
func packedSize(b []byte) int {
	return lengthsSize + int(b[0]) + int(b[1]) + int(b[2])<<8
}

// unpack writes the packed message at the beginning of b to m.
func unpack(m *wire.Message, b []byte) {
	name := int(b[0])
	clear(m[:])
	copy(m[:wire.NameSize], b[lengthsSize:lengthsSize+name])
	copy(m[wire.NameSize:], b[lengthsSize+name:packedSize(b)])
}

// without returns what there is from a position on, without memory of what was before;
// or nil if there is nothing.
func (k *packed) without(before Position) *packed {
	rest := k.since(before)
	if rest.from == rest.to {
		return nil
	}
	rest.data, rest.senders, rest.at = bytes.Clone(rest.data), slices.Clone(rest.senders), slices.Clone(rest.at)
	return &rest
}

// since returns what there is of it from a position on, which is a boundary.
func (k *packed) since(from Position) packed {
	rest := *k
	for ; rest.from < from && rest.from < rest.to; rest.from += wire.Size {
		rest.data = rest.data[packedSize(rest.data):]
		rest.senders, rest.at = rest.senders[1:], rest.at[1:]
	}
	return rest
}
