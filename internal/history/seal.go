package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// A file that is open for writing is in WAL mode, and its header says so: its
// newest messages may be in its -wal, which can't be seen from everywhere. A file
// that was closed in order is sealed: it is in the journal mode that needs no
// -wal. The header is changed to that after all messages are in the file, and
// back before any is written; both are synced. So a file whose header says it is
// sealed has all messages, wherever it is read.

// enterWAL switches a database to WAL mode.
func (f *file) enterWAL(ctx context.Context) error {
	const maxAttempts = 3 // another program may seal the file before this one reads it
	var mode string
	for range maxAttempts {
		var version int
		err := f.conn.QueryRowContext(ctx, "PRAGMA journal_mode = wal").Scan(&mode)
		if err == nil {
			// From here on no other process can change the mode.
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
	// sealTimeout is how long the end of the server waits for programs that keep
	// the file from being sealed, and sealRetryInterval how often it tries.
	sealTimeout       = 500 * time.Millisecond
	sealRetryInterval = 5 * time.Millisecond
)

// seal copies the -wal into the file, removes it, and changes the header. It
// fails if another process has the file open, or if the path no longer names the
// file that was opened: the -wal at the path might belong to another.
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

// seal seals the file. If other processes have it open for too long, it only
// copies as much of the -wal into it as they allow.
func (s *store) seal() {
	opened, err := s.lock.Stat()
	if err != nil {
		return
	}
	for deadline := time.Now().Add(sealTimeout); ; time.Sleep(sealRetryInterval) {
		all, err := s.checkpoint()
		if all {
			err = s.file.seal(opened)
		}
		if err == nil && all || errors.Is(err, errMoved) || time.Now().After(deadline) {
			return
		}
	}
}
