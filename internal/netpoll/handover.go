//go:build linux

package netpoll

import (
	"cmp"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// IsTCP reports whether a descriptor is a TCP connection, which another process can go on
// with. An end of a socket pair is not: at the other end is this process.
func IsTCP(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_STREAM {
		return false
	}
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	return err == nil && (domain == unix.AF_INET || domain == unix.AF_INET6)
}

// IsTCP is like the function IsTCP.
func (p *Poller) IsTCP(fd int) bool { return IsTCP(fd) }

// IsListener reports whether a descriptor is a socket that listens.
func IsListener(fd int) bool {
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && listens != 0
}

// A SavedMemory is what another process has to know of a Memory, beside which of its pieces
// are taken.
type SavedMemory struct {
	FD     int
	Piece  int   // bytes
	Extent int   // pieces by which it grows
	Pieces int   // how many it has
	Warm   []int // that are free and have pages

	Populates bool // the system can provide pages in advance
}

// Save returns what OpenMemory needs, and whether there is a file that another process can
// go on with. Nothing may be taken or given back until it does.
func (m *Memory) Save() (SavedMemory, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.Lends() || m.file < 0 {
		return SavedMemory{}, false
	}
	return SavedMemory{m.file, m.piece, m.space.extent, m.space.pieces(), slices.Clone(m.space.warm), m.populates}, true
}

// Number returns the number of a piece of the file, and whether it is one.
func (m *Memory) Number(piece []byte) (number int, ok bool) {
	offset, ok := m.find(piece)
	if !ok {
		return -1, false
	}
	return int(offset) / m.piece, true
}

// At returns the piece of the file with a number; nil if there is none, or it is free.
func (m *Memory) At(number int) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if number < 0 || number >= m.space.pieces() || m.space.isFree(number) {
		return nil
	}
	return m.at(number)
}

// OpenMemory returns a memory that was saved, of which some pieces are taken. If it fails,
// the file is not closed.
func OpenMemory(s SavedMemory, taken []int, onStop func(error)) (*Memory, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	m := &Memory{file: s.FD, piece: s.Piece, onStop: onStop, populates: s.Populates, space: pieceSpace{extent: s.Extent}}
	m.extents.Store(new([]extent))
	extents := make([]extent, 0, s.Pieces/s.Extent)
	for m.space.pieces() < s.Pieces {
		offset, size := m.space.pieces()*m.piece, m.space.extent*m.piece
		mapped, err := unix.Mmap(m.file, int64(offset), size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
		if err != nil {
			for _, e := range extents {
				unix.Munmap(e.mapped)
			}
			return nil, os.NewSyscallError("mmap", err)
		}
		extents = append(extents, extent{mapped, offset})
		m.space.grow()
	}
	slices.SortFunc(extents, func(a, b extent) int { return cmp.Compare(a.address(), b.address()) })
	m.extents.Store(&extents)
	for i, numbers := range [][]int{taken, s.Warm} {
		for _, number := range numbers {
			if number < 0 || number >= s.Pieces || !m.space.isFree(number) {
				m.unmap()
				return nil, fmt.Errorf("the saved memory has %d pieces, and piece %d is taken twice, or not among them", s.Pieces, number)
			}
			m.space.take(number)
		}
		if i == 1 {
			for _, number := range numbers {
				m.space.give(number, true)
			}
		}
	}
	return m, nil
}

func (m *Memory) unmap() {
	for _, e := range *m.extents.Swap(new([]extent)) {
		unix.Munmap(e.mapped)
	}
}

// check returns an error if there can't be such a memory.
func (s *SavedMemory) check() error {
	var stat unix.Stat_t
	if err := unix.Fstat(s.FD, &stat); err != nil {
		return fmt.Errorf("the saved memory, descriptor %d: %w", s.FD, os.NewSyscallError("fstat", err))
	}
	page := os.Getpagesize()
	isPlausible := stat.Mode&unix.S_IFMT == unix.S_IFREG && s.Piece > 0 && s.Piece%page == 0 && s.Extent > 0 && s.Pieces > 0 &&
		s.Pieces%s.Extent == 0 && int64(s.Pieces) <= stat.Size/int64(s.Piece) && len(s.Warm) <= keptWarm
	if !isPlausible {
		return fmt.Errorf("the saved memory, descriptor %d, is to have %d pieces of size %d, and its own size is %d", s.FD, s.Pieces, s.Piece, stat.Size)
	}
	return nil
}
