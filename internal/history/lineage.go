package history

import (
	"cmp"
	"context"
	"slices"
)

// A file has the epochs in which its messages were written, and for each room those in
// which it was written to. They are stored before the first of their messages or with
// it. Otherwise that message would count as one of the epoch before, which may have had
// another of the same number.

// maxEpochs is how many epochs a file has at most, the last ones.
const maxEpochs = 1000

// An epoch is the start of a server, as the file has it.
type epoch struct {
	id    uint64
	first int64 // the sequence of the first message that the server could write
}

// readEpochs returns the epochs of the file.
func (s *store) readEpochs() ([]epoch, error) {
	return readPairs(s.file, func(id uint64, first int64) epoch { return epoch{id, first} },
		"SELECT epoch, first FROM epoch ORDER BY position")
}

// readRoomEpochs returns the epochs in which a room was written to, in no order.
func (s *store) readRoomEpochs(room string) ([]roomEpoch, error) {
	return readPairs(s.file, func(id uint64, first int64) roomEpoch { return roomEpoch{id, first} },
		"SELECT epoch, first FROM room_epoch WHERE room = ?", room)
}

// readPairs returns the rows of a query for epochs.
func readPairs[T any](f *file, pair func(id uint64, first int64) T, query string, args ...any) ([]T, error) {
	rows, err := f.conn.QueryContext(context.Background(), query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var id, first int64 // SQLite's integers have a sign
		if err := rows.Scan(&id, &first); err != nil {
			return nil, err
		}
		all = append(all, pair(uint64(id), first))
	}
	return all, rows.Err()
}

// putEpochs replaces the epochs of the file. It is called within a transaction.
func (s *store) putEpochs(all []epoch) error {
	if _, err := s.file.exec("DELETE FROM epoch"); err != nil {
		return err
	}
	for i, e := range all {
		if _, err := s.file.exec("INSERT INTO epoch (position, epoch, first) VALUES (?, ?, ?)", i, int64(e.id), e.first); err != nil {
			return err
		}
	}
	return nil
}

// putRoomEpoch stores in which epoch a room is written to.
func (s *store) putRoomEpoch(room string, e roomEpoch) error {
	_, err := s.file.exec("INSERT OR REPLACE INTO room_epoch (room, epoch, first) VALUES (?, ?, ?)", room, int64(e.id), e.first)
	return err
}

// beginEpoch begins an epoch in the file that was just opened. If it can't be
// stored now, that is done with the first messages.
func (a *Archive) beginEpoch() error {
	before, err := a.store.readEpochs()
	if err != nil {
		return err
	}
	if a.continueEpoch(before) {
		return a.continueRooms()
	}
	oldest := a.sequence + 1
	err = a.store.file.conn.QueryRowContext(context.Background(), "SELECT coalesce(min(sequence), ?) FROM message", oldest).Scan(&oldest)
	if err != nil {
		return err
	}
	a.lineage = append(needed(before, oldest), epoch{cmp.Or(a.config.Former.Epoch, newID()), a.sequence + 1})
	a.lineage = a.lineage[max(0, len(a.lineage)-maxEpochs):]
	a.starts = newStarts(idsOf(a.lineage))
	isShorter := len(a.lineage) <= len(before)
	a.recorded = a.store.file.transact(func() error {
		err := a.store.putEpochs(a.lineage)
		if err == nil && isShorter {
			_, err = a.store.file.exec("DELETE FROM room_epoch WHERE epoch NOT IN (SELECT epoch FROM epoch)")
		}
		return err
	}) == nil
	return nil
}

// needed leaves out the epochs that are of no use: even a client that has all of
// such an epoch has missed messages that are not there any more.
func needed(all []epoch, oldest int64) []epoch {
	for i, e := range slices.Backward(all) {
		if e.first < oldest {
			return all[i:]
		}
	}
	return all
}

