package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Reading a file of another process changes nothing in it or beside it. It shows
// all messages or fails. How it is read depends on whether others have it open:
//
//	                         read with
//	others have it open      their locks, and their -shm if any    shared
//	nobody, and no -wal      nothing: the file has all messages    whole
//	nobody, and a -wal       an index of the -wal in memory        leftBehind
//
// The -wal and the -shm lie beside the name by which the writer opened the file.
// If that name can't be found from here, messages may be missing, and reading
// fails, unless the file is sealed.

// A view is how a file is read.
type view uint8

const (
	shared view = iota
	whole
	leftBehind
)

// isUnlocked reports whether the file is read without locks.
func (v view) isUnlocked() bool { return v == whole || v == leftBehind }

// options returns how SQLite opens a file for a view.
func (v view) options() url.Values {
	options := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"}}
	switch v {
	case shared:
		options.Set("readonly_shm", "1")
	case whole:
		options.Set("immutable", "1")
	case leftBehind:
		options.Set("vfs", withoutLocks)
		options.Add("_pragma", "locking_mode(exclusive)") // keeps the index of the -wal in memory
	}
	return options
}

// openToRead opens a file that this process may have open for writing. Such a
// file must not be passed to locate.
func openToRead(ctx context.Context, path string) (*file, error) {
	if err := exists(path); err != nil {
		return nil, err
	}
	f, err := openChecked(ctx, path, url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"}})
	return f, explain(path, err)
}

// openForeign opens a file that this process does not have open as a database. held
// may be nil, or a descriptor of the file that was read before. If that is the same
// file, the new one takes held over, since closing it would release the locks.
func openForeign(ctx context.Context, path string, held *os.File) (*file, error) {
	const (
		maxWait = time.Second // a server may be about to begin or end
		pause   = 20 * time.Millisecond
	)
	for deadline := time.Now().Add(maxWait); ; {
		at, err := locate(path)
		var f *file
		if err == nil {
			f, err = openAt(ctx, path, at, held)
		}
		if err == nil || time.Now().After(deadline) || !IsTransient(err) {
			return f, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// openAt opens a file at the location where it was found, see openForeign.
func openAt(ctx context.Context, path string, at location, held *os.File) (*file, error) {
	f, err := openChecked(ctx, at.name, at.view.options())
	if err != nil {
		unopened := file{name: at.name, seen: at.seen, wal: at.wal, unlocked: at.view.isUnlocked()}
		return nil, explain(path, cmp.Or(unopened.checkUnchanged(), err))
	}
	f.path, f.seen, f.wal, f.unlocked = path, at.seen, at.wal, at.view.isUnlocked()
	if f.held = held; !isOpen(held, at.seen.about) {
		f.held, err = os.Open(at.name)
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && !isOpen(f.held, at.seen.about) {
		err = errChanged
	}
	if at.view == leftBehind {
		err = errors.Join(err, f.keepWAL())
	}
	if err = errors.Join(err, f.checkUnchanged()); err != nil {
		if f.held == held {
			f.held = nil
		}
		f.close()
		return nil, explain(path, err)
	}
	return f, nil
}

// isOpen reports whether a descriptor, which may be nil, is of a file.
func isOpen(held *os.File, file fs.FileInfo) bool {
	about, err := held.Stat()
	return err == nil && os.SameFile(about, file)
}

func openChecked(ctx context.Context, path string, options url.Values) (*file, error) {
	f, err := open(ctx, path, options)
	if err != nil {
		return nil, err
	}
	if f.form, err = check(ctx, f.conn, len(migrations), false); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// keepWAL keeps SQLite from deleting an empty -wal when it closes the file.
func (f *file) keepWAL() error {
	return f.conn.Raw(func(conn any) error {
		_, err := conn.(sqlite.FileControl).FileControlPersistWAL("main", 1)
		return err
	})
}

// checkUnchanged returns an error if a file that is read without locks was
// written to since it was found. Checking the database is enough: a -wal is not
// overwritten before that.
func (f *file) checkUnchanged() error {
	if !f.unlocked {
		return nil
	}
	now, err := stampAt(f.name)
	if err == nil && now.equals(f.seen) {
		return nil
	}
	return errChanged
}

// explain puts an error of reading into words. If the file was changed meanwhile,
// that is the error, since it may be the reason for any other.
func (f *file) explain(err error) error {
	return explain(f.path, cmp.Or(f.checkUnchanged(), err))
}

// isCurrent reports whether a path still names this file, nobody has written to
// it, and it may still be read without locks.
func (f *file) isCurrent(path string) bool {
	at, err := locate(path)
	return err == nil && at.view.isUnlocked() && at.seen.equals(f.seen) && at.wal.equals(f.wal)
}

// errChanged means that what was read may be wrong.
var errChanged = errors.New("a server has begun to write to it while it was read; try again")

// An errUnreachable says that a file's -wal can't be found.
type errUnreachable string

func (e errUnreachable) Error() string { return string(e) }

// IsTransient reports whether an error of a Reader of OpenForeign may be gone after
// a moment, because a server was about to begin or end, or held a lock.
func IsTransient(err error) bool {
	if _, is := errors.AsType[errUnreachable](err); is || errors.Is(err, errChanged) {
		return true
	}
	switch code(err) {
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// A location is the name of a file, and how it can be read by that name.
type location struct {
	name string // without symbolic links
	view view
	seen *stamp // as it was before its header and locks were read
	wal  *stamp // as its -wal was before it was opened
}

// locate finds the file that a path names. This process must not have it open:
// closing a descriptor releases all of a process's locks on the file.
func locate(path string) (location, error) {
	name, err := filepath.EvalSymlinks(path)
	if err == nil {
		name, err = filepath.Abs(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return location{}, fmt.Errorf("there is no file %q", path)
	}
	var about fs.FileInfo
	if err == nil {
		about, err = os.Stat(name)
	}
	if err != nil {
		return location{}, explainAccess(err)
	}
	if !about.Mode().IsRegular() {
		return location{}, fmt.Errorf("%q is not a file", path)
	}
	file, err := os.Open(name)
	if err != nil {
		return location{}, explainAccess(err)
	}
	defer file.Close()
	seen, err := stampOf(file)
	if err != nil {
		return location{}, explainAccess(err)
	}
	sealed, locked := !isWAL(file), isLocked(file, databaseLocks)
	if sealed && (locked || isInterrupted(name)) {
		return location{name: name, view: shared, seen: seen}, nil
	}
	names, all, err := namesOf(name, seen.about)
	if err != nil {
		return location{}, err
	}
	if locked {
		return locateShared(path, names, seen)
	}
	return locateUnused(path, names, all, sealed, seen)
}

// isWAL reports whether a database is in WAL mode, and so not sealed.
func isWAL(file io.ReaderAt) bool {
	const readVersion = 19 // where the header has it, see sqlite.org/fileformat.html
	var header [readVersion + 1]byte
	_, err := file.ReadAt(header[:], 0)
	return err == nil && header[readVersion] == 2
}

// isInterrupted reports whether a program was killed while it wrote to a sealed
// file. SQLite recovers from that when it is not told to do without locks.
func isInterrupted(name string) bool {
	journal, err := os.Stat(name + "-journal")
	return err == nil && journal.Size() > 0
}

// locateShared finds the name by which other processes have a file open.
func locateShared(path string, names []string, seen *stamp) (location, error) {
	for _, name := range names {
		wal, err := os.Open(name + "-wal")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return location{}, explainAccess(err)
		}
		wal.Close()
		shm, err := os.Open(name + "-shm")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return location{}, explainAccess(err)
		}
		used := isLocked(shm, sharedMemoryLocks)
		shm.Close()
		if used {
			return location{name: name, view: shared, seen: seen}, nil
		}
	}
	return location{}, errUnreachable(fmt.Sprintf("%q is in use, and the newest messages are in a file that can't be found from here: "+
		"it lies beside the name that the server was given, with -wal at its end; "+
		"give that name, and mount its folder instead of the file alone", path))
}

// locateUnused finds the name beside which a file's -wal lies, if there is one.
// names are those that were found; all reports whether they are all of them.
func locateUnused(path string, names []string, all, sealed bool, seen *stamp) (location, error) {
	var found []string
	for _, name := range names {
		wal, err := os.Stat(name + "-wal")
		if err == nil && wal.Size() > 0 {
			found = append(found, name)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return location{}, explainAccess(err)
		}
	}
	switch {
	case len(found) == 1:
		wal, err := stampAt(found[0] + "-wal")
		if err != nil {
			return location{}, explainAccess(err)
		}
		return location{found[0], leftBehind, seen, wal}, nil
	case len(found) > 1:
		return location{}, fmt.Errorf("%q has other names (hard links), and it can't be told which of them its newest messages belong to: "+
			"there is %s-wal as well as %s-wal", path, found[0], found[1])
	case sealed:
	case isMountedAlone(names[0]):
		return location{}, fmt.Errorf("%q is mounted without its folder, so a file %s-wal with the newest messages could not be seen; "+
			"mount the folder, or read a copy of the file", path, filepath.Base(path))
	case !all:
		return location{}, fmt.Errorf("%q has another name in another folder (a hard link), beside which a -wal with the newest messages may lie; "+
			"give that name, or read a copy of the file", path)
	}
	return location{name: names[0], view: whole, seen: seen}, nil
}

// namesOf returns the names that a file has in its folder, the given one first,
// and whether they are all of its names.
func namesOf(name string, about fs.FileInfo) (names []string, all bool, err error) {
	names = []string{name}
	links := linksOf(about)
	if links <= 1 {
		return names, true, nil
	}
	folder := filepath.Dir(name)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return names, false, nil
	}
	for _, entry := range entries {
		other := filepath.Join(folder, entry.Name())
		if other == name || !entry.Type().IsRegular() {
			continue
		}
		if info, err := entry.Info(); err == nil && os.SameFile(info, about) {
			names = append(names, other)
		}
	}
	return names, uint64(len(names)) >= links, nil
}

// explainAccess puts into words that a file may not be read.
func explainAccess(err error) error {
	if wrong, is := errors.AsType[*fs.PathError](err); is && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("this user may not read %q", wrong.Path)
	}
	return err
}
