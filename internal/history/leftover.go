package history

import (
	"context"
	"fmt"
	"net/url"
	"os"
)

// What was written last is not in a database but beside it, in its -wal, until it
// is copied there. If a server was killed, the -wal is left behind, and the
// next to open the database applies it to what is there: also to a database it does
// not belong to, because a backup was put there, which it destroys. So before a
// file is opened to be written to, nothing that lies beside it is taken on trust.

// errLinked says of a file why it is not written to.
const errLinked = errForm("has another name (a hard link), and what was written last lies beside one name only: " +
	"opening it by the other destroys it; remove the other name, or make it a copy")

// checkLeftover returns an error if what lies beside a file is not its own.
func (s *store) checkLeftover() error {
	if names(s.lock) > 1 {
		return errLinked
	}
	if isUsedByAnother(s.lock, s.real) {
		return errForm("is not the file that was there before, which is still open in another program, a server perhaps; " +
			"try again when that has ended or noticed")
	}
	wal, err := os.Stat(s.real + "-wal")
	if err != nil || wal.Size() == 0 {
		return nil
	}
	database, err := s.lock.Stat()
	if err != nil {
		return err
	}
	if database.Size() == 0 {
		return errForm(fmt.Sprintf("is not there, but its newest messages are, in %q; "+
			"move the file they belong to back to this place, or that one away", s.real+"-wal"))
	}
	return s.checkTogether()
}

// checkTogether returns an error if a file is damaged by what lies beside it. It
// changes neither.
func (s *store) checkTogether() error {
	ctx := context.Background()
	// Read without locks, which another server could only have if this one had
	// not locked the file; the index of the -wal is then no file either.
	f, err := open(ctx, s.real, url.Values{"mode": {"ro"}, "vfs": {unlocked}, "_pragma": {"locking_mode(exclusive)"}})
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
		"move the -wal away, which belongs to what was there before (%s)", s.real+"-wal", result))
}
