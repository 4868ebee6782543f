// Package websocket is the framing of RFC 6455, the server's side, for a loop that
// reads and writes without blocking. A Decoder turns a client's bytes, cut anywhere,
// into a stream of 512-byte messages. The Append functions encode the frames to send.
// Nothing is allocated, except for the buffers of Spares, which are reused. Of the
// client's side there is what a load generator needs.
//
// It knows bytes and nothing else: no sockets, no rooms, no clocks and no HTTP, except
// for the headers of the opening handshake. Extensions are not negotiated, so frames
// are never compressed.
//
// A message here is one of package wire. What the RFC calls a message is called a
// WebSocket message: it consists of one or more frames, and carries 1 to 32 messages.
package websocket

import "sop-chat/internal/wire"

// MaxMessage is the maximum length of a client's WebSocket message, in bytes.
const MaxMessage = 32 * wire.Size

// The opcodes, section 5.2.
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xa
)

// The parts of the first two bytes of a frame, section 5.2.
const (
	BitFinal     = 0x80 // of the first byte
	BitsReserved = 0x70
	BitsOpcode   = 0x0f
	BitControl   = 0x08 // of the opcode: a control frame, section 5.5

	BitMasked  = 0x80 // of the second byte
	BitsLength = 0x7f
	Length16   = 126 // the length is in the next two bytes
	Length64   = 127 // in the next eight
)

// MaxControl is the maximum length of a control frame's payload, section 5.5.
const MaxControl = 125
