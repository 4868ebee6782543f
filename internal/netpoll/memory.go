//go:build linux

package netpoll

import (
	"os"
	"sync/atomic"
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
// Not every system can do all that, and some say so only later. Then the Memory
// stops lending: nothing of the file is handed out any more, so that nobody
// writes into what may be on its way, and pieces are the program's own memory
// instead. The file is closed when its last piece has come back; until then
// there may be twice the memory.
//
// A Memory is not safe for use by several goroutines, except Lends, StopLending,
// Offset and File.
type Memory struct {
	file   int
	mapped []byte // nil when the file is closed
	piece  int    // bytes
	states []pieceState
	last   int // the piece taken last
	front  int // no piece before it is free
	taken  int // how many pieces are
	warm   int // how many pieces are

	stopped   atomic.Bool // nothing of the file is handed out or lent any more
	onStop    func(error)
	populates bool     // the system tells beforehand if it has no pages
	own       [][]byte // free pieces of the program's own memory
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
// is written to. It fails if the system lacks what a Memory needs; onStop is
// called, once at most and from any goroutine, if that turns out later.
func NewMemory(pieces, piece int, onStop func(error)) (*Memory, error) {
	file, err := createFile()
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
	m := &Memory{
		file: file, mapped: mapped, piece: piece, states: make([]pieceState, pieces), last: -1,
		onStop: onStop,
	}
	if err := m.probe(); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// createFile returns a file in memory that nobody can execute. Where the system
// is set to allow no other kind (vm.memfd_noexec), that has to be said; older
// ones don't understand it.
func createFile() (int, error) {
	const name = "sop-chat-log"
	file, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL {
		return unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	return file, err
}

// Lends reports whether what is in the file may be sent by reference. Whoever
// has it from a piece of the memory where it lies asks after that.
func (m *Memory) Lends() bool { return !m.stopped.Load() }

// StopLending hands out no more of the file, because of an error.
func (m *Memory) StopLending(why error) {
	if m.stopped.CompareAndSwap(false, true) {
		m.onStop(why)
	}
}

// Take returns a piece that is free. It panics if there is none.
func (m *Memory) Take() []byte {
	if m.Lends() {
		number := m.next()
		if m.states[number] == warm || m.populate(number) {
			return m.take(number)
		}
	}
	m.abandon()
	if last := len(m.own) - 1; last >= 0 {
		piece := m.own[last]
		m.own = m.own[:last]
		return piece
	}
	return make([]byte, m.piece)
}

func (m *Memory) take(number int) []byte {
	if m.states[number] == warm {
		m.warm--
	}
	m.states[number] = taken
	m.taken++
	m.last = number
	return m.at(number)
}

func (m *Memory) at(number int) []byte {
	offset := number * m.piece
	return m.mapped[offset : offset+m.piece : offset+m.piece]
}

// populate gets a piece its pages, and reports whether there are any: to write
// to a page that the system can't provide would end the program (SIGBUS).
func (m *Memory) populate(number int) bool {
	if !m.populates {
		return true
	}
	err := unix.Madvise(m.at(number), unix.MADV_POPULATE_WRITE)
	for err == unix.EINTR || err == unix.EAGAIN {
		err = unix.Madvise(m.at(number), unix.MADV_POPULATE_WRITE)
	}
	if err != nil {
		m.StopLending(os.NewSyscallError("madvise", err))
	}
	return err == nil
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
	if !m.isOfFile(piece) {
		if len(m.own) < keptWarm {
			m.own = append(m.own, piece)
		}
		return
	}
	number := int(m.Offset(piece)) / m.piece
	m.front = min(m.front, number)
	m.taken--
	if !lent && m.warm < keptWarm {
		m.states[number] = warm
		m.warm++
	} else {
		m.states[number] = cold
		if err := m.punch(piece); err != nil {
			m.StopLending(err)
		}
	}
	m.abandon()
}

// isOfFile reports whether a piece is of the file, and not the program's own.
func (m *Memory) isOfFile(piece []byte) bool {
	return m.mapped != nil && uint64(m.Offset(piece)) < uint64(len(m.mapped))
}

// abandon closes the file if nothing of it will be handed out, and nothing is.
// Its pages are then only there for those to whom they were lent.
func (m *Memory) abandon() {
	if !m.Lends() && m.taken == 0 {
		m.closeFile()
	}
}

// punch gives the pages of a piece back to the system.
func (m *Memory) punch(piece []byte) error {
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	err := unix.Fallocate(m.file, mode, m.Offset(piece), int64(len(piece)))
	for err == unix.EINTR {
		err = unix.Fallocate(m.file, mode, m.Offset(piece), int64(len(piece)))
	}
	return os.NewSyscallError("fallocate", err)
}

// Offset returns where in the file some bytes of a piece are.
func (m *Memory) Offset(b []byte) int64 {
	return int64(uintptr(unsafe.Pointer(&b[0])) - uintptr(unsafe.Pointer(&m.mapped[0])))
}

// File returns the file's descriptor.
func (m *Memory) File() int { return m.file }

// Close unmaps and closes the memory. What was sent from it still arrives.
func (m *Memory) Close() { m.closeFile() }

func (m *Memory) closeFile() {
	if m.mapped == nil {
		return
	}
	unix.Munmap(m.mapped)
	unix.Close(m.file)
	m.mapped, m.file = nil, -1
}

// Sendfile sends bytes of a file to a socket by reference, see sendfile(2). It
// may send less than all, always from the front.
func (p *Poller) Sendfile(fd, file int, offset int64, n int) (int, syscall.Errno) {
	at := uintptr(offset) // off_t, which is as large on every machine
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDFILE, uintptr(fd), uintptr(file),
		uintptr(unsafe.Pointer(&at)), uintptr(n), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(sent), 0
}
