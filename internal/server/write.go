//go:build linux

package server

import (
	"os"
	"syscall"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// maxWrite is how much is written to one client in one wake-up, in bytes, give
// or take a message. It bounds how long a client that is far behind keeps the
// others waiting. A socket's buffer rarely takes as much at once.
const maxWrite = 1 << 20

// Sending by reference saves the kernel a copy for each client, and costs it the
// handling of pages, and new pages for the log. So it can pay when much is sent to
// many. Measured with 16 to 1,000 clients and 8 to 640 KiB for each, it breaks even
// at about the values below. Beyond them it costs half on some machines, and more
// than copying on others; a modeChooser finds that out. Less is always copied.
const (
	// minReference is how much has to be sent to a client at once, in bytes.
	minReference = 64 << 10
	// minAudience is how many members the loop must have.
	minAudience = 32
)

// flush writes every member what it has yet to receive, straight out of the log.
func (l *loop) flush() {
	head := l.room.log.Head()
	l.beginFlush(head)
	for _, c := range l.ready {
		if c.lag != nil {
			c.lag.ready = false
			l.write(c, head)
		}
	}
	clear(l.ready)
	l.ready = l.ready[:0]
	if l.written != head {
		for _, c := range l.members {
			if c.lag == nil && c.cursor < head && c.state == member {
				l.write(c, head)
			}
		}
		l.written = head
	}
	l.endLap()
}

// write sends c the log up to head, without its own messages, as far as its
// socket takes it. The rest is sent when the socket is writable again, and nobody
// waits for that.
func (l *loop) write(c *conn, head broadcast.Position) {
	if sent, errno := l.sendControl(c); !sent {
		l.writeLater(c, errno)
		return
	}
	log := l.room.log
	untold := false // it is numbered, and the numbers of its own messages are to be told
	for sent := 0; c.cursor < head; {
		if c.hasCaughtUp() {
			untold = false
			l.addNumber(c)
			if sent, errno := l.sendControl(c); !sent {
				l.writeLater(c, errno)
				return
			}
		}
		if sent >= l.limits.write {
			l.awaitWritable(c)
			return
		}
		to := min(head, c.cursor-c.cursor%wire.Size+broadcast.Position(l.limits.write))
		var except *broadcast.Sender
		if c.cursor < c.lastOwn {
			except = &c.Sender
		}
		if f := c.frames(); f != nil && f.end != 0 {
			to = min(to, f.end)
		} else if c.framing == numbered {
			if f != nil && f.target > 0 {
				to = min(to, f.target-1)
			}
			if to = l.nextRun(c, to, except); c.cursor == to {
				untold = true
				continue
			}
			untold = false // the frame tells its number
		}
		stretches, end := log.Gather(l.stretches, c.cursor, to, except)
		if len(stretches) == 0 {
			c.cursor = end
			continue
		}
		total := length(stretches)
		n, errno := l.send(c, stretches, total, end)
		sent += n
		l.countSent(n)
		if n == total {
			c.cursor = end
			continue
		}
		c.cursor = log.Advance(c.cursor, n, except)
		if errno == syscall.EINTR {
			continue
		}
		l.writeLater(c, errno)
		return
	}
	if c.hasCaughtUp() || untold {
		l.addNumber(c)
	}
	if sent, errno := l.sendControl(c); !sent { // a ping may have come within the frame
		l.writeLater(c, errno)
		return
	}
	l.endLag(c)
	l.arm(c)
}

// writeLater has the rest written to c, of which the socket took no more for some
// reason.
func (l *loop) writeLater(c *conn, errno syscall.Errno) {
	switch {
	case errno == 0 || errno == syscall.EAGAIN:
		l.awaitWritable(c)
	case shortage(errno):
		l.deferWrite(c)
	default:
		l.startDraining(c, causeErrno("write", errno))
	}
}

// byReference reports whether that many bytes are to be sent by reference.
func (l *loop) byReference(bytes int) bool {
	l.meter.writes++
	if !l.isLarge(bytes) {
		return false
	}
	l.meter.large++
	return l.sendMode() == references
}

// refer sends stretches of the log by reference. If that fails, either the
// connection is broken or the system can't do it after all. So it then sends
// copies, and if that works, nothing is sent by reference any more.
func (l *loop) refer(fd int, stretches [][]byte) (sent int, errno syscall.Errno) {
	sent, failed := l.sendfile(fd, stretches)
	switch {
	case failed == 0 || canRetry(failed):
		return sent, failed
	case sent > 0:
		return sent, 0 // the rest is tried again
	}
	sent, errno = l.kernel.Send(fd, stretches)
	switch {
	case errno == 0 || errno == syscall.EAGAIN:
		l.room.memory.StopLending(os.NewSyscallError("sendfile", failed))
		return sent, errno
	case canRetry(errno):
		return 0, errno
	}
	return 0, failed
}

// canRetry reports whether a call that failed may work later.
func canRetry(errno syscall.Errno) bool {
	return errno == syscall.EINTR || errno == syscall.EAGAIN || shortage(errno)
}

// sendfile sends stretches of the log by reference, as far as the socket takes
// them. Stretches that are contiguous in the file are sent in one call. It may
// send some and then fail.
func (l *loop) sendfile(fd int, stretches [][]byte) (sent int, errno syscall.Errno) {
	memory := l.room.memory
	for len(stretches) > 0 {
		offset, size := memory.Offset(stretches[0]), len(stretches[0])
		stretches = stretches[1:]
		for len(stretches) > 0 && memory.Offset(stretches[0]) == offset+int64(size) {
			size += len(stretches[0])
			stretches = stretches[1:]
		}
		n, errno := l.kernel.Sendfile(fd, memory.File(), offset, size)
		sent += n
		if n < size {
			return sent, errno
		}
	}
	return sent, 0
}

func length(stretches [][]byte) int {
	n := 0
	for _, s := range stretches {
		n += len(s)
	}
	return n
}

// awaitWritable has the rest written to c when its socket is writable.
func (l *loop) awaitWritable(c *conn) {
	l.beginLag(c)
	c.lag.deferred = false
	l.arm(c)
}

// deferWrite has the rest written to c when the kernel may have memory for it
// again. Until then epoll might report its socket as writable all the time, so
// the loop does not wait for that.
func (l *loop) deferWrite(c *conn) {
	l.beginLag(c)
	c.lag.deferred = true
	l.backOff()
	l.arm(c)
}

// retryDeferred marks the members whose writes were deferred as ready.
func (l *loop) retryDeferred() {
	for _, c := range l.lagging {
		if c.lag.deferred {
			l.markReady(c)
		}
	}
}

// markReady has c, which lags, written to in this wake-up.
func (l *loop) markReady(c *conn) {
	if !c.lag.ready {
		c.lag.ready = true
		l.ready = append(l.ready, c)
	}
}

// beginLag adds c to the lagging members.
func (l *loop) beginLag(c *conn) {
	if c.lag != nil {
		return
	}
	if last := len(l.spareLags) - 1; last >= 0 {
		c.lag, l.spareLags = l.spareLags[last], l.spareLags[:last]
	} else {
		c.lag = new(lag)
	}
	c.lag.index = len(l.lagging)
	l.lagging = append(l.lagging, c)
}

// endLag removes c from the lagging members.
func (l *loop) endLag(c *conn) {
	if c.lag == nil {
		return
	}
	last := len(l.lagging) - 1
	moved := l.lagging[last]
	l.lagging[c.lag.index] = moved
	moved.lag.index = c.lag.index
	l.lagging[last] = nil
	l.lagging = l.lagging[:last]

	const kept = 64
	if len(l.spareLags) < kept {
		*c.lag = lag{}
		l.spareLags = append(l.spareLags, c.lag)
	}
	c.lag = nil
}
