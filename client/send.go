package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"

	"sop-chat/internal/wire"
)

// Send sends a text to all other clients in the room. A text that is longer than
// MaxText becomes several messages, see Split; they are written together. Send
// returns when the operating system has taken them. The server may not have
// received them: over plain TCP the protocol has no acknowledgements. Finish waits for
// that at the end, and Unacknowledged returns the messages that are still under way.
//
// It fails with a ZeroByteError, or after Strict with a TextTooLongError, and
// then nothing was sent; or with a ClosedError or ctx's error, after which
// nothing can be sent any more, because a part of a message may be on its way. If
// ctx is done before, Send does nothing.
func (c *Client) Send(ctx context.Context, text string) error {
	if c.strict && len(text) > MaxText {
		return &TextTooLongError{Length: len(text)}
	}
	if err := checkZero("text", text); err != nil {
		return err
	}
	if err := c.sending.acquire(ctx); err != nil {
		return err
	}
	defer c.sending.release()
	if err := c.mayWrite(ctx); err != nil {
		return err
	}
	c.outgoing = c.outgoing[:0]
	for part := range parts(text) {
		m, err := wire.New(c.name, part)
		if err != nil {
			return err
		}
		c.outgoing = append(c.outgoing, m[:]...)
	}
	resume := interrupt(ctx, c.conn.SetWriteDeadline)
	err := c.write(text, c.outgoing)
	resume()
	if err != nil {
		c.sendErr = c.cause(ctx, err)
		c.failed.Store(true)
		return c.sendErr
	}
	if cap(c.outgoing) > readSize {
		c.outgoing = nil
	}
	return nil
}

// write writes the messages that a text becomes.
func (c *Client) write(text string, messages []byte) error {
	if c.room != nil {
		c.room.add(Split(text))
		return c.socket.write(messages)
	}
	if c.conn == c.link {
		c.unacked.add(c.link, text, wire.Size)
		_, err := c.conn.Write(messages)
		return err
	}
	// How many bytes a message has in TLS is known after it is written.
	c.unacked.add(c.link, text, 0)
	for m := range slices.Chunk(messages, wire.Size) {
		if _, err := c.conn.Write(m); err != nil {
			return err
		}
		c.unacked.markWritten(c.link)
	}
	return nil
}

// mayWrite returns an error if nothing can be written.
func (c *Client) mayWrite(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case c.closed.Load():
		return net.ErrClosed
	}
	return c.sendErr
}

// errFinished is why nothing can be sent after Finish.
var errFinished = errors.New("the client has finished sending")

// Finish ends the connection in order: it closes the sending direction, and returns
// when the server has taken everything and has closed the connection. Through a page
// it waits until everything is acknowledged, and then closes the connection. Messages that
// come meanwhile are discarded, unless a loop over Receive is under way: it yields them,
// and then ends without an error. Finish may be called inside that loop.
//
// Finish fails if the connection ends otherwise, and once ctx is done. In either
// case the connection is closed, and the last messages may not have arrived.
func (c *Client) Finish(ctx context.Context) error {
	defer c.Close()
	if err := c.finishSending(ctx); err != nil {
		return err
	}
	if err := c.messages.drain(ctx, c.ended); err != nil {
		c.failed.Store(true)
		return err
	}
	if errors.Is(c.recvErr, errEnd) {
		return nil
	}
	return fmt.Errorf("the last messages may not have arrived: %w", c.recvErr)
}

// finishSending closes the sending direction.
func (c *Client) finishSending(ctx context.Context) error {
	if err := c.sending.acquire(ctx); err != nil {
		return err
	}
	defer c.sending.release()
	if err := c.mayWrite(ctx); err != nil {
		return err
	}
	c.sendErr = errFinished
	c.finished.Store(true)
	if c.room != nil {
		c.finishPage()
		return nil
	}
	defer interrupt(ctx, c.conn.SetWriteDeadline)()
	err := c.conn.(interface{ CloseWrite() error }).CloseWrite()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return c.Close()
	case err != nil:
		return c.cause(ctx, err)
	}
	return nil
}

// cause returns why a call on the connection failed: ctx is done, Close was called,
// or the network failed.
func (c *Client) cause(ctx context.Context, err error) error {
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
		return context.Cause(ctx)
	case c.closed.Load():
		return net.ErrClosed
	case c.link.isAbandoned(), ok && timeout.Timeout():
		return &ClosedError{Err: ErrNoAnswer}
	case errors.Is(err, net.ErrClosed): // by the library, after the server has closed it
		return &ClosedError{Err: io.EOF}
	}
	return &ClosedError{Err: err}
}
