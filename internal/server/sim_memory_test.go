//go:build linux

package server

import (
	"bytes"
	"slices"
	"syscall"
	"unsafe"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/netpoll"
)

// A simMemory stands in for memory that can be sent by reference: what was sent
// from it is in a socket's queue, and changes if the memory does.
type simMemory struct {
	world   *world
	arena   []byte
	used    int
	free    [][]byte
	inUse   int // pieces, of the arena or not
	refs    []ref
	stopped bool // nothing more of the arena is handed out or lent
}

// A ref is a stretch of the memory in a socket's queue.
type ref struct {
	socket *socket
	end    int // how much the client has taken when it is through
	live   []byte
	sent   []byte // what it was when it was sent
}

// newSimMemory returns memory for as many rooms as a world has at most.
func newSimMemory(w *world) *simMemory {
	const segments = 512
	return &simMemory{world: w, arena: make([]byte, segments*broadcast.SegmentSize)}
}

func (m *simMemory) Lends() bool { return !m.stopped }

func (m *simMemory) StopLending(error) { m.stopped = true }

func (m *simMemory) Take([]byte) []byte {
	m.inUse++
	if m.stopped {
		return make([]byte, broadcast.SegmentSize)
	}
	if last := len(m.free) - 1; last >= 0 {
		piece := m.free[last]
		m.free = m.free[:last]
		return piece
	}
	piece := m.arena[m.used:][:broadcast.SegmentSize]
	m.used += broadcast.SegmentSize
	return piece
}

// Give takes a piece back. If it was lent, the sockets that refer to it are
// detached: what they refer to no longer changes. If that fails, the piece is not
// handed out again.
func (m *simMemory) Give(piece []byte, lent bool) {
	m.inUse--
	from := m.Offset(piece)
	switch {
	case from < 0 || from >= int64(len(m.arena)):
		return // it is not of the arena
	case m.world.fault(syscall.EPERM) != 0:
		m.stopped = true
		return
	}
	m.free = append(m.free, piece)
	if !lent {
		return
	}
	m.refs = slices.DeleteFunc(m.refs, func(r ref) bool {
		at := m.Offset(r.live)
		if at < from || at >= from+broadcast.SegmentSize {
			return false
		}
		m.check(r)
		return true
	})
	clear(piece)
}

func (m *simMemory) Close() {}

func (m *simMemory) Save() (netpoll.SavedMemory, bool) {
	return netpoll.SavedMemory{FD: memoryFD, Piece: broadcast.SegmentSize, Extent: 1, Pieces: len(m.arena) / broadcast.SegmentSize}, !m.stopped
}

func (m *simMemory) Number(piece []byte) (int, bool) {
	at := m.Offset(piece)
	return int(at / broadcast.SegmentSize), at >= 0 && at < int64(len(m.arena))
}

func (m *simMemory) At(number int) []byte {
	return m.arena[number*broadcast.SegmentSize:][:broadcast.SegmentSize]
}

func (m *simMemory) File() int { return memoryFD }

func (m *simMemory) Offset(b []byte) int64 {
	return int64(uintptr(unsafe.Pointer(&b[0])) - uintptr(unsafe.Pointer(&m.arena[0])))
}

// refer records that the last bytes of a socket's queue are references, one for
// each piece that they lie in.
func (m *simMemory) refer(s *socket, live []byte) {
	for len(live) > 0 {
		n := min(len(live), broadcast.SegmentSize-int(m.Offset(live))%broadcast.SegmentSize)
		m.refs = append(m.refs, ref{s, s.taken + len(s.out) - len(live) + n, live[:n], bytes.Clone(live[:n])})
		live = live[n:]
	}
}

// taken checks what a client has just taken, and drops what it has taken wholly.
func (m *simMemory) taken(s *socket) {
	m.refs = slices.DeleteFunc(m.refs, func(r ref) bool {
		if r.socket != s {
			return false
		}
		if !s.broken {
			m.check(r)
		}
		return s.broken || s.taken >= r.end
	})
}

func (m *simMemory) check(r ref) {
	if !r.socket.broken && !bytes.Equal(r.live, r.sent) {
		m.world.failf("what %v has yet to read was overwritten", r.socket.peer)
	}
}
