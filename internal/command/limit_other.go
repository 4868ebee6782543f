//go:build !linux

package command

// systemLimit returns no limit: servers run on Linux only.
func systemLimit() memoryLimit { return memoryLimit{} }
