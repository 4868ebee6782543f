// Package client is a chat client for Go programs: it joins the room of a
// sop-chat server, sends texts and receives those of other clients.
//
//	c, err := client.Dial(ctx, "localhost:9000", "alice", "key")
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	if err := c.Send(ctx, "hello"); err != nil {
//		return err
//	}
//	for message, err := range c.Receive(ctx) {
//		…
//	}
//
// A Client is one connection. When the network is gone, it ends within half a minute,
// and the texts that have not arrived are known, see Unacknowledged. Stay joins again by
// itself, and sends those again.
//
// With the address of a page, such as "http://localhost:8080", messages have numbers
// and times, and a program that joins again continues where it was, see Resume and Stay.
//
// # Compatibility
//
// From the first tagged version on, within a major version:
//
//   - A program that compiles goes on compiling, and what the documentation of an
//     exported name says stays true, unless security or the protocol demands otherwise.
//     The changelog says so then.
//   - Errors can be told apart by their types and fields, and with errors.Is.
//   - A stored State can be given to Resume of a later version.
//   - It talks to servers of the protocol, of any version. What only newer servers or
//     pages know is reported as unknown, or fails with a HandshakeError.
//
// Not promised are the words of errors, what String methods return, timeouts, the lengths
// of pauses and how many messages are buffered or remembered. Structs may get fields, so
// name the fields in literals, and don't rely on comparing them with ==. There may be more
// kinds of Event, so let a switch ignore others; more values of Refusal; and more options
// and methods, so don't embed a Client or Session where a new method would be in the way.
// Packages below internal are not for other modules.
//
// # Use
//
// The module has no path yet that it could be fetched by. Until it has (make
// module gives it one), another module uses a copy of the source:
//
//	go mod edit -require=sop-chat@v0.0.0 -replace=sop-chat=../sop-chat
//	go mod tidy # after import "sop-chat/client"
//
// It knows the protocol and nothing of terminals.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"sop-chat/internal/wire"
)

// The most bytes that names and texts may have. Send splits longer texts.
const (
	MaxName = wire.NameSize
	MaxText = wire.TextSize
)

// A Client is a connection that has joined a room.
//
// One goroutine may send (Send, Finish) while another one receives (Receive).
// Close may be called by any, at any time and more than once.
//
// A program should receive even if it only wants to send: a client that reads
// nothing may hold up the whole room in the end, and is disconnected then. Finish
// reads the remaining messages by itself.
type Client struct {
	conn   net.Conn // link, or TLS over it
	link   *link
	socket *webSocket // nil over plain TCP, and so are the next three
	room   *room
	past   *past
	about  *site  // nil with WithConn, too
	id     uint64 // by which a page's server knows it again
	name   string
	strict bool
	closed atomic.Bool
	failed atomic.Bool // so Close discards what is not acknowledged

	finished  atomic.Bool // nothing more is sent, on purpose
	finishing atomic.Bool // and the WebSocket is being closed
	sending   turn
	sendErr   error // why nothing can be sent any more
	outgoing  []byte
	unacked   unacked

	messages *stream[Message]
	received []byte // of buffer, not yet handed out
	buffer   []byte
	waiting  atomic.Int64  // how many messages are in received
	recvErr  error         // why nothing more can be received
	ended    chan struct{} // closed when recvErr is set
	caughtUp chan struct{} // closed when all that was said before was received
}

// readSize is how many bytes are read at once, at most.
const readSize = 32 << 10

// An Option changes how Dial joins.
type Option func(*options)

type options struct {
	conn    net.Conn
	tls     *tls.Config
	strict  bool
	silence time.Duration
	state   State
	own     bool
	queue   int           // of a session
	pause   time.Duration // likewise, before it joins again
}

// WithTLS makes the connection a TLS one. A config without a ServerName gets
// the host of the address; a nil config is an empty one. An address that begins with
// https:// has TLS anyway, and one with http:// can't have it.
func WithTLS(config *tls.Config) Option {
	return func(o *options) {
		if config == nil {
			config = new(tls.Config)
		}
		o.tls = config
	}
}

// WithConn joins over an existing connection. The address only names the server
// then. The client owns the connection: Close closes it, and so does a Dial that
// fails. If it is a TCP connection, its keep-alive is set.
//
// It should have a CloseWrite method, as TCP, TLS and Unix sockets do. Without
// one, Finish can't wait until the server has taken everything, except through a page.
// Messages can't be fetched from the history of a page, see Resume.
func WithConn(conn net.Conn) Option {
	return func(o *options) { o.conn = conn }
}

// Strict makes Send fail with a TextTooLongError, instead of splitting a text
// that is longer than MaxText.
func Strict() Option {
	return func(o *options) { o.strict = true }
}

