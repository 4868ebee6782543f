// Package history keeps what is said in a room, in an SQLite database: an
// Archive is the reader of a room's log that writes it, a Reader lists,
// searches and counts what was written, also while an Archive writes.
//
// It knows logs and files. It knows nothing of clients and sockets, and nothing
// of how a message is shown. It is the only package that knows SQLite.
package history

import (
	"bytes"
	"net/netip"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A Message is one that was kept.
type Message struct {
	// Sequence counts the messages of a file, from 1. It only grows, also when
	// messages were removed. Where it leaves numbers out, messages could not be
	// kept, because the disk was full.
	Sequence int64
	// Time is when the server took the message.
	Time time.Time
	// Room is the name of the room it was said in.
	Room string
	// From is the client that said it: the name it authenticated with, and its address. Its
	// ID is 0.
	From broadcast.Sender
	// Wire is the message as it was received, all 512 bytes.
	Wire wire.Message
}

// kept returns a field of a message as it is stored: without the zero bytes at
// its end, which are all that is needed to restore it.
func kept(field []byte) []byte { return bytes.TrimRight(field, "\x00") }

// restore fills m with what is stored in a row.
func (m *Message) restore(nanoseconds int64, name, authenticated, text []byte, address string) {
	m.Time = time.Unix(0, nanoseconds)
	m.Wire = wire.Message{}
	copy(m.Wire[:wire.NameSize], name)
	copy(m.Wire[wire.NameSize:], text)
	m.From.Name = string(authenticated)
	m.From.Addr, _ = netip.ParseAddrPort(address) // none: the address was not known
}

// columns are those of a Message, as scan takes them.
const columns = `sequence, time, room, name, authenticated_name, address, text`

// A row is what one row of columns can be read from.
type row interface{ Scan(dest ...any) error }

// scan fills m with a row.
func (m *Message) scan(r row) error { return m.scanMore(r) }

// scanMore fills m with a row, whose further columns go to more.
func (m *Message) scanMore(r row, more ...any) error {
	var nanoseconds int64
	var name, authenticated, text []byte
	var address string
	dest := append([]any{&m.Sequence, &nanoseconds, &m.Room, &name, &authenticated, &address, &text}, more...)
	if err := r.Scan(dest...); err != nil {
		return err
	}
	m.restore(nanoseconds, name, authenticated, text, address)
	return nil
}
