package history

import (
	"testing"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// An opened archive is one with one room, which follows no log.
type opened struct {
	*Archive
	*Room
}

// openRoom opens a history with one room.
func openRoom(path string, c Config, of RoomConfig) (*opened, error) {
	a, err := Open(path, c)
	if err != nil {
		return nil, err
	}
	r, err := a.Room("main", of)
	if err != nil {
		a.Close()
		return nil, err
	}
	return &opened{a, r}, nil
}

// Next returns the number of the next message that is written.
func (o *opened) Next() uint64 { return uint64(o.Room.last + o.Room.missing + 1) }

// write writes messages in one transaction.
func (o *opened) write(entries []broadcast.Entry) error { return o.Archive.writeTo(o.Room, entries) }

func (a *Archive) writeTo(r *Room, entries []broadcast.Entry) error {
	a.batch.clear()
	a.batch.add(r, a.batch.free(copy(a.batch.free(batchSize), entries)))
	err := a.write()
	if err == nil {
		r.missing = 0
	}
	return err
}

// addAll writes messages of room main to a store, from one number on. They have the same
// sequences.
func addAll(t testing.TB, s *store, messages []Message) {
	t.Helper()
	for i := range messages {
		messages[i].Number = messages[i].Sequence
	}
	if _, err := s.add(messages, messages[0].Sequence-1); err != nil {
		t.Fatal(err)
	}
}

// openRooms opens a history with some rooms.
func openRooms(t testing.TB, path string, rooms ...string) *Archive {
	t.Helper()
	a, err := Open(path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() }) // a second time is an error that does not matter
	for _, name := range rooms {
		if _, err := a.Room(name, RoomConfig{}); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// said returns messages of alice.
func said(texts ...string) []broadcast.Entry {
	entries := make([]broadcast.Entry, len(texts))
	for i, text := range texts {
		entries[i] = broadcast.Entry{From: alice, Time: noon}
		copy(entries[i].Message[:], "alice")
		copy(entries[i].Message[wire.NameSize:], text)
	}
	return entries
}
