//go:build linux

package server

import (
	"syscall"

	"sop-chat/internal/websocket"
)

// A system is what a loop and all below it share: the calls on the operating
// system, the time, and memory that is needed within one call only.
type system struct {
	kernel kernel
	clock
	counts tally

	partials  spares[partial]
	controls  websocket.Spares
	stretches [][]byte          // of the log
	framed    [][]byte          // header and stretches
	header    [maxPreamble]byte // of a frame that is sent at once
	control   [websocket.MaxControlFrame]byte
}

// maxStretches is how many pieces of the log one write sends at most.
const maxStretches = 256

// readFrom is kernel.Read, counted.
func (s *system) readFrom(fd int, b []byte) (int, syscall.Errno) {
	n, errno := s.kernel.Read(fd, b)
	s.counts.received += uint64(n)
	return n, errno
}

// sendTo is kernel.Send, counted.
func (s *system) sendTo(fd int, stretches [][]byte) (int, syscall.Errno) {
	n, errno := s.kernel.Send(fd, stretches)
	s.counts.sent += uint64(n)
	return n, errno
}

// sendMoreTo is kernel.SendMore, counted.
func (s *system) sendMoreTo(fd int, b []byte) (int, syscall.Errno) {
	n, errno := s.kernel.SendMore(fd, b)
	s.counts.sent += uint64(n)
	return n, errno
}

// sendFileTo is kernel.Sendfile, counted. What it sends is messages.
func (s *system) sendFileTo(fd, file int, offset int64, n int) (int, syscall.Errno) {
	n, errno := s.kernel.Sendfile(fd, file, offset, n)
	s.counts.sent += uint64(n)
	s.counts.referred += uint64(n)
	return n, errno
}
