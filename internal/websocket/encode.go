package websocket

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The maximum lengths of what AppendHeader appends, and of a control frame.
const (
	MaxHeader       = 2 + 8
	MaxControlFrame = 2 + MaxControl
)

// AppendHeader appends the header of a binary frame with n bytes of payload. The frame
// is a whole WebSocket message. It is not masked, as a server's never are (section
// 5.1), and the length is encoded in as few bytes as possible (section 5.2).
func AppendHeader(b []byte, n int) []byte {
	b = append(b, BitFinal|OpBinary)
	switch {
	case n < Length16:
		return append(b, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, Length16), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, Length64), uint64(n))
}

// AppendPing appends a ping frame without a payload.
func AppendPing(b []byte) []byte { return append(b, BitFinal|OpPing, 0) }

// AppendClose appends a close frame with a status and a reason, which may be empty.
// With NoStatus and no reason the frame has no payload. AppendClose panics if a close
// frame must not have the status, or the reason is longer than 123 bytes.
func AppendClose(b []byte, status Status, reason string) []byte {
	if status == NoStatus && reason == "" {
		return append(b, BitFinal|OpClose, 0)
	}
	if !status.maySend() || len(reason) > MaxControl-2 {
		panic(fmt.Sprintf("websocket: can't close with code %d and the reason %q", status, reason))
	}
	b = append(b, BitFinal|OpClose, byte(2+len(reason)))
	b = binary.BigEndian.AppendUint16(b, uint16(status))
	return append(b, reason...)
}
