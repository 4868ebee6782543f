//go:build !unix

package history

import (
	"io/fs"
	"os"
)

// withoutLocks is SQLite's way to a file that takes no locks on it.
const withoutLocks = "win32-none"

// Servers run on Linux; what is read elsewhere is a file that they have left.
var databaseLocks, sharedMemoryLocks struct{}

func isLocked(*os.File, struct{}) bool { return false }

func linksOf(fs.FileInfo) uint64 { return 1 }

func isMountedAlone(string) bool { return false }
