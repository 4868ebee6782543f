//go:build !unix

package history

import (
	"io/fs"
	"os"
)

// withoutLocks is the name of SQLite's VFS that takes no locks.
const withoutLocks = "win32-none"

// Servers run on Linux only, so no other process has a file open for writing.
var databaseLocks, sharedMemoryLocks struct{}

func isLocked(*os.File, struct{}) bool { return false }

func linksOf(fs.FileInfo) uint64 { return 1 }

func isMountedAlone(string) bool { return false }
