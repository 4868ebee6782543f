//go:build unix

package history

import "os"

// syncFolder returns when the names of a folder's files are on the disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
