//go:build linux

package server

import "sop-chat/internal/websocket"

// A system is what a loop and all below it share: the calls on the operating
// system, the time, and memory that is needed within one call only.
type system struct {
	kernel kernel
	clock

	partials  spares[partial]
	controls  websocket.Spares
	stretches [][]byte          // of the log
	framed    [][]byte          // header and stretches
	header    [maxPreamble]byte // of a frame that is sent at once
	control   [websocket.MaxControlFrame]byte
}

// maxStretches is how many pieces of the log one write sends at most.
const maxStretches = 256
