package history

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// Rest releases the locks of a Reader of OpenForeign until Refresh is called, so
// that a server can end meanwhile and leave nothing beside the file. It is called
// when all there was has been read.
func (r *Reader) Rest() error {
	r.readMoved = r.readMoved || r.moved
	if r.file.unlocked {
		return nil
	}
	return r.file.closeDatabase()
}

// Refresh lets a Reader of OpenForeign see what other processes have done to the
// file: a server may have begun to write to it, or have gone on in a new one.
// replaced reports that the Reader reads another file from now on. Refresh returns
// fs.ErrNotExist if there is no file that can be read now. After an error the Reader
// can only be refreshed again, or closed.
func (r *Reader) Refresh(ctx context.Context) (replaced bool, err error) {
	if r.file.unlocked && r.file.db != nil && r.file.isCurrent(r.path) {
		return false, nil
	}
	r.moved = false
	// Closing it later would release the locks of the one that is opened next.
	if err := r.file.closeDatabase(); err != nil {
		return false, err
	}
	at, moved, err := r.currentPath()
	if err != nil {
		return false, err
	}
	f, err := openForeign(ctx, at, r.file.held)
	if err != nil {
		return false, err
	}
	before := r.file
	r.file, r.moved = f, moved
	if f.held == before.held {
		return false, nil
	}
	r.readMoved = false
	return true, before.close()
}

// currentPath returns the name by which the file can be read now, and whether it was
// moved. While a server has a moved file open, its newest messages lie at the old
// path, and it can't be read. Once the server has gone on elsewhere, the moved file
// is read once more.
func (r *Reader) currentPath() (path string, moved bool, err error) {
	now, err := os.Stat(r.path)
	if err == nil && isOpen(r.file.held, now) {
		return r.path, false, nil
	}
	if isLocked(r.file.held, databaseLocks) {
		return "", false, fs.ErrNotExist
	}
	if name := currentName(r.file.held); !r.readMoved {
		if about, err := os.Stat(name); err == nil && isOpen(r.file.held, about) {
			return name, true, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, fs.ErrNotExist
	}
	return r.path, false, nil
}
