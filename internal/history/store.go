package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

	indexesNumbers bool // it has numbersIndex
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
	if last, err = s.begin(nil); err != nil {
		return nil, 0, errors.Join(err, s.close())
	}
	return s, last, nil
}

// begin checks and opens the database of a locked file, see open.
func (s *store) begin(most map[string]int64) (last int64, err error) {
	if s.realPath, err = filepath.EvalSymlinks(s.path); err != nil {
		return 0, err
	}
	if err := s.checkLeftover(); err != nil {
		return 0, err
	}
	return s.open(most)
}

// open opens the database without checking its companion files. It fails, and
// changes nothing, if there was a message in it whose number is greater than the most
// of its room: the room can't go on in it with the numbers that its messages have.
func (s *store) open(most map[string]int64) (last int64, err error) {
	ctx := context.Background()
	if most != nil {
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
	s.file.form, s.indexesNumbers = len(migrations), false
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
	s.insert, err = s.file.conn.PrepareContext(ctx, "INSERT INTO message (sequence, others, time, room, name, authenticated_name, address, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
	return last, err
}

// checkLast returns an error if there was a message in the file whose number is greater
// than the most of its room.
func (s *store) checkLast(ctx context.Context, most map[string]int64) error {
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
	f.form = version
	numbers, err := f.lastNumbers(ctx)
	for name, last := range numbers {
		if room, ok := most[name]; ok && last > room {
			return fmt.Errorf("the file at its path has messages up to sequence %d, more than this room%s, which can't go on there; "+
				"move that file away, or start the server again to go on in it", last, which(name, len(most)))
		}
	}
	return err
}

// which names a room if there are more.
func which(room string, rooms int) string {
	if rooms == 1 {
		return ""
	}
	return fmt.Sprintf(", %q", room)
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

// copyFrom adds the messages of another store that come after the numbers of their
// rooms. last is the sequence of the last message in this one. It returns how many it has
// copied.
func (s *store) copyFrom(from *store, last int64, numbers map[string]int64) (copied int, err error) {
	after, err := from.firstAfter(numbers)
	for after--; err == nil; {
		var messages []Message
		if messages, err = from.after(after); err != nil || len(messages) == 0 {
			break
		}
		after = messages[len(messages)-1].Sequence
		messages = later(messages, numbers)
		if last, err = s.add(messages, last); err == nil {
			copied += len(messages)
		}
	}
	if err == nil {
		err = s.copyRoomEpochs(from)
	}
	return copied, err
}

// firstAfter returns the sequence of the first message that comes after the numbers of
// the rooms.
func (s *store) firstAfter(numbers map[string]int64) (first int64, err error) {
	ctx := context.Background()
	if name, only, err := s.file.onlyRoom(ctx); err != nil || only {
		return numbers[name] + 1, err
	}
	names, err := s.file.rooms(ctx)
	first = afterAll
	for _, name := range names {
		if err != nil {
			break
		}
		var its int64
		its, err = s.file.sequenceFrom(ctx, name, numbers[name]+1)
		first = min(first, its)
	}
	return first, err
}

// later returns those of some messages that come after the numbers of their rooms.
func later(messages []Message, numbers map[string]int64) []Message {
	return slices.DeleteFunc(messages, func(m Message) bool { return m.Number <= numbers[m.Room] })
}

// after returns the first messages after a sequence, batchSize at most. With an
// error, it returns those that it has read before.
func (s *store) after(sequence int64) (messages []Message, err error) {
	rows, err := s.file.conn.QueryContext(context.Background(),
		"SELECT "+s.file.columnsOf("message")+" FROM message WHERE sequence > ? ORDER BY sequence LIMIT ?", sequence, batchSize)
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

// add writes messages with their numbers, in one transaction. They get their own
// sequences, or, where those are not after the last one, the next ones. It returns the
// last one then.
func (s *store) add(messages []Message, last int64) (int64, error) {
	if len(messages) == 0 {
		return last, nil
	}
	before := last
	err := s.file.transact(func() error {
		numbers := make(map[string]int64)
		for i := range messages {
			m := &messages[i]
			last = max(last+1, m.Sequence)
			numbers[m.Room] = m.Number
			if err := s.put(last, m.Number, m.Time, m.Room, &m.From, &m.Wire); err != nil {
				return err
			}
		}
		for name, number := range numbers {
			if err := s.putRoom(name, number); err != nil {
				return err
			}
		}
		return s.index(before+1, last)
	})
	return last, err
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
