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

// A file is a database that is open, by the one connection there is to it.
type file struct {
	path string // as it was given
	name string // as it was opened
	db   *sql.DB
	conn *sql.Conn
	// seen is what a file of others was like before it was opened, and nil for one
	// of this process.
	seen     fs.FileInfo
	held     *os.File // one of others; closed after the database, because that ends all of a process's locks
	unlocked bool     // read without locks, so nobody may write to it meanwhile
}

// open opens a database; options are pragmas, and parameters of its URI.
func open(ctx context.Context, path string, options url.Values) (*file, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Without this, SQLite needs a folder for temporary files, for a transaction
	// of more than 64 KiB as well as to put something in order.
	options.Add("_pragma", "temp_store(memory)")
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: options.Encode(), OmitHost: true}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &file{path: path, name: path, db: db, conn: conn}, nil
}

// openToWrite opens a history, or what may become one.
func openToWrite(ctx context.Context, path string) (*file, error) {
	f, err := open(ctx, path, url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(2000)"}})
	if err != nil {
		return nil, err
	}
	// Nothing is changed before it is known to be ours. With synchronous=full a
	// commit is on the disk when it returns, so not even the machine's end takes
	// anything away. Space that is freed is used again; Prune gives it back.
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

// closeDatabase closes the database, and holds on to the file.
func (f *file) closeDatabase() error {
	if f.db == nil {
		return nil
	}
	err := errors.Join(f.conn.Close(), f.db.Close())
	f.conn, f.db = nil, nil
	return err
}

// exec executes a statement for what it does.
func (f *file) exec(statement string, args ...any) (affected int64, err error) {
	result, err := f.conn.ExecContext(context.Background(), statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// transact does something in one transaction.
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

// explain says about which file an error is, and puts it into words.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	if form, is := errors.AsType[errForm](err); is {
		return fmt.Errorf("%q %w", path, form)
	}
	if code(err) == sqlite3.SQLITE_NOTADB {
		return fmt.Errorf("%q is not a history of this program: it is not an SQLite database", path)
	}
	return fmt.Errorf("the history %q: %w", path, reason(err))
}

// reason puts an error into words.
func reason(err error) error {
	switch code(err) {
	case sqlite3.SQLITE_FULL:
		return errors.New("the disk is full")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return errors.New("another program keeps it locked")
	case sqlite3.SQLITE_READONLY:
		return errors.New("it may not be written to")
	case sqlite3.SQLITE_CANTOPEN:
		return errors.New("it can't be opened; it and its folder have to be there, and to be readable")
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged: %w", err)
	}
	return err
}

// code returns SQLite's code for an error, without what makes it more precise,
// or 0 if it is not SQLite's.
func code(err error) int {
	const primary = 0xff
	if e, is := errors.AsType[*sqlite.Error](err); is {
		return e.Code() & primary
	}
	return 0
}

// isBusy reports whether an error says that another program keeps a file locked.
func isBusy(err error) bool {
	c := code(err)
	return c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED
}

// exists reports in words that a file is not there, or is no file.
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
