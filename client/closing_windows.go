package client

import "syscall"

// closings are the errors of a socket whose other side has closed it.
var closings = []error{syscall.WSAECONNRESET, syscall.WSAECONNABORTED}
