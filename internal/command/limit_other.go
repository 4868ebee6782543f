//go:build !linux

package command

// systemLimit is only told where there is a server.
func systemLimit() memoryLimit { return memoryLimit{} }
