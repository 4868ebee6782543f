//go:build linux

package server

import (
	"slices"
	"syscall"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// Frames are what a WebSocket needs beyond a raw connection while one of its frames
// is incomplete, in either direction. Between frames it needs nothing, so an idle
// browser costs what any client does.
//
// What is sent is a sequence of frames; control frames go between the others:
//
//	header │ log from c.cursor to end │ control │ header │ log …
//	  ▲                 ▲
//	 out           nothing is kept of it but where it ends
//
// A frame that the socket took in part is continued from the log, see write.
type frames struct {
	decoder  websocket.Decoder
	received []byte // was read from the socket before the server got it, and is next

	out    [2*websocket.MaxControlFrame + maxPreamble]byte
	outLen int                // bytes of out that have yet to be sent, before anything else
	end    broadcast.Position // of what the frame that was begun carries of the log; 0 between frames

	unanswered int // pings since something came last

	// target is one more than the position at which the client has caught up; 0 when
	// it has been told so, see catchUp.
	target broadcast.Position

	ended     bool // by the client: nothing that follows is read
	status    websocket.Status
	violation string
}

// isIdle reports whether nothing has to be kept.
func (f *frames) isIdle() bool {
	return f.outLen == 0 && f.target == 0 && f.unanswered == 0 && f.end == 0 && len(f.received) == 0 && !f.ended && f.decoder == websocket.Decoder{}
}

// hasEnded reports whether the client has ended its WebSocket.
func (c *conn) hasEnded() bool {
	f := c.frames()
	return f != nil && f.ended
}

// violation returns the rule of WebSockets that the client broke; "" if it broke
// none.
func (c *conn) violation() string {
	if f := c.frames(); f != nil {
		return f.violation
	}
	return ""
}

// receive reads once from a connection into b, and returns how many bytes came and
// how many of them are messages, which are at the front of b. Of a WebSocket the
// first may be more than 0 and the second 0. At the end of the stream it returns 0, 0
// and no error; also when a WebSocket was closed before.
func (l *loop) receive(c *conn, b []byte) (came, data int, errno syscall.Errno) {
	if c.hasEnded() {
		return 0, 0, 0
	}
	if early := c.received(); len(early) > 0 {
		came = copy(b, early)
		c.partial.frames.received = early[came:]
	} else if came, errno = l.kernel.Read(c.fd, b); errno == syscall.EINTR {
		return l.receive(c, b)
	} else if errno != 0 || came == 0 {
		return 0, 0, errno
	}
	if !c.isWebSocket() {
		return came, came, 0
	}
	f := &l.partialOf(c).frames
	f.unanswered = 0
	r := f.decoder.Decode(b[:came], &l.controls)
	if r.Close != 0 {
		f.ended, f.status, f.violation = true, r.Close, r.Violation
	}
	if r.Empty && c.framing == numbered && c.state == member && !c.isBehind() {
		l.catchUp(c)
	}
	l.dropPartial(c)
	return came, r.Data, 0
}

// pongDue reports whether a ping of the client is unanswered.
func (c *conn) pongDue() bool {
	f := c.frames()
	return f != nil && f.decoder.PongDue()
}

// sendControl sends what has to go before the next bytes of the log: what is left of
// a header, or between two frames a pong that is due. It reports whether all of it
// was sent.
func (l *loop) sendControl(c *conn) (sent bool, errno syscall.Errno) {
	for f := c.frames(); f != nil; {
		if f.end == 0 && f.decoder.PongDue() {
			f.outLen = len(f.decoder.AppendPong(f.out[:f.outLen], &l.controls))
		}
		if f.outLen == 0 {
			l.dropPartial(c)
			break
		}
		l.framed = append(l.framed[:0], f.out[:f.outLen])
		n, errno := l.kernel.Send(c.fd, l.framed)
		if errno == syscall.EINTR {
			continue
		}
		f.sent(n)
		if f.outLen > 0 {
			return false, errno
		}
	}
	return true, 0
}

// sendBehind sends bytes behind what has to go before them, such as the header of
// their frame, and returns how many of them were sent.
func (l *loop) sendBehind(c *conn, b []byte) (int, syscall.Errno) {
	f := c.frames()
	if f == nil || f.outLen == 0 {
		l.framed = append(l.framed[:0], b)
		return l.kernel.Send(c.fd, l.framed)
	}
	l.framed = append(l.framed[:0], f.out[:f.outLen], b)
	n, errno := l.kernel.Send(c.fd, l.framed)
	before := min(n, f.outLen)
	f.sent(before)
	return n - before, errno
}

// sent removes the first n bytes of out.
func (f *frames) sent(n int) { f.outLen = copy(f.out[:], f.out[n:f.outLen]) }

// send sends the stretches of the log that end at a position: as they are, or in a
// frame, of which more may be sent already. It returns how many bytes of them were
// sent.
func (l *loop) send(c *conn, stretches [][]byte, total int, end broadcast.Position) (n int, errno syscall.Errno) {
	f := c.frames()
	isNew := c.isWebSocket() && (f == nil || f.end == 0)
	switch byReference := l.byReference(total); {
	case byReference && isNew:
		if errno := l.sendHeader(c, total, end); errno != 0 || c.frames().outLen > 0 {
			return 0, errno
		}
		fallthrough
	case byReference:
		l.room.log.Lend(c.cursor, end)
		n, errno = l.refer(c.fd, stretches)
	case isNew:
		n, errno = l.sendFramed(c, stretches, total, end)
	default:
		n, errno = l.kernel.Send(c.fd, stretches)
	}
	if f := c.frames(); f != nil && n == total && end >= f.end {
		f.end = 0
		l.dropPartial(c)
	}
	return n, errno
}

// sendHeader begins a frame by sending its header alone, with more to follow at
// once.
func (l *loop) sendHeader(c *conn, total int, end broadcast.Position) syscall.Errno {
	f := &l.partialOf(c).frames
	header := l.appendPreamble(f.out[:0], c, total)
	n, errno := l.kernel.SendMore(c.fd, header)
	if n == 0 {
		return errno
	}
	f.end, f.outLen = end, len(header)
	f.sent(n)
	return 0
}

// maxFlat is how many bytes of the log are copied behind the header of a small frame,
// because one stretch of bytes is cheaper to send than several: 0.88 of the CPU time
// for a message.
const maxFlat = 4 * wire.Size

// A flatFrame is a small frame in one stretch. The next clients mostly get the same.
type flatFrame struct {
	framing    framing
	from, end  broadcast.Position // of what it carries of the log, all of that
	headerSize int
	size       int
	bytes      [maxPreamble + maxFlat]byte
}

// setFlat makes the next frame of c the flat one.
func (l *loop) setFlat(c *conn, stretches [][]byte, total int, end broadcast.Position) {
	f := &l.flat
	isWhole := total == int(end-c.cursor) // none of them are its own
	if isWhole && f.size == f.headerSize+total && f.framing == c.framing && f.from == c.cursor && f.end == end {
		return
	}
	b := l.appendPreamble(f.bytes[:0], c, total)
	f.framing, f.from, f.end, f.headerSize = c.framing, c.cursor, end, len(b)
	for _, s := range stretches {
		b = append(b, s...)
	}
	f.size = len(b)
}

// sendFramed begins a frame: header and stretches in one call.
func (l *loop) sendFramed(c *conn, stretches [][]byte, total int, end broadcast.Position) (int, syscall.Errno) {
	var header []byte
	if total <= maxFlat {
		l.setFlat(c, stretches, total, end)
		header = l.flat.bytes[:l.flat.headerSize]
		l.framed = append(l.framed[:0], l.flat.bytes[:l.flat.size])
	} else {
		header = l.appendPreamble(l.header[:0], c, total)
		l.framed = append(append(l.framed[:0], header), stretches...)
	}
	n, errno := l.kernel.Send(c.fd, l.framed)
	if n == 0 || n == len(header)+total {
		return max(0, n-len(header)), errno
	}
	f := &l.partialOf(c).frames
	f.end = end
	if n < len(header) {
		f.outLen = copy(f.out[:], header[n:])
		return 0, errno
	}
	return n - len(header), errno
}

// sendClose ends a WebSocket with a close frame, which says why, as far as the
// socket takes it. It can't be inside another frame.
func (l *loop) sendClose(e ending) {
	if e.lagged { // the socket has no space
		return
	}
	c, status, reason := e.conn, websocket.NormalClosure, "the server closed the connection"
	if e.cause == causeShutdown {
		status, reason = websocket.GoingAway, e.cause.words
	}
	if f := c.frames(); f != nil {
		if f.end != 0 || f.outLen > 0 || e.was == echoing && c.partial.have > 0 {
			return
		}
		if f.ended {
			status, reason = f.status, f.violation
		}
	}
	l.framed = append(l.framed[:0], websocket.AppendClose(l.control[:0], status, reason))
	l.kernel.Send(c.fd, l.framed)
}

// readReceived reads from the members of which something had come before the server
// got them, and which epoll does not report for that.
func (l *loop) readReceived() {
	kept := l.unread[:0]
	for _, c := range l.unread {
		l.read(c)
		if c.hasReceived() {
			kept = append(kept, c)
		}
	}
	clear(l.unread[len(kept):])
	l.unread = kept
}

func (c *conn) hasReceived() bool {
	return c.state == member && len(c.received()) > 0
}

// received returns what was read from the connection before the server got it, and
// is next.
func (c *conn) received() []byte {
	if f := c.frames(); f != nil {
		return f.received
	}
	return nil
}

// mustReadReceived reports whether there is such a member that may be read.
func (l *loop) mustReadReceived() bool {
	return slices.ContainsFunc(l.unread, func(c *conn) bool { return !c.paused })
}
