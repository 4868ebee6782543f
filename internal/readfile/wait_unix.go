//go:build unix

package readfile

import "syscall"

// withoutWaiting opens a pipe without waiting for somebody that writes to it.
const withoutWaiting = syscall.O_NONBLOCK
