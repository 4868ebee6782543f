package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A file is an open database, with its only connection.
type file struct {
	path string // as it was given
	name string // as it was found and opened
	form int    // if it was opened to read
	db   *sql.DB
	conn *sql.Conn
	// For a file of another process: seen is what it was like before it was
	// opened, wal what the -wal beside it was like, and held keeps it open. Closing
	// held releases all of this process's locks on the file, so it is closed after
	// the database.
	seen, wal *stamp
	held      *os.File
	unlocked  bool // read without locks, so nobody may write to it meanwhile
}

// open opens a database; options are the parameters of its URI, with pragmas.
func open(ctx context.Context, path string, options url.Values) (*file, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Without this, SQLite needs a folder for temporary files, for large
	// transactions (over 64 KiB) and for sorting.
	options.Add("_pragma", "temp_store(memory)")
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: options.Encode(), OmitHost: true}
	db := sql.OpenDB(connector{name.String(), sqliteDriver()})
	conn, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &file{path: path, name: path, db: db, conn: conn}, nil
}

// openToWrite opens a history, or an empty file that becomes one.
func openToWrite(ctx context.Context, path string) (*file, error) {
	f, err := open(ctx, path, url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(2000)"}})
	if err != nil {
		return nil, err
	}
	// Nothing is changed before the file is known to be ours. With
	// synchronous=full a commit is on the disk when it returns, so that it
	// survives a power failure. SQLite uses free pages again; Prune gives them
	// back to the system.
	if _, err = check(ctx, f.conn, len(migrations), true); err == nil {
		_, err = f.exec("PRAGMA auto_vacuum = incremental; PRAGMA synchronous = full; PRAGMA journal_size_limit = 67108864")
	}
	if err == nil {
		err = f.enterWAL(ctx)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *file) close() error {
	err := f.closeDatabase()
	if f.held != nil {
		err = errors.Join(err, f.held.Close())
		f.held = nil
	}
	return err
}

// closeDatabase closes the database but keeps held open.
func (f *file) closeDatabase() error {
	if f.db == nil {
		return nil
	}
	err := errors.Join(f.conn.Close(), f.db.Close())
	f.conn, f.db = nil, nil
	return err
}

// exec executes a statement that returns no rows.
func (f *file) exec(statement string, args ...any) (affected int64, err error) {
	result, err := f.conn.ExecContext(context.Background(), statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// transact calls do within one transaction.
func (f *file) transact(do func() error) error {
	if _, err := f.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = f.exec("COMMIT")
	}
	if err != nil {
		f.exec("ROLLBACK") // fails if SQLite has done so already
	}
	return err
}

// explain adds the file's path to an error, and puts SQLite's codes into words.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	if form, is := errors.AsType[errForm](err); is {
		return fmt.Errorf("%q %w", path, form)
	}
	if code(err) == sqlite3.SQLITE_NOTADB {
		return &plainError{fmt.Sprintf("%q is not a history of this program: it is not an SQLite database", path), err}
	}
	return fmt.Errorf("the history %q: %w", path, reason(err))
}

// A plainError is an error in other words.
type plainError struct {
	words string
	err   error
}

func (e *plainError) Error() string { return e.words }
func (e *plainError) Unwrap() error { return e.err }

// reason puts SQLite's codes into words.
func reason(err error) error {
	switch code(err) {
	case sqlite3.SQLITE_FULL:
		return &plainError{"the disk is full", err}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return &plainError{"another program keeps it locked", err}
	case sqlite3.SQLITE_READONLY:
		return &plainError{"it may not be written to", err}
	case sqlite3.SQLITE_CANTOPEN:
		return &plainError{"it can't be opened; it and its folder have to be there, and to be readable", err}
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged: %w", err)
	}
	return err
}

// code returns SQLite's primary code for an error, or 0 if the error is not
// SQLite's.
func code(err error) int {
	const primary = 0xff
	if e, is := errors.AsType[*sqlite.Error](err); is {
		return e.Code() & primary
	}
	return 0
}

// isBusy reports whether an error means that another program keeps a file
// locked.
func isBusy(err error) bool {
	c := code(err)
	return c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED
}

// exists returns an error if there is no file at a path, or something else.
func exists(path string) error {
	about, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %q", path)
	case err != nil:
		return err
	case !about.Mode().IsRegular():
		return fmt.Errorf("%q is not a file", path)
	}
	return nil
}
