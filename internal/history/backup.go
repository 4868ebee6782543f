package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Backup copies a history, as it is at one moment, into a new file that only its owner may
// read. A server may write to it meanwhile, and does not wait. The copy has no companion
// files, and no free space. There is either all of it in the end, on the disk, or nothing. It calls
// progress, which may be nil, with how many bytes are written and about how many there are
// to be.
func Backup(ctx context.Context, path, to string, progress func(done, all int64)) error {
	if _, err := os.Lstat(to); err == nil {
		return errExists(to)
	}
	f, err := openForeign(ctx, path, nil)
	if err != nil {
		return err
	}
	defer f.close()
	beside, err := os.CreateTemp(filepath.Dir(to), ".sop-chat-backup-*")
	if err != nil {
		return fmt.Errorf("the backup can't be written: %w", err)
	}
	defer os.Remove(beside.Name())
	defer beside.Close()
	if err := f.copyTo(ctx, beside, progress); err != nil {
		if code(err) == sqlite3.SQLITE_FULL { // nothing else is written to
			return fmt.Errorf("the backup can't be written to %q: %w", filepath.Dir(to), reason(err))
		}
		return f.explain(err)
	}
	err = errors.Join(beside.Sync(), beside.Close())
	if err == nil {
		err = renameToNew(beside.Name(), to)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(to))
	}
	if err != nil {
		return fmt.Errorf("the backup can't be written: %w", err)
	}
	return nil
}

func errExists(path string) error {
	return fmt.Errorf("there is %q already, and a backup overwrites nothing; give another name, or remove it", path)
}

// copyTo writes all content into an empty file.
func (f *file) copyTo(ctx context.Context, to *os.File, progress func(done, all int64)) error {
	all, err := f.used(ctx)
	if err != nil {
		return err
	}
	// SQLite counts writing another file as a change. Its main one is opened to be read all
	// the same.
	if _, err := f.exec("PRAGMA query_only = 0"); err != nil {
		return err
	}
	copied := make(chan error, 1)
	go func() {
		_, err := f.conn.ExecContext(ctx, "VACUUM INTO ?", to.Name())
		copied <- err
	}()
	const often = 100 * time.Millisecond
	look := time.NewTicker(often)
	defer look.Stop()
	for {
		select {
		case err := <-copied:
			return err
		case <-look.C:
			if about, err := to.Stat(); err == nil && progress != nil {
				progress(min(about.Size(), all), all)
			}
		}
	}
}

// renameToNew gives a file another name, which must be nobody's.
func renameToNew(from, to string) error {
	err := os.Link(from, to)
	switch {
	case err == nil:
		return os.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return errExists(to)
	}
	// The file system has no second names. It must be somebody in a hurry who takes the name
	// between these two.
	if _, err := os.Lstat(to); err == nil {
		return errExists(to)
	}
	return os.Rename(from, to)
}

// used returns how many bytes of the file are in use.
func (f *file) used(ctx context.Context) (bytes int64, err error) {
	err = f.conn.QueryRowContext(ctx, `SELECT ((SELECT page_count FROM pragma_page_count) -
		(SELECT freelist_count FROM pragma_freelist_count)) * (SELECT page_size FROM pragma_page_size)`).Scan(&bytes)
	return bytes, err
}
