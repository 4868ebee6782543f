//go:build linux

package netpoll

import (
	"math/bits"
	"slices"
)

// A pieceSpace says which pieces of a Memory are taken, and which of the others have
// pages. It chooses the next to take.
type pieceSpace struct {
	extent int      // pieces by which it grows
	number int      // of pieces
	free   []uint64 // a bit for each piece
	front  int      // no word of free before it has a bit
	warm   []int    // pieces that are free and have pages, keptWarm at most
	taken  int      // number of pieces taken
}

// pieces returns how many pieces there are.
func (s *pieceSpace) pieces() int { return s.number }

// grow adds an extent, whose pieces are free.
func (s *pieceSpace) grow() {
	for range s.extent {
		if s.number%64 == 0 {
			s.free = append(s.free, 0)
		}
		s.setFree(s.number)
		s.number++
	}
}

func (s *pieceSpace) setFree(number int) {
	s.free[number/64] |= 1 << (number % 64)
	s.front = min(s.front, number/64)
}

func (s *pieceSpace) isFree(number int) bool { return s.free[number/64]&(1<<(number%64)) != 0 }

// next chooses the piece to take: the one that is wanted, or else the first free one
// with pages, or without. That is if the wanted one is taken, has no pages while others
// do, or is so far from the front that the pieces in use would be scattered. If all are
// taken, it is the one after them.
func (s *pieceSpace) next(want int) int {
	const scatter = 4
	if want < min(s.number, scatter*(s.taken+keptWarm)) && s.isFree(want) &&
		(len(s.warm) == 0 || slices.Contains(s.warm, want)) {
		return want
	}
	if len(s.warm) > 0 {
		return slices.Min(s.warm)
	}
	for ; s.front < len(s.free); s.front++ {
		if word := s.free[s.front]; word != 0 {
			return s.front*64 + bits.TrailingZeros64(word)
		}
	}
	return s.number
}

// take takes a piece, and reports whether it has pages.
func (s *pieceSpace) take(number int) (isWarm bool) {
	s.free[number/64] &^= 1 << (number % 64)
	s.taken++
	if i := slices.Index(s.warm, number); i >= 0 {
		s.warm = slices.Delete(s.warm, i, i+1)
		return true
	}
	return false
}

// give takes a piece back.
func (s *pieceSpace) give(number int, isWarm bool) {
	s.setFree(number)
	s.taken--
	if isWarm {
		s.warm = append(s.warm, number)
	}
}
