//go:build linux

package server

import (
	"crypto/rand"
	"encoding/binary"
)

// A start is the epoch of a room whose messages are nowhere but in memory.
type start uint64

// newStart returns a new epoch, which is random.
func newStart() start {
	var id [8]byte
	rand.Read(id[:]) // never fails
	return start(binary.BigEndian.Uint64(id[:]) | 1)
}

func (s start) Current() uint64       { return uint64(s) }
func (s start) Has(epoch uint64) bool { return epoch == uint64(s) }

func (s start) Known(epoch, number uint64) uint64 {
	if s.Has(epoch) {
		return number
	}
	return 0
}
