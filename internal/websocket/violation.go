package websocket

// A violation is the status and the reason of the close frame that answers a client
// that breaks a rule.
type violation struct {
	status Status
	text   string
}

var (
	errReserved     = &violation{ProtocolError, "a reserved bit is set"}                     // section 5.2
	errOpcode       = &violation{ProtocolError, "a frame has an unknown opcode"}             // section 5.2
	errLength       = &violation{ProtocolError, "a length takes more bytes than it needs"}   // section 5.2
	errLengthBits   = &violation{ProtocolError, "a length has more than 63 bits"}            // section 5.2
	errUnmasked     = &violation{ProtocolError, "a frame is not masked"}                     // section 5.1
	errContinuation = &violation{ProtocolError, "a continuation frame continues nothing"}    // section 5.4
	errUnfinished   = &violation{ProtocolError, "a WebSocket message begins within another"} // section 5.4
	errFragmented   = &violation{ProtocolError, "a control frame is fragmented"}             // section 5.5
	errControl      = &violation{ProtocolError, "a control frame has 125 bytes at most"}     // section 5.5
	errClose        = &violation{ProtocolError, "a close frame has a part of a code"}        // section 5.5.1
	errStatus       = &violation{ProtocolError, "a close frame has a code that is not sent"} // section 7.4
	errReason       = &violation{InvalidPayload, "the reason for closing is not UTF-8"}      // sections 5.5.1, 8.1

	// Of this server: section 7.4.1 has the codes for what an endpoint does not take.
	errKind  = &violation{UnsupportedData, "a frame is binary and has messages of 512 bytes"}
	errLarge = &violation{MessageTooBig, "a frame has 32 messages at most"}
)
