//go:build linux

package server

import (
	"encoding/binary"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// Subprotocol is a subprotocol of WebSockets in which each frame says which messages
// it has, so that a client knows exactly what it has of a room. All integers are
// big-endian.
//
//	number 8 │ time 8 │ messages                   1 or more
//	number 8 │ time 8 │ name 64 │ message          if its sender joined with another name
//	number 8 │ time 8                              nothing else is new
//	number 8 │ time 8 │ epoch 8 │ known 8 │ echo   the first frame
//	number 8 │ time 8 │ epoch 8 │ known 8 │ server 8 │ echo
//
// The number is that of the first message, or of the next, see broadcast.Log.Number;
// the time is when it was received, in milliseconds since 1970 (UTC). Messages of one
// frame follow one another, within frameSpan. So the numbers that are missing between
// frames are of the client's own messages, which it is not sent, and acknowledge them.
//
// In the first frame, the number and the time are those of the admission. What is
// between known and the number, the client has to get elsewhere. The server is in it in a
// cluster, for a client that asks for it, see recall.go. After it, and after
// what was in the log already, comes a frame without messages. One comes also in answer
// to a frame without messages of the client, which finds out whether its connection works.
const Subprotocol = "sop-chat.v2"

const (
	// frameSpan is how much later than the first the messages of a frame may be.
	frameSpan = time.Second

	numberSize  = 8 + 8              // number and time
	welcomeSize = numberSize + 8 + 8 // and epoch and known
	maxPreamble = websocket.MaxHeader + numberSize + wire.NameSize
)

func appendNumber(b []byte, number uint64, at time.Time) []byte {
	b = binary.BigEndian.AppendUint64(b, number)
	return binary.BigEndian.AppendUint64(b, uint64(at.UnixMilli()))
}

// appendWelcome appends what comes before the echo in the first frame, without the server if
// that is 0.
func appendWelcome(b []byte, number uint64, at time.Time, epoch, known, server uint64) []byte {
	size := welcomeSize
	if server != 0 {
		size += 8
	}
	b = websocket.AppendHeader(b, size+wire.Size)
	b = appendNumber(b, number, at)
	b = binary.BigEndian.AppendUint64(b, epoch)
	b = binary.BigEndian.AppendUint64(b, known)
	if server != 0 {
		b = binary.BigEndian.AppendUint64(b, server)
	}
	return b
}

// appendPreamble appends what comes in a frame before the bytes of the log from
// c.cursor on.
func (c *conn) appendPreamble(b []byte, log *broadcast.Log, bytes int) []byte {
	if c.framing != numbered {
		return websocket.AppendHeader(b, bytes)
	}
	if log.NextOtherName(c.cursor, c.cursor+wire.Size, nil) != c.cursor {
		b = websocket.AppendHeader(b, numberSize+bytes)
		return appendNumber(b, log.Number(c.cursor), log.TimeAt(c.cursor))
	}
	b = websocket.AppendHeader(b, numberSize+wire.NameSize+bytes)
	b = appendNumber(b, log.Number(c.cursor), log.TimeAt(c.cursor))
	var name [wire.NameSize]byte
	copy(name[:], log.SenderAt(c.cursor).Name)
	return append(b, name[:]...)
}

// nextRun skips the client's own messages, and returns how far towards a position the
// next frame may go: to c.cursor, if there are only own messages.
func (c *conn) nextRun(log *broadcast.Log, to broadcast.Position, except *broadcast.Sender) broadcast.Position {
	at := log.NextOther(c.cursor, to, except)
	if c.cursor = at; at == to {
		return to
	}
	to = log.Run(at, to, except, frameSpan)
	if other := log.NextOtherName(at, to, except); other > at {
		return other
	}
	return at + wire.Size
}

// addNumber adds a frame without messages to what is to be sent: all before the
// client's cursor is settled.
func (c *conn) addNumber(s *system, log *broadcast.Log) {
	f := &c.makePartial(s).frames
	b := websocket.AppendHeader(f.out[:f.outLen], numberSize)
	f.outLen = len(appendNumber(b, log.Number(c.cursor), s.wall))
}

// catchUp has the client told, by a frame without messages, when it has been sent all
// that is in the log now. Not all of that may be published yet.
func (c *conn) catchUp(s *system, log *broadcast.Log) {
	c.makePartial(s).frames.target = log.End() + 1
}

// isBehind reports whether the client has yet to be told that it has caught up.
func (c *conn) isBehind() bool { return c.partial != nil && c.partial.frames.target > 0 }

// hasCaughtUp reports, once, that the client has caught up.
func (c *conn) hasCaughtUp() bool {
	if !c.isBehind() || c.cursor < c.frames().target-1 {
		return false
	}
	c.frames().target = 0
	return true
}
