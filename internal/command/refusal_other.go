//go:build !windows

package command

import (
	"errors"
	"syscall"
)

// isRefusal reports whether nobody listens on a port.
func isRefusal(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
