// Package wire is the chat protocol's one and only message: 512 bytes, a user
// name and a text, each padded with zero bytes. It builds messages, reads
// their fields and cuts a stream of bytes into messages. Beside that it says what
// may be the key and the name of a room.
//
// It knows bytes and nothing else: no sockets, no rooms, no clocks, and of messages
// no encoding; a field is whatever its sender put there.
package wire

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"strings"
)

// The layout of a message, from the specification's section "On the wire".
const (
	// Size is the length of every message in bytes, in both directions.
	Size = NameSize + TextSize
	// NameSize is the length of the user name's field, bytes 0–63.
	NameSize = 64
	// TextSize is the length of the text's field, bytes 64–511. In the first
	// message of a connection the same bytes hold the key.
	TextSize = 448
)

// A Message is one message as it travels. Its zero value is a valid message
// with an empty name and an empty text.
type Message [Size]byte

// New returns a message with the given name and text. A field that is full
// has no terminator. New fails if the name or the text is too long or contains a
// zero byte, because the reader would see only a part of it.
func New(name, text string) (Message, error) {
	var m Message
	if err := checkField("user name", name, NameSize); err != nil {
		return m, err
	}
	if err := checkField("text", text, TextSize); err != nil {
		return m, err
	}
	copy(m[:NameSize], name)
	copy(m[NameSize:], text)
	return m, nil
}

// CheckKey returns an error if key can't be the key of a room: it does not fit the
// text's field, or contains a zero byte, which would end it early. An empty key is
// valid on the wire.
func CheckKey(key string) error {
	return checkField("key", key, TextSize)
}

func checkField(what, s string, size int) error {
	if len(s) > size {
		return fmt.Errorf("the %s is %d bytes long; at most %d fit", what, len(s), size)
	}
	if i := strings.IndexByte(s, 0); i >= 0 {
		return fmt.Errorf("the %s has a zero byte at position %d, which would end it there", what, i)
	}
	return nil
}

// Name returns the user name: the bytes of its field up to the first zero, or
// the whole field. The result is a part of m, not a copy.
func (m *Message) Name() []byte { return untilZero(m[:NameSize]) }

// TrimmedName returns the user name without white space around it. It identifies a
// client: clients trim the name in their first message, but not in later ones.
func (m *Message) TrimmedName() []byte { return bytes.TrimSpace(m.Name()) }

// SetNames gives whole messages, one behind the other, a user name. What does not fit is
// cut off.
func SetNames(messages []byte, name string) {
	for len(messages) >= Size {
		field := messages[:NameSize]
		clear(field[copy(field, name):])
		messages = messages[Size:]
	}
}

// Text returns the text, or in an authentication message the key: the bytes
// of its field up to the first zero, or the whole field. The result is a part
// of m, not a copy.
func (m *Message) Text() []byte { return untilZero(m[NameSize:]) }

// HasKey reports whether the message, read as an authentication message, carries
// key. The time it takes depends only on the length of the message's own key, so
// that it tells nothing about the room's. It reports false for a key that fails
// CheckKey.
func (m *Message) HasKey(key string) bool {
	var given, want [TextSize]byte
	copy(given[:], m.Text())
	if copy(want[:], key) < len(key) {
		return false
	}
	return subtle.ConstantTimeCompare(given[:], want[:]) == 1
}

func untilZero(field []byte) []byte {
	if i := bytes.IndexByte(field, 0); i >= 0 {
		return field[:i]
	}
	return field
}

// Whole returns how many of the first n bytes of a stream are whole messages. The
// rest belongs to an incomplete message. TCP keeps no message boundaries, so every
// reader of a stream needs it.
func Whole(n int) int { return n - n%Size }