// Dial joins the room at addr under a name, at most MaxName bytes, with blanks around
// it cut off. It returns when the server has admitted the client.
//
// The address is "host:port", which is plain TCP, or that of the page of a server with
// --web: "http://host:port" or "https://host", perhaps with a path. Through a page the
// client uses a WebSocket below that address, and the subprotocol of docs/web.md. It
// knows more of messages then, see Message, and Resume and WithOwn have an effect. The
// link that invites to a room is such an address, too; its key is used if key is empty.
//
// Dial fails with a RefusedError if the server refuses the client, a NotAChatError if
// it answers something else, a HandshakeError if there is no such page, a NameTooLongError, KeyTooLongError or ZeroByteError
// if name or key can't be sent, ctx's error (its cause) once ctx is done, and
// otherwise with the error of the network. ctx has no effect after Dial has
// returned.
func Dial(ctx context.Context, addr, name, key string, opts ...Option) (*Client, error) {
	o := options{silence: maxSilence}
	for _, option := range opts {
		option(&o)
	}
	c, err := join(ctx, addr, strings.TrimSpace(name), key, o)
	if err != nil && o.conn != nil {
		o.conn.Close()
	}
	return c, err
}

func join(ctx context.Context, addr, name, key string, o options) (*Client, error) {
	addr, invited, err := ParseLink(addr)
	if err != nil {
		return nil, err
	}
	if key == "" {
		key = invited
	}
	if err := checkFields(name, key); err != nil {
		return nil, err
	}
	authentication, err := wire.New(name, key)
	if err != nil {
		return nil, err // of another kind than checkFields knows: none
	}
	for o.state.Client == 0 {
		o.state.Client = rand.Uint64()
	}
	c := &Client{
		id:       o.state.Client,
		name:     name,
		strict:   o.strict,
		sending:  newTurn(),
		ended:    make(chan struct{}),
		caughtUp: make(chan struct{}),
	}
	c.messages = newStream(c.next)
	joinOver := c.joinTCP
	if isURL(addr) {
		joinOver = c.joinPage
	}
	if err := joinOver(ctx, addr, &authentication, o); err != nil {
		return nil, err
	}
	c.link.startCounting()
	return c, nil
}

// joinTCP joins over TCP.
func (c *Client) joinTCP(ctx context.Context, addr string, first *wire.Message, o options) (err error) {
	if c.link, c.conn, err = connect(ctx, addr, o); err != nil {
		return err
	}
	c.buffer = make([]byte, 0, readSize)
	close(c.caughtUp)
	if err := c.authenticate(ctx, addr, first); err != nil {
		c.Close()
		return err
	}
	return nil
}

// connect makes a connection, or takes the supplied one. It returns the link, and
// the connection to write to: the link itself, or TLS over it.
func connect(ctx context.Context, addr string, o options) (*link, net.Conn, error) {
	conn := o.conn
	if conn == nil {
		var dialer net.Dialer
		var err error
		if conn, err = dialer.DialContext(ctx, "tcp", addr); err != nil {
			return nil, nil, contextError(ctx, err)
		}
	}
	link := newLink(conn, o.silence)
	if o.tls == nil {
		return link, link, nil
	}
	config := o.tls
	if config.ServerName == "" && !config.InsecureSkipVerify {
		config = config.Clone()
		if host, _, err := net.SplitHostPort(addr); err == nil {
			config.ServerName = host
		}
	}
	secure := tls.Client(link, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		link.Close()
		return nil, nil, contextError(ctx, fmt.Errorf("TLS with %s: %w", addr, err))
	}
	return link, secure, nil
}

// authenticate sends the first message and reads its echo.
func (c *Client) authenticate(ctx context.Context, addr string, first *wire.Message) error {
	defer interrupt(ctx, c.conn.SetDeadline)()
	// If the server has closed the connection, reading fails, too.
	_, writeErr := c.conn.Write(first[:])
	var echo wire.Message
	n, err := io.ReadFull(c.conn, echo[:])
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil && echo == *first:
		return nil
	case err == nil:
		return &NotAChatError{Addr: addr}
	case n > 0 && endOfStream(err):
		return &NotAChatError{Addr: addr}
	case n == 0 && endOfStream(err):
		return &RefusedError{Addr: addr}
	}
	return errors.Join(err, writeErr)
}

// Name returns the name the client joined with, blanks cut off.
func (c *Client) Name() string { return c.name }

// Buffered returns how many messages have come that Receive has not yielded yet. It
// may be called inside a loop over Receive, to do something before that waits
// again.
func (c *Client) Buffered() int {
	kept := c.messages.buffered()
	if c.room != nil {
		return kept + c.room.buffered()
	}
	return kept + int(c.waiting.Load())
}

// Probe makes the peer's kernel answer within some seconds, or the connection ends.
// Call it after the machine has slept: without it, noticing that a connection is
// gone takes half a minute.
func (c *Client) Probe() {
	c.link.probe()
	if c.socket != nil {
		c.socket.probe()
	}
}

// Close ends the connection at once; calls that are under way fail with
// net.ErrClosed. The last messages sent may be lost, see Finish and Unacknowledged.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	if c.failed.Load() {
		c.link.discard()
	}
	if c.socket != nil {
		return c.closePage()
	}
	return c.conn.Close()
}
