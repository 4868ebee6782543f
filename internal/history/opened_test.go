package history

import (
	"testing"

	"sop-chat/internal/broadcast"
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
