package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// A store is a history that is open for writing. Only one process at a time has
// it open so.
type store struct {
	path       string
	realPath   string // the path without symbolic links, as it was when the file was opened
	lock       *os.File
	file       *file // nil if it could not be reopened
	insert     *sql.Stmt
	companions [2]fs.FileInfo // what lies beside it, see suffixes
	header     header         // as it was when it was read last
}

// suffixes are those of a database's companion files: its newest content, and an
// index of that.
var suffixes = [2]string{"-wal", "-shm"}

// openStore opens a history for writing, and creates it if there is none. It
// also returns the sequence of the last message there ever was.
func openStore(path string) (_ *store, last int64, err error) {
	s := &store{path: path}
	if s.lock, err = lock(path); err != nil {
		return nil, 0, err
	}
	if last, err = s.begin(math.MaxInt64); err != nil {
		return nil, 0, errors.Join(err, s.close())
	}
	return s, last, nil
}

// begin checks and opens the database of a locked file, see open.
func (s *store) begin(most int64) (last int64, err error) {
	if s.realPath, err = filepath.EvalSymlinks(s.path); err != nil {
		return 0, err
	}
	if err := s.checkLeftover(); err != nil {
		return 0, err
	}
	return s.open(most)
}

// open opens the database without checking its companion files. It fails, and
// changes nothing, if there was a message in it whose sequence is greater than
// most: a room can't go on in it with the numbers that its messages have.
func (s *store) open(most int64) (last int64, err error) {
	ctx := context.Background()
	if most < math.MaxInt64 {
		if err := s.checkLast(ctx, most); err != nil {
			return 0, err
		}
	}
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
	// From here on Run waits, see watchdog.
	if _, err := s.file.exec("PRAGMA busy_timeout = 50"); err != nil {
		return 0, err
	}
	if last, err = s.file.last(ctx); err != nil {
		return 0, err
	}
	for i, suffix := range suffixes {
		s.companions[i], _ = os.Lstat(s.realPath + suffix)
	}
	s.header, _, _ = readHeader(s.lock)
	s.insert, err = s.file.conn.PrepareContext(ctx, "INSERT INTO message ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?)")
	return last, err
}

// checkLast returns an error if there was a message in the file whose sequence is
// greater than most.
func (s *store) checkLast(ctx context.Context, most int64) error {
	how := whole
	if wal, err := os.Stat(s.realPath + suffixes[0]); err == nil && wal.Size() > 0 {
		how = leftBehind
	}
	f, err := open(ctx, s.realPath, how.options())
	if err != nil {
		return err
	}
	defer f.close()
	version, err := check(ctx, f.conn, len(migrations), true)
	if err != nil || version == 0 {
		return err
	}
	last, err := f.last(ctx)
	if err == nil && last > most {
		err = fmt.Errorf("the file at its path has messages up to sequence %d, more than this room, which can't go on there; "+
			"move that file away, or start the server again to go on in it", last)
	}
	return err
}

// checkpoint copies the -wal into the file, and reports whether all of it was
// copied. Others that read the file may prevent that.
func (s *store) checkpoint() (bool, error) {
	var busy, written, copied int
	err := s.file.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(truncate)").Scan(&busy, &written, &copied)
	return err == nil && written == copied, err
}

// removeCompanions removes the companion files of this store from its path. A
// database that is put there next would take them for its own.
func (s *store) removeCompanions() {
	for i, suffix := range suffixes {
		if about, err := os.Lstat(s.realPath + suffix); err == nil && s.companions[i] != nil && os.SameFile(about, s.companions[i]) {
			os.Remove(s.realPath + suffix)
		}
	}
}

// copyFrom adds the messages of another store that come after a sequence, and
// returns how many it has copied.
func (s *store) copyFrom(from *store, after int64) (copied int, err error) {
	for {
		messages, err := from.after(after)
		if err == nil && len(messages) > 0 {
			err = s.add(messages)
		}
		if err != nil || len(messages) == 0 {
			return copied, err
		}
		copied += len(messages)
		after = messages[len(messages)-1].Sequence
	}
}

// after returns the first messages after a sequence, batchSize at most. With an
// error, it returns those that it has read before.
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

// add writes messages with their sequences, in one transaction.
func (s *store) add(messages []Message) error {
	return s.file.transact(func() error {
		for i := range messages {
			m := &messages[i]
			if err := s.put(m.Sequence, m.Time, m.Room, &m.From, &m.Wire); err != nil {
				return err
			}
		}
		return s.index(messages[0].Sequence, messages[len(messages)-1].Sequence)
	})
}

func (s *store) close() error {
	return errors.Join(s.closeFile(), s.lock.Close())
}

// closeFile closes the database but keeps the file locked.
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
