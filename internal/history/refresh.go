package history

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// Rest releases the locks of a Reader of OpenForeign until Refresh is called, so
// that a server can end meanwhile and leave nothing beside the file.
func (r *Reader) Rest() error {
	if r.file.unlocked {
		return nil
	}
	return r.file.closeDatabase()
}

// Refresh lets a Reader of OpenForeign see what other processes have done to the
// file: a server may have begun to write to it, or have gone on in a new one.
// replaced reports that the Reader reads another file from now on. Refresh returns
// fs.ErrNotExist if there is no file that can be read now.
func (r *Reader) Refresh(ctx context.Context) (replaced bool, err error) {
	if r.file.unlocked && r.file.isCurrent(r.path) {
		return false, nil
	}
	// Closing it later would release the locks of the one that is opened next.
	if err := r.file.closeDatabase(); err != nil {
		return false, err
	}
	at, err := r.currentPath()
	if err != nil {
		return false, err
	}
	seen := r.file.seen
	if err := r.file.close(); err != nil {
		return false, err
	}
	f, err := openForeign(ctx, at)
	if err != nil {
		return false, err
	}
	r.file = f
	replaced = !os.SameFile(f.seen, seen)
	r.readMoved = r.readMoved && !replaced
	return replaced, nil
}

// currentPath returns the name by which the file can be read now. While a server
// has a moved file open, its newest messages lie at the old path, and it can't be
// read. Once the server has gone on elsewhere, the moved file is read once more.
func (r *Reader) currentPath() (string, error) {
	now, err := os.Stat(r.path)
	if err == nil && os.SameFile(now, r.file.seen) {
		return r.path, nil
	}
	if isLocked(r.file.held, databaseLocks) {
		return "", fs.ErrNotExist
	}
	if name := currentName(r.file.held); !r.readMoved {
		r.readMoved = true
		if moved, err := os.Stat(name); err == nil && os.SameFile(moved, r.file.seen) {
			return name, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fs.ErrNotExist
	}
	return r.path, nil
}
