package bench

import (
	"net/netip"
	"time"
)

// A transport carries bytes between connections and a server. Connections are
// numbered from 0. It belongs to one goroutine, and tells a handler, from
// within wait, what has happened.
type transport interface {
	// connect begins a connection. Its number is the next one, or that of a
	// connection that has ended. That it could not be made (connectError) is
	// returned, or told later.
	connect(number int, to netip.AddrPort) error
	// write sends bytes and returns how many were taken. If that is not all,
	// the handler is told when it is worth while to try again.
	write(number int, b []byte) (int, error)
	// wait waits until something happens, or until a time, and hands what
	// happened to the handler. An error of the handler is returned at once.
	wait(until time.Time, h handler) error
	// close ends all connections.
	close()
}

// readSize is how much is read at once at most. Whenever the kernel has handed
// over bytes it tells the peer how much more it takes, which costs more than
// copying some dozens of messages; so it is much at once, but not more than
// stays in the cache until it is checked.
const readSize = 256 << 10

// A handler is told what happens to connections. What it returns an error for
// ends the run.
type handler interface {
	// connected says that a connection is there.
	connected(number int) error
	// received hands over bytes, which are the handler's until it returns, and
	// says for how long the last of them have been waiting to be read.
	received(number int, b []byte, ago time.Duration) error
	// writable says that a connection may take bytes again.
	writable(number int) error
	// ended says that a connection could not be made (connectError), that the
	// server closed it (io.EOF), or that it broke.
	ended(number int, cause error) error
}

// A numberHandler is a handler that is also told what a server says of the
// messages' numbers.
type numberHandler interface {
	handler
	// numbered says that so many of a connection's own messages come before what
	// it receives next, and that the server received that at a time.
	numbered(connection int, own uint64, at time.Time) error
}

// A connectError says why a connection could not be made.
type connectError struct{ cause error }

func (e *connectError) Error() string { return e.cause.Error() }
func (e *connectError) Unwrap() error { return e.cause }
