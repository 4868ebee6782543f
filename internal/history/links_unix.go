//go:build unix

package history

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// names returns how many names a file that is open has: 0 if it was removed.
func names(f *os.File) uint64 {
	about, err := f.Stat()
	if err != nil {
		return 1
	}
	if stat, ok := about.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink)
	}
	return 1
}

// whereabouts returns what a file that is open is called now, if that can be
// found out.
func whereabouts(f *os.File) string {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return "unknown"
	}
	return name
}

// unlocked is SQLite's way to a file that takes no locks on it.
const unlocked = "unix-none"

// SQLite's locks that every process with the database open in WAL mode has: one in
// the database (PENDING_BYTE and what follows, os.h), one in its -shm
// (UNIX_SHM_DMS, os_unix.c).
var (
	lockOfDatabase = unix.Flock_t{Type: unix.F_WRLCK, Start: 0x40000000, Len: 512}
	lockOfIndex    = unix.Flock_t{Type: unix.F_WRLCK, Start: 128, Len: 1}
)

// isUsed reports whether another process has such a lock.
func isUsed(f *os.File, lock unix.Flock_t) bool {
	err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock)
	return err == nil && lock.Type != unix.F_UNLCK
}

// isUsedByAnother reports whether another process has a database open whose path
// this was, but which is not the one that is open now.
func isUsedByAnother(database *os.File, path string) bool {
	index, err := os.Open(path + "-shm")
	if err != nil {
		return false
	}
	defer index.Close()
	return isUsed(index, lockOfIndex) && !isUsed(database, lockOfDatabase)
}

// isUsedInWAL reports whether another process has a database open in WAL mode.
func isUsedInWAL(f *os.File) bool { return isUsed(f, lockOfDatabase) }
