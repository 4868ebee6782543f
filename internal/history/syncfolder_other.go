//go:build !unix

package history

// syncFolder does nothing: folders can't be synced here.
func syncFolder(string) error { return nil }
