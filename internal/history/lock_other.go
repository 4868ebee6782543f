//go:build !unix

package history

import "os"

// lock opens the file. It takes no lock: servers run on Linux only.
func lock(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }
