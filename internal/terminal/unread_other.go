//go:build !windows

package terminal

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// isUnread reports whether a write failed because nobody is there to read.
func isUnread(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrClosed)
}
