package client

import "syscall"

// closeErrors are the errors of a socket whose other side has closed it.
var closeErrors = []error{syscall.WSAECONNRESET, syscall.WSAECONNABORTED}
