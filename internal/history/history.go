// Package history keeps the messages of rooms in an SQLite database. An Archive
// follows the rooms' logs and writes them to the file; a Reader lists, searches and
// counts what was written, also while an Archive writes.
//
// It knows logs and files. It knows nothing of clients and sockets, and nothing
// of how a message is shown. It is the only package that knows SQLite.
package history

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A Message is one that was written to a file.
type Message struct {
	// Sequence is the message's place in the file, from 1. It is not used again when
	// messages are removed.
	Sequence int64
	// Number is its place in its room, from 1, by which clients know it. It is not
	// used again when messages are removed. A gap means that messages could not be
	// written, because the disk was full, or that they were removed. While the file
	// has one room, it is the sequence.
	Number int64
	// Time is when the server received the message.
	Time time.Time
	// Room is the name of the room it was said in.
	Room string
	// From is its sender: the name the client authenticated with, and its
	// address. The ID is 0.
	From broadcast.Sender
	// Wire is the message as it was received, all 512 bytes.
	Wire wire.Message
}

// kept returns a field of a message as it is stored: without the zero bytes at
// its end, which restore adds again.
func kept(field []byte) []byte { return bytes.TrimRight(field, "\x00") }

// visible returns what people see of a field: what is before its first zero byte.
func visible(field []byte) string {
	seen, _, _ := bytes.Cut(field, []byte{0})
	return string(seen)
}

// restore fills m with what is stored in a row.
func (m *Message) restore(nanoseconds int64, name, authenticated, text []byte, address string) {
	m.Time = time.Unix(0, nanoseconds)
	m.Wire = wire.Message{}
	copy(m.Wire[:wire.NameSize], name)
	copy(m.Wire[wire.NameSize:], text)
	m.From.Name = string(authenticated)
	m.From.Addr, _ = netip.ParseAddrPort(address) // fails if the address was not known
}

// columnsOf returns the columns of a Message in a table, in the order in which scan
// reads them.
func (f *file) columnsOf(table string) string {
	number := "number"
	if f.form < roomsForm {
		number = "sequence"
	}
	all := []string{"sequence", number, "time", "room", "name", "authenticated_name", "address", "text"}
	return table + "." + strings.Join(all, ", "+table+".")
}

// A row is the current row of a query's result.
type row interface{ Scan(dest ...any) error }

// scan fills m with a row.
func (m *Message) scan(r row) error { return m.scanMore(r) }

// scanMore fills m with a row, and more with the columns that follow.
func (m *Message) scanMore(r row, more ...any) error {
	var nanoseconds int64
	var name, authenticated, text []byte
	var address string
	dest := append([]any{&m.Sequence, &m.Number, &nanoseconds, &m.Room, &name, &authenticated, &address, &text}, more...)
	if err := r.Scan(dest...); err != nil {
		return err
	}
	m.restore(nanoseconds, name, authenticated, text, address)
	return nil
}
