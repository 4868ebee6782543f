package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"net"

	"sop-chat/internal/wire"
)

// Receive returns the messages of the others, in the order in which everyone in
// the room gets them, until the connection ends. It ends without an error after
// Finish; otherwise the last pair has one: a ClosedError if the server closed
// the connection or it broke, net.ErrClosed after Close, or ctx's error once ctx
// is done. A loop that was left, or whose ctx is done, may be followed by another
// Receive, which goes on where it stopped.
//
// It is an iterator, and not a channel, because so nothing stands between the
// caller and the socket: no goroutine that has to be ended, no messages that
// are lost in a buffer when the caller has seen enough, no second place in
// which to look for the error. A caller that is slow slows down the sender, by
// way of TCP, and not its own memory.
func (c *Client) Receive(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if err := c.receiving.take(ctx); err != nil {
			yield(Message{}, err)
			return
		}
		defer c.receiving.pass()
		for {
			m, err := c.next(ctx)
			switch {
			case errors.Is(err, errEnd):
				return
			case err != nil:
				yield(Message{}, err)
				return
			case !yield(m, nil):
				return
			}
		}
	}
}

// errEnd is the end of a connection that both sides have closed in order.
var errEnd = errors.New("the connection has ended as it should")

// next returns the next message.
func (c *Client) next(ctx context.Context) (Message, error) {
	for len(c.received) < wire.Size {
		if err := c.read(ctx); err != nil {
			return Message{}, err
		}
	}
	m := wire.Message(c.received[:wire.Size])
	c.received = c.received[wire.Size:]
	return Message{Name: string(m.Name()), Text: string(m.Text())}, nil
}

// read waits for bytes. A part of a message that has come stays for the next
// call, whatever ends this one.
func (c *Client) read(ctx context.Context) error {
	switch {
	case c.end != nil:
		return c.end
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	rest := copy(c.buffer[:readSize], c.received)
	c.buffer = c.buffer[:rest]
	resume := interrupt(ctx, c.conn.SetReadDeadline)
	n, err := c.conn.Read(c.buffer[rest:readSize])
	resume()
	c.buffer = c.buffer[:rest+n]
	c.received = c.buffer
	if err == nil || n > 0 { // what is wrong then, the next call tells
		return nil
	}
	err = c.cause(ctx, err)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err // and the connection goes on
	}
	c.setEnd(err)
	return c.end
}

// setEnd notes why nothing more can be received.
func (c *Client) setEnd(err error) {
	closed, isClosed := errors.AsType[*ClosedError](err)
	switch {
	case isClosed && errors.Is(closed.Err, io.EOF) && c.finished.Load():
		err = errEnd
	case isClosed && errors.Is(closed.Err, io.EOF) && len(c.received) > 0:
		err = &ClosedError{Err: io.ErrUnexpectedEOF}
	case errors.Is(err, net.ErrClosed) && c.finished.Load():
		err = errEnd // a connection without CloseWrite
	}
	c.end = err
	if err != errEnd {
		c.failed.Store(true)
	}
	close(c.ended)
}

// discard reads to the end.
func (c *Client) discard(ctx context.Context) {
	for {
		c.received = nil
		if err := c.read(ctx); err != nil {
			return
		}
	}
}
