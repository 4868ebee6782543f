package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// A file that is open to be written to is in WAL mode, which its header says: its
// newest messages may be in its -wal, which may be where it can't be seen. One that
// was closed in order is sealed: in the mode that needs no -wal. The header gets
// there after the messages, and away from there before any, each time synced, so
// that a file that says it is sealed has them all, wherever it is read.

// enterWAL has a database written in WAL mode.
func (f *file) enterWAL(ctx context.Context) error {
	const mostAttempts = 3 // another program may seal the file before this one reads it
	var mode string
	for range mostAttempts {
		var version int
		err := f.conn.QueryRowContext(ctx, "PRAGMA journal_mode = wal").Scan(&mode)
		if err == nil {
			// From here on nobody else can change the mode.
			err = f.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
		}
		if err == nil {
			err = f.conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
		}
		if err != nil || mode == "wal" {
			return err
		}
	}
	return fmt.Errorf("it can't be written in SQLite's WAL mode, but in mode %s", mode)
}

const (
	// sealTries is for how long others may keep a file from being sealed when the
	// server ends, and sealAgain how often it is tried.
	sealTries = 500 * time.Millisecond
	sealAgain = 5 * time.Millisecond
)

// seal puts what is in the -wal into the file, removes the -wal, and has the header
// say so. It fails if others have the file open, or if its path, beside which the
// -wal would be another's, no longer names what was opened.
func (f *file) seal(opened fs.FileInfo) error {
	if now, err := os.Stat(f.name); err != nil || !os.SameFile(now, opened) {
		return errMoved
	}
	var mode string
	err := f.conn.QueryRowContext(context.Background(), "PRAGMA journal_mode = delete").Scan(&mode)
	if err == nil && mode != "delete" {
		err = fmt.Errorf("it remains in SQLite's mode %s", mode)
	}
	return err
}

var errMoved = errors.New("it is no longer at its path")

// seal seals the file, or puts as much of what was written as possible into it, for
// as long as others have it open.
func (s *store) seal() {
	opened, err := s.lock.Stat()
	if err != nil {
		return
	}
	for deadline := time.Now().Add(sealTries); ; time.Sleep(sealAgain) {
		all, err := s.settle()
		if all {
			err = s.file.seal(opened)
		}
		if err == nil && all || errors.Is(err, errMoved) || time.Now().After(deadline) {
			return
		}
	}
}
