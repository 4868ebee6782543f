package websocket

import (
	"encoding/binary"
	"math/bits"
)

// unmask copies src to dst, and takes the mask off on the way (section 5.3). dst is
// at least as long; they may overlap if dst begins where src does or before.
//
// The key's lowest byte is that for the first byte of src. unmask returns the key
// for the byte after src.
func unmask(dst, src []byte, key uint32) uint32 {
	dst = dst[:len(src)]
	key64 := uint64(key)<<32 | uint64(key)
	for len(src) >= 32 {
		from, to := (*[32]byte)(src), (*[32]byte)(dst)
		// What is not read yet must not be overwritten: with an overlap, to may end
		// within from.
		a := binary.LittleEndian.Uint64(from[0:8])
		b := binary.LittleEndian.Uint64(from[8:16])
		c := binary.LittleEndian.Uint64(from[16:24])
		d := binary.LittleEndian.Uint64(from[24:32])
		binary.LittleEndian.PutUint64(to[0:8], a^key64)
		binary.LittleEndian.PutUint64(to[8:16], b^key64)
		binary.LittleEndian.PutUint64(to[16:24], c^key64)
		binary.LittleEndian.PutUint64(to[24:32], d^key64)
		src, dst = src[32:], dst[32:]
	}
	for len(src) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^key64)
		src, dst = src[8:], dst[8:]
	}
	for i := range src {
		dst[i] = src[i] ^ byte(key)
		key = bits.RotateLeft32(key, -8)
	}
	return key
}
