//go:build linux

package server

import "time"

// What close does to bytes that are under way depends on which side has not read
// them. If bytes of the client are unread at the server, the kernel resets the
// connection, and what the client has yet to receive is lost. If the client does
// not read, the kernel keeps what was sent to it for minutes.

// maxDiscards is how often what a client had sent is read before its connection
// is closed, a batch at a time.
const maxDiscards = 4

// lingerTimeout is for how long the kernel offers what is left to a client that
// has closed its own direction and reads none of it.
const lingerTimeout = 10 * time.Second

// prepareClose prepares a connection for being closed. A client that is refused,
// and every client when the server stops, receives all that was sent to it and
// then the end of the stream. A client that is disconnected because it did not
// read is reset.
func (l *loop) prepareClose(e ending) {
	fd := e.conn.fd
	isWebSocket := e.conn.isWebSocket() && !e.cause.reset && !e.cause.failed
	if isWebSocket && !e.lagged { // or the socket has no space
		e.conn.sendClose(&l.system, e.was, e.cause)
	}
	switch {
	case e.cause == causeKey, e.cause == causeFull, e.cause == causeShutdown, isWebSocket:
		l.discard(fd)
	case e.cause.reset:
		l.kernel.Reset(fd)
	case e.was >= member:
		l.kernel.SetUserTimeout(fd, lingerTimeout)
	}
}

// discard ends the stream to a client, then reads what it has sent and throws it
// away. In this order the end comes before a reset, whatever arrives meanwhile.
func (l *loop) discard(fd int) {
	l.kernel.EndStream(fd)
	space := l.batch.Free()
	for range maxDiscards {
		if len(space) == 0 {
			return
		}
		if n, errno := l.kernel.Read(fd, space); n == 0 || errno != 0 {
			return
		}
	}
}
