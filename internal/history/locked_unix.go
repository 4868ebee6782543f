//go:build unix

package history

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// withoutLocks is SQLite's way to a file that takes no locks on it.
const withoutLocks = "unix-none"

// Where SQLite has its locks: in the database, of which a process that has it open
// in WAL mode keeps one all the time, and in the -shm, of which the same is true
// (PENDING_BYTE and SHARED_SIZE in os.h, UNIX_SHM_DMS in os_unix.c).
var (
	databaseLocks     = unix.Flock_t{Start: 0x40000000, Len: 512}
	sharedMemoryLocks = unix.Flock_t{Start: (22+8)*4 + 8, Len: 1}
)

// isLocked reports whether anybody has a lock in some range of a file. Where
// that can't be found out, nobody is said to.
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
