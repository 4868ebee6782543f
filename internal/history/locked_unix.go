//go:build unix

package history

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// withoutLocks is the name of SQLite's VFS that takes no locks.
const withoutLocks = "unix-none"

// The ranges that SQLite locks. A process that has a database open in WAL mode
// always holds a lock on the database (PENDING_BYTE and SHARED_SIZE in os.h) and
// one on the -shm (UNIX_SHM_DMS in os_unix.c).
var (
	databaseLocks     = unix.Flock_t{Start: 0x40000000, Len: 512}
	sharedMemoryLocks = unix.Flock_t{Start: (22+8)*4 + 8, Len: 1}
)

// isLocked reports whether a range of a file is locked. It returns false if that
// can't be found out.
func isLocked(file *os.File, locks unix.Flock_t) bool {
	locks.Type = unix.F_WRLCK
	asked := locks
	if unix.FcntlFlock(file.Fd(), queryLock, &asked) != nil {
		asked = locks
		if unix.FcntlFlock(file.Fd(), unix.F_GETLK, &asked) != nil {
			return false
		}
	}
	return asked.Type != unix.F_UNLCK
}

// linksOf returns how many names a file has.
func linksOf(about fs.FileInfo) uint64 {
	if stat, ok := about.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink)
	}
	return 1
}
