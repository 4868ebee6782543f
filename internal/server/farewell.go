//go:build linux

package server

import "time"

// What a close does to what is under way depends on what was not read, and on
// which side. If bytes of the client lie unread at the server, the kernel resets
// the connection, and what the client has yet to get is lost. If the client does
// not read, the kernel keeps what it has for it, for minutes.

// maxDiscards is how often what a client had sent is read before its connection
// is closed, a batch at a time.
const maxDiscards = 4

// lastWords is for how long the kernel offers what is left to a client that has
// closed its own direction, and takes none of it.
const lastWords = 10 * time.Second

// farewell prepares a connection for being closed. A client that is refused, or
// hears that the server ends, is to see the end of the stream, and before it all
// that was sent to it; one that was thrown out for not reading is reset.
func (l *loop) farewell(e ending) {
	fd := e.conn.fd
	switch {
	case e.cause == causeKey, e.cause == causeFull, e.cause == causeShutdown:
		l.discard(fd)
	case e.cause.reset:
		l.kernel.Reset(fd)
	case e.was >= member:
		l.kernel.SetUserTimeout(fd, lastWords)
	}
}

// discard ends the stream to a client, then reads what it has sent and throws it
// away. In this order the end comes first, whatever comes in the meantime.
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
