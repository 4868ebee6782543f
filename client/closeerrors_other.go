//go:build !windows

package client

import "syscall"

// closeErrors are the errors of a socket whose other side has closed it.
var closeErrors = []error{syscall.ECONNRESET, syscall.EPIPE}
