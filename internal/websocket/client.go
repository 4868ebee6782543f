package websocket

import (
	"encoding/binary"
	"math"
)

// AppendMasked appends a frame as a client sends it, which is a whole WebSocket message
// or a control frame: its payload is masked with a key (section 5.3).
func AppendMasked(b []byte, opcode byte, payload []byte, key uint32) []byte {
	b = append(b, BitFinal|opcode)
	switch n := len(payload); {
	case n < Length16:
		b = append(b, BitMasked|byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, BitMasked|Length16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, BitMasked|Length64), uint64(n))
	}
	b = binary.LittleEndian.AppendUint32(b, key)
	at := len(b)
	b = append(b, payload...)
	Mask(b[at:], b[at:], key)
	return b
}
