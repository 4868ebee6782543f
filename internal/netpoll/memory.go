//go:build linux

package netpoll

import (
	"cmp"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Memory is a file that exists in memory only, see memfd_create(2), mapped
// so that it can be written to and read like any memory, and sent with Sendfile
// like any file. It is handed out in pieces of one size, to any number of logs: first
// those that were used last, which are still in the processor's cache, or else one
// behind the other, so that they can be sent in one call.
//
// Sendfile puts references to the file's pages into a socket's queue, not
// copies. So what a piece holds must not change before the other side has read
// it, and the program can't know when that is. Therefore a piece that was sent is
// punched out of the file before it is reused: the queues that refer to its pages
// keep them, and the file gets new ones.
//
// The file grows by extents as pieces are needed, and each extent is mapped for itself:
//
//	file    │ extent 0 │ extent 1 │ extent 2 │
//	             │          │          └───▶ addresses … wherever the system has
//	             │          └─────▶ addresses …      space for them
//	             └─▶ addresses …
//
// So there are addresses for what is in use, and not for all that logs might need at
// once. It does not shrink: a piece that is free has no pages, except for a few.
//
// Not every system can do all that, and some fail only later. Then the Memory
// stops lending: it hands out the program's own memory in place of the file's, so
// that nothing is written to what may still be under way. The file is closed when
// its last piece has been given back. Until then there may be twice the memory.
//
// All methods may be called from any goroutine.
type Memory struct {
	file    int
	piece   int                      // bytes
	extents atomic.Pointer[[]extent] // in the order of their addresses; empty when the file is closed

	stopped   atomic.Bool // nothing of the file is handed out or lent any more
	onStop    func(error)
	populates bool // the system can provide pages in advance

	// mu guards the fields below, and growing and closing the file. It is not held
	// during the calls that provide pages or give them back.
	mu    sync.Mutex
	space pieceSpace
	own   [][]byte // free pieces of the program's own memory
}

// An extent is a part of the file that is mapped at once.
type extent struct {
	mapped []byte
	offset int // in the file
}

func (e extent) address() uintptr { return uintptr(unsafe.Pointer(&e.mapped[0])) }

// keptWarm is how many free pieces keep their pages. Getting new pages from the
// system costs more than filling them.
const keptWarm = 16

// NewMemory returns a memory of pieces of that many bytes, a multiple of the system's
// page size; an extent has that many pieces. It takes addresses, and no memory before
// it is written to. It fails if the system lacks what a Memory needs. If that turns out
// later, onStop is called, once, from any goroutine.
func NewMemory(pieces, piece int, onStop func(error)) (*Memory, error) {
	file, err := createFile()
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	m := &Memory{file: file, piece: piece, onStop: onStop, space: pieceSpace{extent: pieces}}
	m.extents.Store(new([]extent))
	if err = m.grow(); err == nil {
		err = m.probe()
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// grow adds an extent to the file. The caller holds m.mu.
func (m *Memory) grow() error {
	offset, size := m.space.pieces()*m.piece, m.space.extent*m.piece
	if err := unix.Ftruncate(m.file, int64(offset+size)); err != nil {
		return os.NewSyscallError("ftruncate", err)
	}
	mapped, err := unix.Mmap(m.file, int64(offset), size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	extents := append(slices.Clone(*m.extents.Load()), extent{mapped, offset})
	slices.SortFunc(extents, func(a, b extent) int { return cmp.Compare(a.address(), b.address()) })
	m.extents.Store(&extents)
	m.space.grow()
	return nil
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

// Take returns a piece that is free: the one behind last, which its caller took before,
// if that is as good as others.
func (m *Memory) Take(last []byte) []byte {
	if m.Lends() {
		if number, piece, isWarm := m.reserve(last); piece != nil {
			if isWarm || m.populate(piece) {
				return piece
			}
			m.release(number, false)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closeUnused()
	if last := len(m.own) - 1; last >= 0 {
		piece := m.own[last]
		m.own = m.own[:last]
		return piece
	}
	return make([]byte, m.piece)
}

// reserve takes a piece of the file, and reports whether it has pages. It returns none
// if the file has none any more.
func (m *Memory) reserve(last []byte) (number int, piece []byte, isWarm bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.Lends() {
		return 0, nil, false
	}
	behind := 0
	if offset, ok := m.find(last); ok {
		behind = int(offset)/m.piece + 1
	}
	number = m.space.next(behind)
	if number == m.space.pieces() {
		if err := m.grow(); err != nil {
			m.StopLending(err)
			return 0, nil, false
		}
	}
	isWarm = m.space.take(number)
	return number, m.at(number), isWarm
}

// release gives a piece of the file back, which has pages or has not.
func (m *Memory) release(number int, isWarm bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.space.give(number, isWarm)
	m.closeUnused()
}

// at returns a piece of the file.
func (m *Memory) at(number int) []byte {
	offset := number * m.piece
	for _, e := range *m.extents.Load() {
		if at := offset - e.offset; at >= 0 && at < len(e.mapped) {
			return e.mapped[at : at+m.piece : at+m.piece]
		}
	}
	panic("netpoll: the file has no such piece")
}

// populate provides a piece with pages, and reports whether there are any. Writing
// to a page that the system can't provide would end the program (SIGBUS).
func (m *Memory) populate(piece []byte) bool {
	if !m.populates {
		return true
	}
	err := unix.Madvise(piece, unix.MADV_POPULATE_WRITE)
	for err == unix.EINTR || err == unix.EAGAIN {
		err = unix.Madvise(piece, unix.MADV_POPULATE_WRITE)
	}
	if err != nil {
		m.StopLending(os.NewSyscallError("madvise", err))
	}
	return err == nil
}

// Give takes a piece back. If it was lent, which is to say sent with Sendfile, its
// pages are left to the queues that refer to them.
func (m *Memory) Give(piece []byte, lent bool) {
	offset, ok := m.find(piece)
	if !ok {
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.own) < keptWarm {
			m.own = append(m.own, piece)
		}
		return
	}
	number := int(offset) / m.piece
	if !lent && m.giveWarm(number) {
		return
	}
	if err := m.punch(piece); err != nil {
		m.StopLending(err)
	}
	m.release(number, false)
}

// giveWarm gives a piece back with its pages, unless enough others have theirs.
func (m *Memory) giveWarm(number int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.space.warm) >= keptWarm {
		return false
	}
	m.space.give(number, true)
	m.closeUnused()
	return true
}

// closeUnused closes the file if nothing of it is in use or will be. Pages that
// were lent live on in the queues that refer to them. The caller holds m.mu.
func (m *Memory) closeUnused() {
	if m.Lends() || m.space.taken > 0 || m.file < 0 {
		return
	}
	for _, e := range *m.extents.Swap(new([]extent)) {
		unix.Munmap(e.mapped)
	}
	unix.Close(m.file)
	m.file = -1
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

// Offset returns the offset in the file of bytes in a piece of the file that is taken.
func (m *Memory) Offset(b []byte) int64 {
	offset, _ := m.find(b)
	return offset
}

// find returns the offset in the file of bytes, and whether they are of the file.
func (m *Memory) find(b []byte) (offset int64, ok bool) {
	address := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	extents := *m.extents.Load()
	for len(extents) > 1 { // to the last that does not lie behind it
		middle := len(extents) / 2
		if extents[middle].address() <= address {
			extents = extents[middle:]
		} else {
			extents = extents[:middle]
		}
	}
	if len(extents) == 0 || address < extents[0].address() || address-extents[0].address() >= uintptr(len(extents[0].mapped)) {
		return -1, false
	}
	return int64(extents[0].offset) + int64(address-extents[0].address()), true
}

// File returns the file's descriptor, while a piece of the file is taken.
func (m *Memory) File() int { return m.file }

// Close has no more of the file handed out. It is unmapped and closed when its last
// piece has been given back. What was sent from it still arrives.
func (m *Memory) Close() {
	m.stopped.Store(true)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closeUnused()
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
