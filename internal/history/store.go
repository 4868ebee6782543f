package history

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A store is a history that is open to be written to, which one process at a
// time may do.
type store struct {
	path   string
	real   string // the path without symbolic links, as it was when the file was opened
	lock   *os.File
	file   *file // nil when it could not be opened again
	insert *sql.Stmt
	beside [2]fs.FileInfo // what lies beside it, see suffixes
	header header         // when it was looked at last
}

// suffixes are those of what belongs to a database: its newest content, and an
// index of that.
var suffixes = [2]string{"-wal", "-shm"}

// openStore opens a history to write to, and creates it if there is none. It
// also returns the sequence of the last message there ever was.
func openStore(path string) (_ *store, last int64, err error) {
	s := &store{path: path}
	if s.lock, err = lock(path); err != nil {
		return nil, 0, err
	}
	if last, err = s.begin(); err != nil {
		return nil, 0, errors.Join(err, s.close())
	}
	return s, last, nil
}

// begin opens the database of a file that is locked.
func (s *store) begin() (last int64, err error) {
	if s.real, err = filepath.EvalSymlinks(s.path); err != nil {
		return 0, err
	}
	if err := s.checkLeftover(); err != nil {
		return 0, err
	}
	return s.open()
}

// open opens the database itself.
func (s *store) open() (last int64, err error) {
	ctx := context.Background()
	if s.file, err = openToWrite(ctx, s.path); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeFile())
		}
	}()
	if err := migrate(ctx, s.file.conn, migrations); err != nil {
		return 0, err
	}
	// From here on it is Run that waits, see vigil.
	if _, err := s.file.exec("PRAGMA busy_timeout = 50"); err != nil {
		return 0, err
	}
	var greatest sql.NullInt64
	if err := s.file.conn.QueryRowContext(ctx, lastSequence).Scan(&greatest); err != nil {
		return 0, err
	}
	for i, suffix := range suffixes {
		s.beside[i], _ = os.Lstat(s.real + suffix)
	}
	s.header, _, _ = readHeader(s.lock)
	s.insert, err = s.file.conn.PrepareContext(ctx, "INSERT INTO message ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?)")
	return greatest.Int64, err
}

// settle copies what was written last into the file itself, and reports whether
// that was possible: others may be reading it.
func (s *store) settle() (bool, error) {
	var busy, written, settled int
	err := s.file.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(truncate)").Scan(&busy, &written, &settled)
	return err == nil && written == settled, err
}

// removeBeside removes what lies beside the path, if it belongs to this store:
// whatever is there next would take it for its own.
func (s *store) removeBeside() {
	for i, suffix := range suffixes {
		if about, err := os.Lstat(s.real + suffix); err == nil && s.beside[i] != nil && os.SameFile(about, s.beside[i]) {
			os.Remove(s.real + suffix)
		}
	}
}

// carry adds the messages of another store that come after some sequence, and
// returns how many they are.
func (s *store) carry(from *store, after int64) (carried int, err error) {
	for {
		messages, err := from.after(after)
		if err == nil && len(messages) > 0 {
			err = s.add(messages)
		}
		if err != nil || len(messages) == 0 {
			return carried, err
		}
		carried += len(messages)
		after = messages[len(messages)-1].Sequence
	}
}

// after returns the first messages after some sequence, batchSize at most, and
// with an error those that come before it.
func (s *store) after(sequence int64) (messages []Message, err error) {
	rows, err := s.file.conn.QueryContext(context.Background(),
		"SELECT "+columns+" FROM message WHERE sequence > ? ORDER BY sequence LIMIT ?", sequence, batchSize)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var m Message
		if err := m.scan(rows); err != nil {
			return messages, err
		}
		messages = append(messages, m)
	}
	return messages, rows.Err()
}

// add writes messages, which have a sequence, in one transaction.
func (s *store) add(messages []Message) error {
	return s.file.transact(func() error {
		for i := range messages {
			m := &messages[i]
			if err := s.put(m.Sequence, m.Time, m.Room, &m.From, &m.Wire); err != nil {
				return err
			}
		}
		return s.index(messages[0].Sequence)
	})
}

func (s *store) close() error {
	return errors.Join(s.closeFile(), s.lock.Close())
}

// closeFile closes the database, and keeps others from writing to it.
func (s *store) closeFile() error {
	var err error
	if s.insert != nil {
		err = s.insert.Close()
	}
	if s.file != nil {
		err = errors.Join(err, s.file.close())
	}
	s.insert, s.file = nil, nil
	return err
}
