package history

import (
	"context"
	"slices"
)

// A file has the epochs in which its messages were written. An epoch is stored
// before the first of its messages or with it. Otherwise that message would count as
// one of the epoch before, which may have had another of the same number.

// maxEpochs is how many epochs a file has at most, the last ones.
const maxEpochs = 1000

// readEpochs returns the epochs of the file.
func (s *store) readEpochs() ([]epoch, error) {
	rows, err := s.file.conn.QueryContext(context.Background(), "SELECT epoch, first FROM epoch ORDER BY position")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []epoch
	for rows.Next() {
		var id int64 // SQLite's integers have a sign
		var e epoch
		if err := rows.Scan(&id, &e.first); err != nil {
			return nil, err
		}
		e.id = uint64(id)
		all = append(all, e)
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

// beginEpoch begins an epoch in the file that was just opened. If it can't be
// stored now, that is done with the first messages.
func (a *Archive) beginEpoch() error {
	before, err := a.store.readEpochs()
	if err != nil {
		return err
	}
	oldest := a.last + 1
	err = a.store.file.conn.QueryRowContext(context.Background(), "SELECT coalesce(min(sequence), ?) FROM message", oldest).Scan(&oldest)
	if err != nil {
		return err
	}
	a.lineage = append(needed(before, oldest), newEpoch(a.last+1))
	a.lineage = a.lineage[max(0, len(a.lineage)-maxEpochs):]
	a.epochs = Epochs{slices.Clone(a.lineage)}
	a.recorded = a.store.file.transact(func() error { return a.store.putEpochs(a.lineage) }) == nil
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
// has then, and returns them. last is the sequence of the last message in it.
func (a *Archive) adopt(s *store, last int64) ([]epoch, error) {
	there, err := s.readEpochs()
	if err != nil {
		return nil, err
	}
	joined := join(there, last, a.lineage)
	return joined, s.file.transact(func() error { return s.putEpochs(joined) })
}

// join returns the epochs of a file whose last message has the sequence last, and
// that goes on with later messages of a room with other epochs.
func join(there []epoch, last int64, room []epoch) []epoch {
	if n := len(there); n > 0 {
		id := there[n-1].id
		i := slices.IndexFunc(room, func(e epoch) bool { return e.id == id })
		if i >= 0 && (Epochs{room}).Known(id, uint64(last)) == uint64(last) {
			return append(there, room[i+1:]...) // it is an older copy
		}
	}
	if last == 0 {
		return append(there, room...)
	}
	// What it has is not what the clients of the room have, though the numbers are
	// the same. So the epochs of the room must not be known in it.
	return append(there, newEpoch(last+1))
}

// skipTo has the next server go on after the sequence last, also if the file does
// not have that message.
func (s *store) skipTo(last int64) error {
	return s.file.transact(func() error {
		_, err := s.file.exec("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'message'", last)
		if err == nil {
			_, err = s.file.exec(`INSERT INTO sqlite_sequence (name, seq)
				SELECT 'message', ? WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'message')`, last)
		}
		return err
	})
}
