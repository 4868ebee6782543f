package bench

import (
	"encoding/binary"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A stampedReader reads from sockets, and tells when what it reads arrived: the
// kernel notes the time of each packet (SO_TIMESTAMPNS in socket(7)). When a
// message goes to many clients one by one, the generator is still busy with
// some while it arrives at others. That is no latency of the server's.
type stampedReader struct {
	buffer  []byte
	control [stampSpace]byte
	vector  unix.Iovec
	header  unix.Msghdr
}

// A stamp is a control message: its header and a timespec of 64-bit numbers.
const (
	timespecSize = 16
	stampSpace   = unix.SizeofCmsghdr + timespecSize + 8 // and what may be between the two
)

func newStampedReader() *stampedReader {
	r := &stampedReader{buffer: make([]byte, readSize)}
	r.vector.Base = &r.buffer[0]
	r.vector.SetLen(len(r.buffer))
	r.header.Iov = &r.vector
	r.header.SetIovlen(1)
	return r
}

// stampArrivals makes a socket note when bytes arrive. Kernels before 5.1 can't
// do it; then bytes count as arrived when they are read.
func stampArrivals(fd int) {
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1)
}

// read reads once, see recvmsg(2), and returns for how long the last of the
// bytes have been there. The call goes past the scheduler, as netpoll's do.
func (r *stampedReader) read(fd int) (b []byte, ago time.Duration, errno syscall.Errno) {
	r.header.Control = &r.control[0]
	r.header.SetControllen(len(r.control))
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.header)), 0)
	if errno != 0 {
		return nil, 0, errno
	}
	return r.buffer[:n], r.ago(), 0
}

func (r *stampedReader) ago() time.Duration {
	message := (*unix.Cmsghdr)(unsafe.Pointer(&r.control[0]))
	if int(r.header.Controllen) < unix.CmsgLen(timespecSize) ||
		message.Level != unix.SOL_SOCKET || message.Type != unix.SO_TIMESTAMPNS_NEW {
		return 0
	}
	timespec := r.control[unix.CmsgLen(0):]
	seconds := int64(binary.NativeEndian.Uint64(timespec))
	nanoseconds := int64(binary.NativeEndian.Uint64(timespec[8:]))
	// The two clocks are the same unless someone sets the system's.
	return max(0, time.Since(time.Unix(seconds, nanoseconds)))
}
