//go:build linux

package secure

import (
	"errors"
	"io"

	"sop-chat/internal/netpoll"
)

// receive passes on what the client sends to the server, and then the end.
func (p *Pipe) receive() {
	defer p.leave()
	serverEnded, err := p.receiveAll()
	if !serverEnded {
		p.log(err)
		p.localRaw.Control(func(fd uintptr) { netpoll.EndStream(int(fd)) })
	}
	p.discard()
}

// errTruncated is for a client that does not end TLS before it ends TCP, or for which
// something on the way ends TCP.
var errTruncated = errors.New("closed the connection without the end of TLS")

// receiveAll passes on all until either side has ended. It returns no error if the client
// has ended TLS in order.
func (p *Pipe) receiveAll() (serverEnded bool, err error) {
	for err == nil {
		buffer := buffers.Get().(*[recordSize]byte)
		var n int
		n, err = p.tls.Read(buffer[:])
		if n > 0 {
			_, failed := p.local.Write(buffer[:n])
			serverEnded = failed != nil
		}
		buffers.Put(buffer)
		switch {
		case serverEnded:
			return true, nil
		case errors.Is(err, errWouldBlock):
			err = p.conn.waitReadable()
		case errors.Is(err, io.EOF) && p.conn.sawEnd:
			err = errTruncated
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return false, err
}

// discard reads what the client still sends until it ends the connection, or the time
// that send gives it is over.
func (p *Pipe) discard() {
	for p.conn.waitReadable() == nil {
		buffer := buffers.Get().(*[recordSize]byte)
		_, err := p.conn.readNow(buffer[:])
		buffers.Put(buffer)
		if err != nil && !errors.Is(err, errWouldBlock) {
			return
		}
	}
}
