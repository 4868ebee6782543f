// Package websocket is the framing of RFC 6455, as a server needs it that reads and
// writes without blocking: a Decoder turns the bytes that a client sent, cut
// anywhere, into a stream of messages of 512 bytes, and the Append functions make
// the frames to be sent. Nothing is allocated for a frame.
//
// It knows bytes and nothing else: no sockets, no rooms, no clocks, no HTTP server.
// Of the opening handshake it has what can be said about headers. Extensions are
// never negotiated, so frames are never compressed.
//
// A message here is one of package wire. What the RFC calls a message is called a
// WebSocket message: it is one or more frames, and carries 1 to 32 messages.
package websocket

import "sop-chat/internal/wire"

// MaxMessage is the longest WebSocket message that a client may send, in bytes.
const MaxMessage = 32 * wire.Size

// The opcodes of RFC 6455, section 5.2. Those of control frames have the highest
// of their four bits set (section 5.5).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

// The bits beside the opcode and the length in the first two bytes of a frame,
// section 5.2.
const (
	bitFinal     = 0x80 // of the first byte
	bitsReserved = 0x70
	bitsOpcode   = 0x0f
	bitControl   = 0x08

	bitMasked  = 0x80 // of the second byte
	bitsLength = 0x7f
	length16   = 126 // the length is in the next two bytes
	length64   = 127 // in the next eight
)

// maxControl is how long the payload of a control frame may be, section 5.5.
const maxControl = 125
