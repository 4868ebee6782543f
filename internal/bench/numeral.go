package bench

import "encoding/binary"

// numeral is the length of a number in a message: 16 letters from a to p, one
// for each four bits, the most significant first. Eight letters are read or
// written at once, in a few nanoseconds, and no other bytes pass for letters.
const numeral = 16

const (
	allA    = 0x6161616161616161 // "aaaaaaaa"
	highest = 0xf0f0f0f0f0f0f0f0 // bits that no letter has, less 'a'
)

func putNumeral(b []byte, n uint64) {
	binary.BigEndian.PutUint64(b, toLetters(n>>32))
	binary.BigEndian.PutUint64(b[8:], toLetters(n&0xffffffff))
}

func getNumeral(b []byte) (n uint64, ok bool) {
	high := binary.BigEndian.Uint64(b) - allA
	low := binary.BigEndian.Uint64(b[8:]) - allA
	return fromLetters(high)<<32 | fromLetters(low), (high|low)&highest == 0
}

// toLetters spreads 32 bits over eight bytes, halving twice and once more:
// 16 bits in each four bytes, 8 in each two, 4 in each.
func toLetters(x uint64) uint64 {
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	return x + allA
}

// fromLetters is the way back, from letters less 'a'.
func fromLetters(x uint64) uint64 {
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return (x | x>>16) & 0xffffffff
}
