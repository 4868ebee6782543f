package history

import (
	"context"
	"fmt"
	"net/url"
	"os"
)

// The newest messages are in the -wal beside a database until a checkpoint copies
// them into the database itself. A server that is killed leaves its -wal behind.
// SQLite applies it to whatever database it finds at the path next, and destroys
// a backup that was put there. So companion files are checked before a database
// is opened for writing.

// errLinked says why a file with hard links is not written to.
const errLinked = errForm("has another name (a hard link), and what was written last lies beside one name only: " +
	"opening it by the other destroys it; remove the other name, or make it a copy")

// checkLeftover returns an error if the companion files belong to another
// database.
func (s *store) checkLeftover() error {
	if names(s.lock) > 1 {
		return errLinked
	}
	if isUsedByAnother(s.lock, s.realPath) {
		return errForm("is not the file that was there before, which is still open in another program, a server perhaps; " +
			"try again when that has ended or noticed")
	}
	wal, err := os.Stat(s.realPath + "-wal")
	if err != nil || wal.Size() == 0 {
		return nil
	}
	database, err := s.lock.Stat()
	if err != nil {
		return err
	}
	if database.Size() == 0 {
		return errForm(fmt.Sprintf("is not there, but its newest messages are, in %q; "+
			"move the file they belong to back to this place, or that one away", s.realPath+"-wal"))
	}
	return s.checkTogether()
}

// checkTogether returns an error if applying the -wal damages the database. It
// changes neither.
func (s *store) checkTogether() error {
	ctx := context.Background()
	// No locks are needed, because this server has locked the file. With an
	// exclusive locking mode, the index of the -wal is in memory.
	f, err := open(ctx, s.realPath, url.Values{"mode": {"ro"}, "vfs": {withoutLocks}, "_pragma": {"locking_mode(exclusive)"}})
	if err != nil {
		return err
	}
	defer f.close()
	version, err := check(ctx, f.conn, len(migrations), true)
	if err != nil || version == 0 {
		return err
	}
	var result string
	err = f.conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result)
	if err == nil && result == "ok" {
		return nil
	}
	if err != nil {
		result = err.Error()
	}
	return errForm(fmt.Sprintf("and %q don't belong together, or are damaged; if the file was restored from a backup, "+
		"move the -wal away, which belongs to what was there before (%s)", s.realPath+"-wal", result))
}
