//go:build linux

package server

import "syscall"

// An outcome is what reading or writing a connection came to. A connection does not
// know what follows from that: its caller acts on it.
type outcome struct {
	kind  outcomeKind
	cause cause // why it ended, if it did
}

type outcomeKind uint8

const (
	done    outcomeKind = iota // something was read, or all was written
	blocked                    // the socket has nothing to read, or no space, for now
	short                      // the kernel lacks memory; to be tried again later
	ended                      // for good
)

// failed returns the outcome of a call on a connection that failed; or that did less
// than it could, if errno is 0.
func failed(call string, errno syscall.Errno) outcome {
	switch {
	case errno == 0 || errno == syscall.EAGAIN:
		return outcome{kind: blocked}
	case shortage(errno):
		return outcome{kind: short}
	}
	return outcome{ended, causeErrno(call, errno)}
}
