//go:build !unix

package history

import "os"

// lock opens the file. The server, which is what has to be kept from writing
// to a file twice, is for Linux.
func lock(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }
