package websocket

import (
	"encoding/binary"
	"math/bits"
)

// Mask copies src to dst and masks it, or removes the mask, which is the same (section
// 5.3). dst must be at least as long. They may overlap if dst does not begin after src.
//
// The key's lowest byte is the one for the first byte of src. Mask returns the key
// for the byte after src.
func Mask(dst, src []byte, key uint32) uint32 {
	dst = dst[:len(src)]
	key64 := uint64(key)<<32 | uint64(key)
	for len(src) >= 32 {
		from, to := (*[32]byte)(src), (*[32]byte)(dst)
		binary.LittleEndian.PutUint64(to[0:8], binary.LittleEndian.Uint64(from[0:8])^key64)
		binary.LittleEndian.PutUint64(to[8:16], binary.LittleEndian.Uint64(from[8:16])^key64)
		binary.LittleEndian.PutUint64(to[16:24], binary.LittleEndian.Uint64(from[16:24])^key64)
		binary.LittleEndian.PutUint64(to[24:32], binary.LittleEndian.Uint64(from[24:32])^key64)
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
