//go:build !unix

package history

import "os"

// On these systems a file that is open can't be moved or removed.

func names(*os.File) uint64 { return 1 }

func currentName(f *os.File) string { return f.Name() }

func isUsedByAnother(*os.File, string) bool { return false }

func isUsedInWAL(*os.File) bool { return false }
