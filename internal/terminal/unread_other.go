//go:build !windows

package terminal

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// IsUnread reports whether a write failed because nobody is there to read.
func IsUnread(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrClosed)
}
