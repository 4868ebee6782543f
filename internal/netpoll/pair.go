//go:build linux

package netpoll

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pair returns two connected stream sockets, which don't block and are closed on exec. Each
// holds about as many bytes as buffer, a little more or less, that the other has not read,
// see SO_SNDBUF in socket(7). See socketpair(2) and unix(7).
func Pair(buffer int) (a, b int, err error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range ends {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, buffer) // or it holds more
	}
	return ends[0], ends[1], nil
}

// Write writes to a socket that does not block, see send(2). It may write only the first of
// the bytes.
func Write(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// CanRead reports whether Read would return something other than EAGAIN.
func CanRead(fd int) bool {
	var b byte
	_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(&b)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	return errno != unix.EAGAIN
}

// HungUp reports whether the other end of a connection is closed, or both directions are
// ended, see POLLHUP in poll(2).
func HungUp(fd int) bool {
	polled := []unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(polled, 0)
	return err == nil && n == 1 && polled[0].Revents&unix.POLLHUP != 0
}
