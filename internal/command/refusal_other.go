//go:build !windows

package command

import (
	"errors"
	"syscall"
)

// isRefusal reports whether an error means that nobody listens on a port.
func isRefusal(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
