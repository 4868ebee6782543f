package client

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"sop-chat/internal/wire"
)

// Subprotocol is the WebSocket subprotocol of pages. In it messages have numbers.
const Subprotocol = "sop-chat.v2"

// The layouts of the server's frames, see docs/web.md. All numbers are big endian.
const (
	headerSize    = 16                        // number and time
	welcomeSize   = headerSize + 16           // with epoch and known
	admissionSize = welcomeSize + wire.Size   // with the echo
	serverSize    = 8                         // in a cluster, before the echo
	namedSize     = wire.NameSize + wire.Size // a message, after the name of its sender
)

// A frame is what a frame of the server has, or the next part of it.
type frame struct {
	number   uint64 // of the first message, or of the next one if there is none; 0 if they are outside
	time     time.Time
	named    bool   // the only message is from another than it names
	from     string // if named
	messages []byte
	empty    bool // there was no message in the whole frame
	outside  bool // its messages are not said in the room, and have no number
}

// An admission is the server's first frame.
type admission struct {
	number, epoch, known uint64
	server               uint64 // 0: it is in no cluster
	echo                 wire.Message
}

func parseAdmission(b []byte) (a admission, err error) {
	if len(b) != admissionSize && len(b) != admissionSize+serverSize {
		return a, &protocolError{fmt.Sprintf("the first frame has the length %d, not %d", len(b), admissionSize)}
	}
	a.number = binary.BigEndian.Uint64(b)
	a.epoch = binary.BigEndian.Uint64(b[16:])
	a.known = binary.BigEndian.Uint64(b[24:])
	if len(b) > admissionSize {
		a.server = binary.BigEndian.Uint64(b[welcomeSize:])
	}
	copy(a.echo[:], b[len(b)-wire.Size:])
	if a.number == 0 || a.epoch == 0 || a.known >= a.number {
		return a, &protocolError{fmt.Sprintf("the first frame has number %d, epoch %d and known %d", a.number, a.epoch, a.known)}
	}
	return a, nil
}

// parseHeader returns a frame with the number and time in its first bytes.
func parseHeader(b []byte) frame {
	return frame{
		number: binary.BigEndian.Uint64(b),
		time:   time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:]))),
	}
}

// setBody sets what follows the header, or the next part of it.
func (f *frame) setBody(b []byte, isWhole bool) error {
	f.messages, f.empty = b, isWhole && len(b) == 0
	if f.named = isWhole && len(b) == namedSize; f.named {
		name, _, _ := bytes.Cut(b[:wire.NameSize], []byte{0})
		f.from, f.messages = string(bytes.TrimSpace(name)), b[wire.NameSize:]
	}
	if len(f.messages)%wire.Size != 0 {
		return &protocolError{fmt.Sprintf("a frame has the length %d after its header", len(b))}
	}
	return nil
}
