//go:build linux

package server

import (
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
func (c *conn) hasEnded() bool { return c.partial != nil && c.partial.frames.ended }

// violation returns the rule of WebSockets that the client broke; "" if it broke
// none.
func (c *conn) violation() string {
	if f := c.frames(); f != nil {
		return f.violation
	}
	return ""
}

// pongDue reports whether a ping of the client is unanswered.
func (c *conn) pongDue() bool { return c.partial != nil && c.partial.frames.decoder.PongDue() }

// maxUnanswered is how many pings a client may leave unanswered: as many as take about
// as long as keep-alive does.
const maxUnanswered = 4

// addPing adds a ping to what is to be sent, and reports whether it did: not if the
// client has answered none of the last ones.
func (c *conn) addPing(s *system) bool {
	f := &c.makePartial(s).frames
	if f.unanswered == maxUnanswered {
		return false
	}
	f.unanswered++
	f.outLen = len(websocket.AppendPing(f.out[:f.outLen]))
	return true
}

// forgetPings has the pings that were sent need no answer.
func (c *conn) forgetPings(s *system) {
	if f := c.frames(); f != nil {
		f.unanswered = 0
		c.dropPartial(s)
	}
}

// sendControl sends what has to go before the next bytes of the log: what is left of
// a header, or between two frames a pong that is due.
func (c *conn) sendControl(s *system) outcome {
	for f := c.frames(); f != nil; {
		if f.end == 0 && f.decoder.PongDue() {
			f.outLen = len(f.decoder.AppendPong(f.out[:f.outLen], &s.controls))
		}
		if f.outLen == 0 {
			c.dropPartial(s)
			break
		}
		s.framed = append(s.framed[:0], f.out[:f.outLen])
		n, errno := s.sendTo(int(c.fd), s.framed)
		if errno == syscall.EINTR {
			continue
		}
		f.sent(n)
		if f.outLen > 0 {
			return failed("write", errno)
		}
	}
	return outcome{}
}

// beginEcho adds what comes before a client's echo to what is to be sent: a pong if one
// is due, and the header. The client's messages begin with a number. It is told by which number
// it is to know this server, unless that is 0.
func (c *conn) beginEcho(s *system, number, epoch, known, server uint64) {
	f := &c.makePartial(s).frames
	b := f.decoder.AppendPong(f.out[:f.outLen], &s.controls)
	if c.framing == numbered {
		b = appendWelcome(b, number, s.wall, epoch, known, server)
	} else {
		b = websocket.AppendHeader(b, wire.Size)
	}
	f.outLen = len(b)
}

// sendBehind sends bytes behind what has to go before them, such as the header of
// their frame, and returns how many of them were sent.
func (c *conn) sendBehind(s *system, b []byte) (int, syscall.Errno) {
	f := c.frames()
	if f == nil || f.outLen == 0 {
		s.framed = append(s.framed[:0], b)
		return s.sendTo(int(c.fd), s.framed)
	}
	s.framed = append(s.framed[:0], f.out[:f.outLen], b)
	n, errno := s.sendTo(int(c.fd), s.framed)
	before := min(n, f.outLen)
	f.sent(before)
	return n - before, errno
}

// sent removes the first n bytes of out.
func (f *frames) sent(n int) { f.outLen = copy(f.out[:], f.out[n:f.outLen]) }

// send sends the stretches of the log that end at a position: as they are, or in a
// frame, of which more may be sent already. It returns how many bytes of them were
// sent.
func (c *conn) send(o *output, stretches [][]byte, total int, end broadcast.Position) (n int, errno syscall.Errno) {
	f := c.frames()
	isNew := c.isWebSocket() && (f == nil || f.end == 0)
	switch byReference := o.byReference(total); {
	case byReference && isNew:
		if errno := c.sendHeader(o, total, end); errno != 0 || c.frames().outLen > 0 {
			return 0, errno
		}
		fallthrough
	case byReference:
		o.log.Lend(c.cursor, end)
		n, errno = o.refer(int(c.fd), stretches)
	case isNew:
		n, errno = c.sendFramed(o, stretches, total, end)
	default:
		n, errno = o.sendTo(int(c.fd), stretches)
	}
	if f := c.frames(); f != nil && n == total && end >= f.end {
		f.end = 0
		c.dropPartial(o.system)
	}
	return n, errno
}

// sendHeader begins a frame by sending its header alone, with more to follow at
// once.
func (c *conn) sendHeader(o *output, total int, end broadcast.Position) syscall.Errno {
	f := &c.makePartial(o.system).frames
	header := c.appendPreamble(f.out[:0], o.log, total)
	n, errno := o.sendMoreTo(int(c.fd), header)
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
func (c *conn) setFlat(o *output, stretches [][]byte, total int, end broadcast.Position) {
	f := &o.flat
	isWhole := total == int(end-c.cursor) // none of them are its own
	if isWhole && f.size == f.headerSize+total && f.framing == c.framing && f.from == c.cursor && f.end == end {
		return
	}
	b := c.appendPreamble(f.bytes[:0], o.log, total)
	f.framing, f.from, f.end, f.headerSize = c.framing, c.cursor, end, len(b)
	for _, s := range stretches {
		b = append(b, s...)
	}
	f.size = len(b)
}

// sendFramed begins a frame: header and stretches in one call.
func (c *conn) sendFramed(o *output, stretches [][]byte, total int, end broadcast.Position) (int, syscall.Errno) {
	var header []byte
	if total <= maxFlat {
		c.setFlat(o, stretches, total, end)
		header = o.flat.bytes[:o.flat.headerSize]
		o.framed = append(o.framed[:0], o.flat.bytes[:o.flat.size])
	} else {
		header = c.appendPreamble(o.header[:0], o.log, total)
		o.framed = append(append(o.framed[:0], header), stretches...)
	}
	n, errno := o.sendTo(int(c.fd), o.framed)
	if n == 0 || n == len(header)+total {
		return max(0, n-len(header)), errno
	}
	f := &c.makePartial(o.system).frames
	f.end = end
	if n < len(header) {
		f.outLen = copy(f.out[:], header[n:])
		return 0, errno
	}
	return n - len(header), errno
}

// The status codes with which a WebSocket is refused or disconnected, of those that RFC
// 6455, section 7.4.2, leaves to applications.
const (
	wrongKey  websocket.Status = 4401
	kicked    websocket.Status = 4403 // by an operator
	nameTaken websocket.Status = 4409
	roomFull  websocket.Status = 4503
)

// sendClose ends a WebSocket with a close frame, which says why, as far as the
// socket takes it. It can't be inside another frame, nor inside an echo or what follows that.
func (c *conn) sendClose(s *system, was state, why cause) {
	status, reason := why.status, why.told
	if status == 0 {
		status, reason = websocket.NormalClosure, "the server closed the connection"
	}
	if f := c.frames(); f != nil {
		if f.end != 0 || f.outLen > 0 || was == echoing && c.partial.have+len(c.partial.greeting) > 0 {
			return
		}
		if f.ended {
			status, reason = f.status, f.violation
		}
	}
	s.framed = append(s.framed[:0], websocket.AppendClose(s.control[:0], status, reason))
	s.sendTo(int(c.fd), s.framed)
}

func (c *conn) hasReceived() bool { return c.state == member && len(c.received()) > 0 }

// received returns what was read from the connection before the server got it, and
// is next.
func (c *conn) received() []byte {
	if f := c.frames(); f != nil {
		return f.received
	}
	return nil
}
