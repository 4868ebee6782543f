package history

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// Rest has a Reader of OpenForeign keep no locks on the file until Refresh, so that
// a server can end meanwhile and leave nothing beside it.
func (r *Reader) Rest() error {
	if r.file.unlocked {
		return nil
	}
	return r.file.closeDatabase()
}

// Refresh has a Reader of OpenForeign see what others do to the file from now
// on: a server that begins, or that goes on in a new file, which is replaced. It
// returns fs.ErrNotExist if there is no file that can be read now.
func (r *Reader) Refresh(ctx context.Context) (replaced bool, err error) {
	if r.file.unlocked && r.file.isCurrent(r.path) {
		return false, nil
	}
	// Closing it later would end the locks of the next.
	if err := r.file.closeDatabase(); err != nil {
		return false, err
	}
	at, err := r.whereabouts()
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
	r.left = r.left && !replaced
	return replaced, nil
}

// whereabouts returns by which name the file can be read. One that was moved is
// read once more when the server that has it open goes on elsewhere; until then its
// newest messages lie where it was.
func (r *Reader) whereabouts() (string, error) {
	now, err := os.Stat(r.path)
	if err == nil && os.SameFile(now, r.file.seen) {
		return r.path, nil
	}
	if isLocked(r.file.held, databaseLocks) {
		return "", fs.ErrNotExist
	}
	if name := whereabouts(r.file.held); !r.left {
		r.left = true
		if moved, err := os.Stat(name); err == nil && os.SameFile(moved, r.file.seen) {
			return name, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fs.ErrNotExist
	}
	return r.path, nil
}