// adopt stores in another file, which the archive may go on in, the epochs that it
// has then. last is the sequence of the last message in it, and numbers are those of the
// last in each room.
func (a *Archive) adopt(s *store, last int64, numbers map[string]int64) error {
	there, err := s.readEpochs()
	if err != nil {
		return err
	}
	lacks, isOwn := a.lackedBy(there, numbers)
	if !isOwn {
		// What it has is not what the clients of the rooms have, though the numbers are
		// the same. So the epochs of the rooms must not be known in it.
		lacks = []epoch{{newID(), last + 1}}
	}
	return s.file.transact(func() error {
		if err := s.putEpochs(append(there, lacks...)); err != nil {
			return err
		}
		if !isOwn {
			_, err := s.file.exec("INSERT INTO room_epoch SELECT name, ?, last + 1 FROM room", int64(lacks[0].id))
			return err
		}
		for _, r := range a.rooms {
			for _, e := range r.lineage {
				if !slices.ContainsFunc(lacks, func(lacked epoch) bool { return lacked.id == e.id }) {
					continue
				}
				if err := s.putRoomEpoch(r.name, e); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// copyRoomEpochs adds in which epochs, of those that this store has, the rooms of another
// were written to: also those that the archive does not have open.
func (s *store) copyRoomEpochs(from *store) error {
	names, err := from.file.rooms(context.Background())
	if err != nil {
		return err
	}
	return s.file.transact(func() error {
		for _, name := range names {
			all, err := from.readRoomEpochs(name)
			for _, e := range all {
				if err == nil {
					_, err = s.file.exec("INSERT OR IGNORE INTO room_epoch SELECT ?, epoch, ? FROM epoch WHERE epoch = ?", name, e.first, int64(e.id))
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// lackedBy returns which of the archive's epochs another file lacks. isOwn reports that
// it can take them: it has no messages, or is an older copy of the archive's file.
func (a *Archive) lackedBy(there []epoch, numbers map[string]int64) (lacks []epoch, isOwn bool) {
	if n := len(there); n > 0 {
		i := slices.IndexFunc(a.lineage, func(e epoch) bool { return e.id == there[n-1].id })
		if i >= 0 && a.hasAll(i, numbers) {
			return a.lineage[i+1:], true
		}
	}
	return a.lineage, len(numbers) == 0
}

// hasAll reports whether the messages that each room had up to a number, in one of the
// archive's epochs, are the same in the archive.
func (a *Archive) hasAll(epoch int, numbers map[string]int64) bool {
	for name, last := range numbers {
		r := a.rooms[name]
		switch {
		case epoch == len(a.lineage)-1:
		case r == nil: // it may have been written to in a later epoch
			return false
		case !r.recorded && last >= r.first:
			return false
		}
		for _, later := range a.lineage[epoch+1:] {
			if r != nil && slices.ContainsFunc(r.lineage, func(e roomEpoch) bool { return e.id == later.id && last >= e.first }) {
				return false
			}
		}
	}
	return true
}

// readEpochsOf reads the epochs of a file in which the archive goes on, and for each room
// those in which it was written to. numbers are those of the last messages that were in it
// before.
func (a *Archive) readEpochsOf(s *store, numbers map[string]int64) error {
	lineage, err := s.readEpochs()
	if err != nil {
		return err
	}
	rooms := make(map[*Room][]roomEpoch, len(a.rooms))
	for name, r := range a.rooms {
		if rooms[r], err = s.readRoomEpochs(name); err != nil {
			return err
		}
	}
	before, now := a.lineage[len(a.lineage)-1].id, lineage[len(lineage)-1].id
	a.lineage, a.recorded = lineage, true
	for r, its := range rooms {
		r.lineage = its
		if r.recorded = slices.ContainsFunc(its, func(e roomEpoch) bool { return e.id == now }); now != before {
			r.first = numbers[r.name] + 1
		}
	}
	return nil
}

// skipTo has the next server go on after what the archive has given out, also if the
// file does not have those messages.
func (a *Archive) skipTo(s *store) error {
	return s.file.transact(func() error {
		_, err := s.file.exec("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'message'", a.sequence)
		if err == nil {
			_, err = s.file.exec(`INSERT INTO sqlite_sequence (name, seq)
				SELECT 'message', ? WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'message')`, a.sequence)
		}
		for name, r := range a.rooms {
			if err == nil && r.last > 0 {
				err = s.putRoom(name, r.last)
			}
		}
		return err
	})
}
