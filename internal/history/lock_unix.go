//go:build unix

package history

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lock locks a file, so that no other server writes to it. It creates the file
// if there is none. The result must be closed after the database: closing it
// earlier would release SQLite's own locks.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errors.New("another running server writes to it")
	} else if err != nil {
		err = fmt.Errorf("locking it: %w", os.NewSyscallError("flock", err))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
