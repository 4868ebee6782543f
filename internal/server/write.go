//go:build linux

package server

import (
	"os"
	"syscall"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// maxWrite is how much is written to one client in one wake-up, in bytes, give
// or take a message. It bounds how long one that is far behind keeps the others
// waiting; a socket's buffer rarely takes as much at once.
const maxWrite = 1 << 20

// What is sent by reference saves the kernel a copy for each client, and costs
// it the handling of pages, and new ones for the log. So it pays when much is
// sent to many: measured with 16 to 1,000 clients and 8 to 640 KiB for each, it
// begins at about these, is 1.2 times dearer for 16 clients whatever the size,
// and a third cheaper from 100 clients and 300 KiB on.
const (
	// minReference is how much has to be sent to a client at once, in bytes.
	minReference = 64 << 10
	// minAudience is how many members the loop must have.
	minAudience = 32
)

// flush writes every member what it has yet to get, straight out of the log.
func (l *loop) flush() {
	head := l.room.log.Head()
	for _, c := range l.ready {
		if c.lag != nil {
			c.lag.ready = false
			l.write(c, head)
		}
	}
	clear(l.ready)
	l.ready = l.ready[:0]
	if l.written == head {
		return
	}
	for _, c := range l.members {
		if c.lag == nil && c.cursor < head && c.state == member {
			l.write(c, head)
		}
	}
	l.written = head
}

// write sends c the log up to head, leaving out its own messages, as far as
// its socket takes it. What remains is sent when the socket can be written
// again; nobody waits for it.
func (l *loop) write(c *conn, head broadcast.Position) {
	log := l.room.log
	for sent := 0; c.cursor < head; {
		if sent >= l.limits.write {
			l.lags(c)
			return
		}
		to := min(head, c.cursor-c.cursor%wire.Size+broadcast.Position(l.limits.write))
		var except *broadcast.Sender
		if c.cursor < c.lastOwn {
			except = &c.Sender
		}
		stretches, end := log.Gather(l.stretches, c.cursor, to, except)
		if len(stretches) == 0 {
			c.cursor = end
			continue
		}
		total := length(stretches)
		n, errno := 0, syscall.Errno(0)
		if l.byReference(total) {
			log.Lend(c.cursor, end)
			n, errno = l.refer(c.fd, stretches)
		} else {
			n, errno = l.kernel.Send(c.fd, stretches)
		}
		sent += n
		if n == total {
			c.cursor = end
			continue
		}
		c.cursor = log.Advance(c.cursor, n, except)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == 0 || errno == syscall.EAGAIN:
			l.lags(c)
		case shortage(errno):
			l.starve(c)
		default:
			l.startDraining(c, causeErrno("write", errno))
		}
		return
	}
	l.caughtUp(c)
	l.arm(c)
}

// byReference reports whether so many bytes are better sent by reference.
func (l *loop) byReference(bytes int) bool {
	return l.room.memory != nil && bytes >= l.limits.reference && len(l.members) >= l.limits.audience &&
		l.room.memory.Lends()
}

// refer sends stretches of the log by reference. When that fails, either the
// connection is broken or the system can't do it after all; so copies are tried,
// and if those can be sent, nothing is sent by reference any more.
func (l *loop) refer(fd int, stretches [][]byte) (sent int, errno syscall.Errno) {
	sent, failed := l.sendfile(fd, stretches)
	switch {
	case failed == 0 || waits(failed):
		return sent, failed
	case sent > 0:
		return sent, 0 // there will be another try
	}
	sent, errno = l.kernel.Send(fd, stretches)
	switch {
	case errno == 0 || errno == syscall.EAGAIN:
		l.room.memory.StopLending(os.NewSyscallError("sendfile", failed))
		return sent, errno
	case waits(errno):
		return 0, errno
	}
	return 0, failed
}

// waits reports whether what failed can be tried again.
func waits(errno syscall.Errno) bool {
	return errno == syscall.EINTR || errno == syscall.EAGAIN || shortage(errno)
}

// sendfile sends stretches of the log by reference, as far as the socket takes
// them, those that lie one behind the other in one call. It may send some and
// then fail.
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

// lags notes that c has yet to get something and waits for its socket.
func (l *loop) lags(c *conn) {
	l.noteLag(c)
	c.lag.starved = false
	l.arm(c)
}

// starve notes that c has yet to get something for which the kernel lacks the
// memory. Its socket would be called writable all the while, so it is left
// alone until the shortage may be over.
func (l *loop) starve(c *conn) {
	l.noteLag(c)
	c.lag.starved = true
	l.backOff()
	l.arm(c)
}

// unstarve tries again what a shortage had stopped.
func (l *loop) unstarve() {
	for _, c := range l.lagging {
		if c.lag.starved {
			l.again(c)
		}
	}
}

// again has c, which lags, written to in this wake-up.
func (l *loop) again(c *conn) {
	if !c.lag.ready {
		c.lag.ready = true
		l.ready = append(l.ready, c)
	}
}

func (l *loop) noteLag(c *conn) {
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

// caughtUp notes that c has nothing to wait for any more.
func (l *loop) caughtUp(c *conn) {
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
