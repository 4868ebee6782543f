//go:build linux

package netpoll

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Memory is a file that exists in memory only, see memfd_create(2), mapped
// so that it can be written to and read like any memory, and sent with Sendfile
// like any file. It is handed out in pieces of one size.
//
// Sendfile puts references to the file's pages into a socket's queue, not
// copies. What a piece holds must therefore not change before the other side
// has read it, and nobody can tell when that is. So a piece that is to be used
// again is punched out of the file first: whoever refers to its pages keeps
// them, and the file gets new ones.
//
// A Memory is not safe for use by several goroutines, except Offset and File.
type Memory struct {
	file   int
	mapped []byte
	piece  int
	used   int   // bytes at the front that were handed out at some time
	free   []int // offsets of pieces that were given back, the last one first
}

// NewMemory returns a memory of some pieces of a size in bytes, which must be a
// multiple of the system's page. It takes addresses, and no memory before it
// is written to. See memfd_create(2) and mmap(2) for its errors.
func NewMemory(pieces, piece int) (*Memory, error) {
	file, err := unix.MemfdCreate("sop-chat-log", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	size := pieces * piece
	if err := unix.Ftruncate(file, int64(size)); err != nil {
		unix.Close(file)
		return nil, os.NewSyscallError("ftruncate", err)
	}
	mapped, err := unix.Mmap(file, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		unix.Close(file)
		return nil, os.NewSyscallError("mmap", err)
	}
	return &Memory{file: file, mapped: mapped, piece: piece}, nil
}

// Take returns a piece. It panics if there is none left.
func (m *Memory) Take() []byte {
	offset := m.used
	if last := len(m.free) - 1; last >= 0 {
		offset, m.free = m.free[last], m.free[:last]
	} else {
		m.used += m.piece
	}
	return m.mapped[offset : offset+m.piece : offset+m.piece]
}

// Renew returns the piece with new pages; those that it had are left to whoever
// refers to them.
func (m *Memory) Renew(piece []byte) []byte {
	m.punch(piece)
	return piece
}

// Give takes a piece back and returns its pages to the system.
func (m *Memory) Give(piece []byte) {
	m.punch(piece)
	m.free = append(m.free, int(m.Offset(piece)))
}

func (m *Memory) punch(piece []byte) {
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	for {
		switch err := unix.Fallocate(m.file, mode, m.Offset(piece), int64(len(piece))); err {
		case nil:
			return
		case unix.EINTR:
		default:
			// It fails for no file of this kind; and to go on would change
			// messages that are on their way.
			panic(os.NewSyscallError("fallocate", err))
		}
	}
}

// Offset returns where in the file some bytes of a piece are.
func (m *Memory) Offset(b []byte) int64 {
	return int64(uintptr(unsafe.Pointer(&b[0])) - uintptr(unsafe.Pointer(&m.mapped[0])))
}

// File returns the file's descriptor.
func (m *Memory) File() int { return m.file }

// Close unmaps and closes the memory. What was sent from it still arrives.
func (m *Memory) Close() {
	unix.Munmap(m.mapped)
	unix.Close(m.file)
}

// Sendfile sends bytes of a file to a socket by reference, see sendfile(2). It
// may send less than all, always from the front.
func (p *Poller) Sendfile(fd, file int, offset int64, n int) (int, syscall.Errno) {
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDFILE, uintptr(fd), uintptr(file),
		uintptr(unsafe.Pointer(&offset)), uintptr(n), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(sent), 0
}
