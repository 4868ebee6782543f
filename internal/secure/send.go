//go:build linux

package secure

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"sop-chat/internal/netpoll"
)

// lingerTimeout is for how long a client that was sent the end of the stream may go on
// sending. If the connection was closed at once, what comes meanwhile would have it reset,
// and what was sent last might be lost.
const lingerTimeout = time.Second

// send passes on what the server writes to the client, and then ends the connection.
func (p *Pipe) send() {
	defer p.leave()
	defer p.sent.Store(true)
	err := p.sendAll()
	if err != nil {
		// The server is not kept waiting. It hears of the end from the other
		// direction, after all that the client had sent.
		p.failed.Store(true)
		p.conn.SetReadDeadline(time.Now().Add(p.terminator.config.overdue))
		p.skipAll()
	} else if err = p.tls.CloseWrite(); err == nil {
		err = p.conn.CloseWrite()
	}
	p.log(err)
	if err != nil {
		p.failed.Store(true)
		p.conn.SetReadDeadline(time.Now())
		return
	}
	p.conn.SetReadDeadline(time.Now().Add(lingerTimeout))
}

// sendAll passes on all until the server ends the stream.
func (p *Pipe) sendAll() error {
	for {
		n, err := p.next()
		if n > 0 {
			_, err = p.tls.Write(p.buffer[:n])
			p.release()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errWouldBlock):
			err = p.waitForWindow()
		}
		if err != nil {
			return err
		}
	}
}

// skipAll reads until the server ends the stream, and throws away what comes.
func (p *Pipe) skipAll() {
	for {
		_, err := p.next()
		p.release()
		if err != nil {
			return
		}
	}
}

// next waits until the server has written something and reads it into p.buffer, which has
// to be released if that is not nil. It returns errWouldBlock if the client takes nothing.
func (p *Pipe) next() (int, error) {
	if err := p.localRaw.Read(p.fill.call); err != nil {
		return 0, err
	}
	switch p.fill.errno {
	case 0:
		return p.fill.n, endOfStream(p.fill.n)
	case syscall.EAGAIN:
		return 0, errWouldBlock
	case syscall.ECONNRESET: // the server has closed its end, and left something unread
		return 0, io.EOF
	}
	return 0, os.NewSyscallError("read", p.fill.errno)
}

// take reads what is there. As long as there is nothing, the pipe has no buffer.
func (p *Pipe) take(fd uintptr) (done bool) {
	if p.windowShut.Load() && !p.failed.Load() {
		p.fill.n, p.fill.errno = 0, syscall.EAGAIN
		return true
	}
	p.buffer = buffers.Get().(*[recordSize]byte)
	for {
		p.fill.n, p.fill.errno = netpoll.Read(int(fd), p.buffer[:])
		if p.fill.errno != syscall.EINTR {
			break
		}
	}
	if p.fill.n == 0 {
		p.release()
	}
	return p.fill.errno != syscall.EAGAIN
}

// release gives back the buffer, if there is one.
func (p *Pipe) release() {
	if p.buffer != nil {
		buffers.Put(p.buffer)
		p.buffer = nil
	}
}

func endOfStream(n int) error {
	if n == 0 {
		return io.EOF
	}
	return nil
}
