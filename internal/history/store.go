package history

import (
	"context"
	"database/sql"
	"errors"
	"os"
)

// A store is a history that is open to be written to, which one process at a
// time may do.
type store struct {
	path   string
	lock   *os.File
	file   *file
	insert *sql.Stmt
}

// openStore opens a history to write to, and creates it if there is none. It
// also returns the sequence of the last message there ever was.
func openStore(path string) (_ *store, last int64, err error) {
	s := &store{path: path}
	if s.lock, err = lock(path); err != nil {
		return nil, 0, err
	}
	if last, err = s.open(); err != nil {
		return nil, 0, errors.Join(err, s.close())
	}
	return s, last, nil
}

// open opens the database itself.
func (s *store) open() (last int64, err error) {
	ctx := context.Background()
	if s.file, err = openToWrite(ctx, s.path); err != nil {
		return 0, err
	}
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
	s.insert, err = s.file.conn.PrepareContext(ctx, "INSERT INTO message ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?)")
	return greatest.Int64, err
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
