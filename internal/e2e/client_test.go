package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/wire"
)

// A client behaves as the GUI client does: it uses IPv4, sends 512 bytes at a
// time, and takes the first 512 bytes it receives for its echo. None of its reads
// and writes takes longer than testTimeout.
type client struct {
	*net.TCPConn
	t    testing.TB
	name string
}

// connect makes a connection that has not sent anything yet.
func connect(t testing.TB, srv *server) *client {
	t.Helper()
	return connectBy(t, srv, net.Dialer{})
}

func connectBy(t testing.TB, srv *server, dialer net.Dialer) *client {
	t.Helper()
	c, err := tryConnect(srv, dialer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.in(t)
}

func tryConnect(srv *server, dialer net.Dialer) (*client, error) {
	dialer.Timeout = testTimeout
	conn, err := dialer.Dial("tcp4", srv.address())
	if err != nil {
		return nil, err
	}
	return &client{TCPConn: conn.(*net.TCPConn)}, nil
}

func (c *client) Read(p []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(testTimeout))
	return c.TCPConn.Read(p)
}

// WriteTo is what [io.Copy] calls. The connection's own would keep the deadline
// of the read before.
func (c *client) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{c})
}

func (c *client) Write(p []byte) (int, error) {
	c.SetWriteDeadline(time.Now().Add(testTimeout))
	return c.TCPConn.Write(p)
}

// in returns the same client, reporting to t.
func (c *client) in(t testing.TB) *client {
	return &client{TCPConn: c.TCPConn, t: t, name: c.name}
}

// dial makes a client that authenticates with a key and is admitted.
func dial(t testing.TB, srv *server, name, key string) *client {
	t.Helper()
	c := connect(t, srv)
	c.authenticate(name, key)
	return c
}

// join is dial with the right key.
func join(t testing.TB, srv *server, name string) *client {
	t.Helper()
	return dial(t, srv, name, key)
}

// joinNotReading makes a client with a small receive buffer. As long as it does
// not read, it soon holds up the server.
func joinNotReading(t testing.TB, srv *server, name string) *client {
	t.Helper()
	c := connectBy(t, srv, net.Dialer{Control: func(_, _ string, conn syscall.RawConn) (err error) {
		if e := conn.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
		}); e != nil {
			return e
		}
		return os.NewSyscallError("setsockopt", err)
	}})
	c.authenticate(name, key)
	return c
}

// restoreBuffer enlarges the receive buffer of joinNotReading before the client
// begins to read. Otherwise it would read only a few megabytes a second.
func (c *client) restoreBuffer() {
	c.t.Helper()
	if err := c.SetReadBuffer(1 << 20); err != nil {
		c.t.Fatal(err)
	}
}

// authenticate does what the GUI client does, and checks that the echo comes
// first, byte for byte.
func (c *client) authenticate(name, key string) {
	c.t.Helper()
	if in, err := c.tryAuthenticate(name, key); err != nil {
		c.t.Fatal(err)
	} else if !in {
		c.t.Fatalf("%q was not let in", name)
	}
}

// isAdmitted authenticates with the right key and reports whether the server
// admits the client. If not, it checks that the server closes the connection and
// sends nothing.
func (c *client) isAdmitted(name string) bool {
	c.t.Helper()
	in, err := c.tryAuthenticate(name, key)
	if err != nil {
		c.t.Fatal(err)
	}
	return in
}

func (c *client) tryAuthenticate(name, key string) (in bool, err error) {
	c.name = name
	auth := message(name, key)
	c.Write(auth[:]) // If the server has closed, reading tells.
	return c.gotEcho(auth)
}

// gotEcho reports whether the server admits the client that has sent auth.
// Anything but the echo and a close is an error.
func (c *client) gotEcho(auth wire.Message) (in bool, err error) {
	var echo wire.Message
	n, err := io.ReadFull(c, echo[:])
	switch {
	case err == nil && echo == auth:
		return true, nil
	case n == 0 && isClose(err):
		return false, nil
	}
	return false, fmt.Errorf("%q got %d bytes that are neither the echo nor a close (%v): %q…",
		auth.Name(), n, err, bytes.TrimRight(echo[:n], "\x00"))
}

// message returns a message with any bytes in its fields, cut to fit.
func message(name, text string) (m wire.Message) {
	copy(m[:wire.NameSize], name)
	copy(m[wire.NameSize:], text)
	return m
}

// say sends a text under the client's name and returns the message.
func (c *client) say(text string) wire.Message {
	c.t.Helper()
	m := message(c.name, text)
	c.send(m)
	return m
}

// send sends messages in one write.
func (c *client) send(messages ...wire.Message) {
	c.t.Helper()
	if _, err := c.Write(stream(messages...)); err != nil {
		c.t.Fatalf("%q writes: %v", c.name, err)
	}
}

func stream(messages ...wire.Message) []byte {
	var all []byte
	for _, m := range messages {
		all = append(all, m[:]...)
	}
	return all
}

// receive reads a message.
func (c *client) receive() (m wire.Message) {
	c.t.Helper()
	if n, err := io.ReadFull(c, m[:]); err != nil {
		c.t.Fatalf("%q reads %d bytes of a message, then: %v", c.name, n, err)
	}
	return m
}

// expect checks that the next bytes that the client receives are these messages.
func (c *client) expect(want ...wire.Message) {
	c.t.Helper()
	for i := range want {
		got := c.receive()
		if got != want[i] {
			at := 0
			for got[at] == want[i][at] {
				at++
			}
			c.t.Fatalf("message %d of %d for %q differs at byte %d: got %q…, want %q…", i+1, len(want), c.name, at,
				bytes.TrimRight(got[at:], "\x00"), bytes.TrimRight(want[i][at:], "\x00"))
		}
	}
}

// expectNothing checks that none of the receivers was sent anything so far: the
// client sends a marker, and it is the next message that they receive.
func (c *client) expectNothing(receivers ...*client) {
	c.t.Helper()
	marker := c.say("marker")
	for _, r := range receivers {
		r.expect(marker)
	}
}

// expectClosed checks that the server closes the connection and sends nothing
// before.
func (c *client) expectClosed() {
	c.t.Helper()
	var rest [wire.Size]byte
	n, err := c.Read(rest[:])
	if n > 0 {
		c.t.Fatalf("%q got %d bytes instead of a close: %q…", c.name, n, bytes.TrimRight(rest[:n], "\x00"))
	}
	if !isClose(err) {
		c.t.Fatalf("%q waits for a close and gets: %v", c.name, err)
	}
}

// expectFullyClosed checks that the server has closed both directions, so that a
// client that only writes learns of it.
func (c *client) expectFullyClosed() {
	c.t.Helper()
	c.expectClosed()
	eventually(c.t, "a write fails", func() bool {
		_, err := c.Write([]byte{0})
		return errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET)
	})
}

// isClose reports whether a read ended because the server has closed the
// connection, possibly in the middle of a message. If the server has unread
// bytes, it resets the connection.
func isClose(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.ECONNRESET)
}

// reset closes the connection with a reset.
func (c *client) reset() {
	c.t.Helper()
	if err := c.SetLinger(0); err != nil {
		c.t.Fatal(err)
	}
	c.Close()
}

// halfClose closes the sending direction only.
func (c *client) halfClose() {
	c.t.Helper()
	if err := c.CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

// joinEventually joins as soon as there is a slot.
func joinEventually(t testing.TB, srv *server, name string) *client {
	t.Helper()
	var c *client
	eventually(t, name+" finds a place", func() bool {
		c = connect(t, srv)
		return c.isAdmitted(name)
	})
	return c
}
