//go:build unix

package history

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// names returns how many names an open file has: 0 if it was removed.
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

// currentName returns the name that an open file has now, or "unknown" if that
// can't be found out.
func currentName(f *os.File) string {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return "unknown"
	}
	return name
}

// isLockedElsewhere reports whether another process has a lock in a range of a
// file.
func isLockedElsewhere(f *os.File, locks unix.Flock_t) bool {
	locks.Type = unix.F_WRLCK
	err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &locks)
	return err == nil && locks.Type != unix.F_UNLCK
}

// isUsedByAnother reports whether another process has a database open that was at
// this path before, and is not the one that is open now.
func isUsedByAnother(database *os.File, path string) bool {
	index, err := os.Open(path + "-shm")
	if err != nil {
		return false
	}
	defer index.Close()
	return isLockedElsewhere(index, sharedMemoryLocks) && !isLockedElsewhere(database, databaseLocks)
}

// isUsedInWAL reports whether another process has a database open in WAL mode.
func isUsedInWAL(f *os.File) bool { return isLockedElsewhere(f, databaseLocks) }
