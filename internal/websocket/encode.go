package websocket

import (
	"encoding/binary"
	"fmt"
	"math"
)

// How many bytes AppendHeader, and the functions that append control frames, append
// at most.
const (
	MaxHeader       = 2 + 8
	MaxControlFrame = 2 + maxControl
)

// AppendHeader appends the header of a binary frame with n bytes of payload, which
// is a WebSocket message of its own. A server's frames are not masked (section
// 5.1), and a length takes the fewest bytes that it fits (section 5.2).
func AppendHeader(b []byte, n int) []byte {
	b = append(b, bitFinal|opBinary)
	switch {
	case n < length16:
		return append(b, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, length16), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, length64), uint64(n))
}

// AppendPing appends a ping frame, which is empty.
func AppendPing(b []byte) []byte { return append(b, bitFinal|opPing, 0) }

// AppendClose appends a close frame. To answer a client's, status is Received.Close.
// With NoStatus the frame is empty. It panics if the status may not be sent, or the
// reason does not fit.
func AppendClose(b []byte, status Status, reason string) []byte {
	if status == NoStatus && reason == "" {
		return append(b, bitFinal|opClose, 0)
	}
	if !status.maySend() || len(reason) > maxControl-2 {
		panic(fmt.Sprintf("websocket: can't close with code %d and the reason %q", status, reason))
	}
	b = append(b, bitFinal|opClose, byte(2+len(reason)))
	b = binary.BigEndian.AppendUint16(b, uint16(status))
	return append(b, reason...)
}
