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
// like any file. It is handed out in pieces of one size: first those that were
// used last, which are still in the processor's cache, or else one behind the
// other, so that they can be sent in one call.
//
// Sendfile puts references to the file's pages into a socket's queue, not
// copies. So what a piece holds must not change before the other side has read
// it, and the program can't know when that is. Therefore a piece that was sent is
// punched out of the file before it is reused: the queues that refer to its pages
// keep them, and the file gets new ones.
//
// Not every system can do all that, and some fail only later. Then the Memory
// stops lending: it hands out the program's own memory in place of the file's, so
// that nothing is written to what may still be under way. The file is closed when
// its last piece has been given back. Until then there may be twice the memory.
//
// Lends, StopLending, Offset and File may be called from any goroutine. The other
// methods may not be called concurrently.
type Memory struct {
	file   int
	mapped []byte // nil when the file is closed
	piece  int    // bytes
	states []pieceState
	last   int // the piece taken last
	front  int // no piece before it is free
	taken  int // number of pieces taken
	warm   int // number of pieces warm

	stopped   atomic.Bool // nothing of the file is handed out or lent any more
	onStop    func(error)
	populates bool     // the system can provide pages in advance
	own       [][]byte // free pieces of the program's own memory
}

// A pieceState says what a piece is used for.
type pieceState uint8

const (
	cold  pieceState = iota // free, and the file has no pages for it
	warm                    // free, with pages
	taken                   // handed out
)

// keptWarm is how many free pieces keep their pages. Getting new pages from the
// system costs more than filling them.
const keptWarm = 16

// NewMemory returns a memory of that many pieces of that many bytes, a multiple of
// the system's page size. It takes addresses, and no memory before it is written
// to. It fails if the system lacks what a Memory needs. If that turns out later,
// onStop is called, once, from any goroutine.
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

// createFile returns a file in memory that can't be executed. A system that allows
// no other kind (vm.memfd_noexec) needs the flag; an older one does not know it.
func createFile() (int, error) {
	const name = "sop-chat-log"
	file, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL {
		return unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	return file, err
}

// Lends reports whether pieces may be sent by reference. A caller must ask after
// it has found the piece to send: a piece found while the answer is still true is
// one of the file.
func (m *Memory) Lends() bool { return !m.stopped.Load() }

// StopLending has no more of the file handed out, because of an error.
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
	m.closeUnused()
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

// populate provides a piece with pages, and reports whether there are any. Writing
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

// next chooses the piece to take: the one behind the last, or else the first free
// one. That is if the one behind the last is taken, has no pages while others do,
// or is so far from the front that the pieces in use would be scattered.
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

// Give takes a piece back. If it was lent, which is to say sent with Sendfile, its
// pages are left to the queues that refer to them.
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
	m.closeUnused()
}

// isOfFile reports whether a piece belongs to the file.
func (m *Memory) isOfFile(piece []byte) bool {
	return m.mapped != nil && uint64(m.Offset(piece)) < uint64(len(m.mapped))
}

// closeUnused closes the file if nothing of it is in use or will be. Pages that
// were lent live on in the queues that refer to them.
func (m *Memory) closeUnused() {
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

// Offset returns the offset in the file of bytes in a piece.
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
