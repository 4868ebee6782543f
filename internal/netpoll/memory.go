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
// like any file. It is handed out in pieces of one size: those that have just
// been used first, which are still in the processor's cache, or else one behind
// the other, so that they can be sent in one go.
//
// Sendfile puts references to the file's pages into a socket's queue, not
// copies. What a piece holds must therefore not change before the other side
// has read it, and nobody can tell when that is. So a piece that was sent like
// that is punched out of the file before it is used again: whoever refers to
// its pages keeps them, and the file gets new ones.
//
// A Memory is not safe for use by several goroutines, except Offset and File.
type Memory struct {
	file   int
	mapped []byte
	piece  int // bytes
	states []pieceState
	last   int // the piece taken last
	front  int // no piece before it is free
	taken  int // how many pieces are
	warm   int // how many pieces are
}

// A pieceState says what a piece is used for.
type pieceState uint8

const (
	cold  pieceState = iota // free, and the file has no pages for it
	warm                    // free, with pages
	taken                   // handed out
)

// keptWarm is how many free pieces keep their pages; getting new ones from the
// system costs more than filling them.
const keptWarm = 16

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
	return &Memory{file: file, mapped: mapped, piece: piece, states: make([]pieceState, pieces), last: -1}, nil
}

// Take returns a piece that is free. It panics if there is none.
func (m *Memory) Take() []byte {
	number := m.next()
	if m.states[number] == warm {
		m.warm--
	}
	m.states[number] = taken
	m.taken++
	m.last = number
	offset := number * m.piece
	return m.mapped[offset : offset+m.piece : offset+m.piece]
}

// next chooses the piece to take: the one behind the last, unless that has no
// pages and others do, or it is so far from the front that the pieces in use
// would be scattered over the file; then the first that is free.
func (m *Memory) next() int {
	const scatter = 4
	if n := m.last + 1; n < min(len(m.states), scatter*(m.taken+keptWarm)) &&
		(m.states[n] == warm || m.states[n] == cold && m.warm == 0) {
		return n
	}
	for m.states[m.front] == taken {
		m.front++
	}
	return m.front
}

// Give takes a piece back. If it was lent, that is sent with Sendfile, its pages
// are left to whoever refers to them.
func (m *Memory) Give(piece []byte, lent bool) {
	number := int(m.Offset(piece)) / m.piece
	m.front = min(m.front, number)
	m.taken--
	if !lent && m.warm < keptWarm {
		m.states[number] = warm
		m.warm++
		return
	}
	m.punch(piece)
	m.states[number] = cold
}

// punch gives the pages of a piece back to the system.
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
