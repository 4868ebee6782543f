//go:build linux

package gateway

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pairBuffer is how much the server may have written that the gateway has not
// read, in bytes.
const pairBuffer = 64 << 10

// socketPair returns two ends of a stream: one for Go, and the descriptor of
// the other for the server.
func socketPair() (*net.UnixConn, int, error) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, os.NewSyscallError("socketpair", err)
	}
	// What the server has written and nobody taken is to be little, or its
	// cursor for a slow client moves on seldom. Linux takes twice the value,
	// for its own needs.
	syscall.SetsockoptInt(ends[1], syscall.SOL_SOCKET, syscall.SO_SNDBUF, pairBuffer)
	file := os.NewFile(uintptr(ends[0]), "gateway")
	defer file.Close()
	conn, err := net.FileConn(file) // of a descriptor of its own
	if err != nil {
		closeFD(ends[1])
		return nil, -1, err
	}
	return conn.(*net.UnixConn), ends[1], nil
}

func closeFD(fd int) { syscall.Close(fd) }

// readSome waits until there is something to read, and only then takes a
// buffer: clients are silent most of the time, and there may be thousands. It
// returns 0 bytes at the end, whatever ended it. The buffer is the caller's to
// give back.
func readSome(conn *net.UnixConn, rest []byte) (buffer *[]byte, n int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, 0
	}
	raw.Read(func(fd uintptr) bool {
		if buffer == nil {
			buffer = buffers.Get().(*[]byte)
		}
		kept := copy(*buffer, rest)
		for {
			n, err = syscall.Read(int(fd), (*buffer)[kept:])
			if err != syscall.EINTR {
				break
			}
		}
		if err == syscall.EAGAIN {
			buffers.Put(buffer)
			buffer, n = nil, 0
			return false
		}
		if err != nil || n <= 0 {
			n = 0
		} else {
			n += kept
		}
		return true
	})
	return buffer, n
}

// isHungUp reports whether the server has closed its end, also while there is
// something left to read.
func isHungUp(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	var events int16
	err = raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		unix.Poll(poll, 0) // if it fails, it is asked again
		events = poll[0].Revents
	})
	return err != nil || events&unix.POLLHUP != 0
}
