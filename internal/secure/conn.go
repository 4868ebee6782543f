//go:build linux

package secure

import (
	"errors"
	"os"
	"syscall"
	"time"

	"sop-chat/internal/limit"
	"sop-chat/internal/netpoll"
)

// A conn is the connection below TLS. What reading and writing it mean changes on the way:
//
//	handshake  waits, outside the gate, until something has come
//	HTTP       is left to TCP, with the deadlines that net/http sets
//	pipe       reading returns errWouldBlock if nothing has come; writing waits, unless
//	           the server has closed its end
//
// One goroutine may read and one may write.
type conn struct {
	*limit.Conn
	raw  syscall.RawConn
	gate gate  // in a handshake; else nil
	pipe *Pipe // from when it is part of one; else nil

	sawEnd  bool // a read returned the end of the stream
	in, out transfer
}

// A transfer is one call on a socket, through Go's poller. Its function exists once for
// each connection and direction, so that a call allocates nothing.
type transfer struct {
	b     []byte
	n     int
	errno syscall.Errno
	wait  bool // until the call would not block
	call  func(fd uintptr) (done bool)
}

func newConn(c *limit.Conn) (*conn, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, raw: raw}, nil
}

// setPipe makes the connection part of a pipe. The caller alone has it.
func (c *conn) setPipe(p *Pipe) {
	c.pipe = p
	c.in.call = func(fd uintptr) bool {
		c.in.n, c.in.errno = netpoll.Read(int(fd), c.in.b)
		return true
	}
	c.out.call = func(fd uintptr) bool {
		c.out.n, c.out.errno = netpoll.Write(int(fd), c.out.b)
		return !c.out.wait || c.out.errno != syscall.EAGAIN
	}
}

// errWouldBlock is what TLS gets if there is nothing to read. As it is temporary, TLS may
// read again.
var errWouldBlock error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "nothing has come" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

func (c *conn) Read(b []byte) (int, error) {
	switch {
	case c.gate != nil:
		c.gate.leave()
		err := c.waitReadable()
		c.gate.enter()
		if err != nil {
			return 0, err
		}
		return c.Conn.Read(b)
	case c.pipe == nil:
		return c.Conn.Read(b)
	}
	return c.readNow(b)
}

// readNow reads what has come.
func (c *conn) readNow(b []byte) (int, error) {
	for {
		c.in.b = b
		err := c.raw.Read(c.in.call)
		c.in.b = nil
		switch {
		case err != nil:
			return 0, err
		case c.in.errno == syscall.EINTR:
		case c.in.errno == syscall.EAGAIN:
			return 0, errWouldBlock
		case c.in.errno != 0:
			return 0, os.NewSyscallError("read", c.in.errno)
		default:
			c.sawEnd = c.in.n == 0
			return c.in.n, endOfStream(c.in.n)
		}
	}
}

// waitReadable waits until there is something to read. It looks within the call that
// waits, so that nothing that comes in between is missed.
func (c *conn) waitReadable() error { return c.raw.Read(canRead) }

func canRead(fd uintptr) bool { return netpoll.CanRead(int(fd)) }

func (c *conn) Write(b []byte) (int, error) {
	switch {
	case c.gate != nil:
		c.gate.leave()
		defer c.gate.enter()
		return c.Conn.Write(b)
	case c.pipe == nil:
		return c.Conn.Write(b)
	}
	return c.writeAll(b)
}

// writeAll writes to a peer that may read slowly, or not at all. Now and then it looks
// whether the server has closed its end meanwhile. TLS can't go on after a write that
// failed, so a deadline of its own would not do.
func (c *conn) writeAll(b []byte) (done int, err error) {
	defer func() {
		c.out.b = nil
		if c.out.wait {
			c.out.wait = false
			c.Conn.SetWriteDeadline(time.Time{})
		}
	}()
	for {
		c.out.b = b[done:]
		switch err := c.raw.Write(c.out.call); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if c.pipe.isOverdue() {
				return done, errOverdue
			}
		case err != nil:
			return done, err
		case c.out.errno == 0:
			if done += c.out.n; done == len(b) {
				return done, nil
			}
		case c.out.errno != syscall.EAGAIN && c.out.errno != syscall.EINTR:
			return done, os.NewSyscallError("write", c.out.errno)
		}
		c.out.wait = true
		c.Conn.SetWriteDeadline(time.Now().Add(overdueChecks))
	}
}

// SetWriteDeadline and SetDeadline are for net/http. In a pipe, no write has a deadline.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if c.pipe != nil {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline is like SetWriteDeadline, for both directions.
func (c *conn) SetDeadline(t time.Time) error {
	if c.pipe != nil {
		return c.SetReadDeadline(t)
	}
	return c.Conn.SetDeadline(t)
}
