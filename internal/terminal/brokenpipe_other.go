//go:build !windows

package terminal

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// IsBrokenPipe reports whether a write failed because nobody reads the output any
// more.
func IsBrokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrClosed)
}
