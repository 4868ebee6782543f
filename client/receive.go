package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"net"

	"sop-chat/internal/wire"
)

// Receive returns the messages of other clients, in the order in which all clients
// receive them, until the connection ends. It ends without an error after Finish.
// Otherwise the last pair has one: a ClosedError if the server closed the
// connection or it broke, net.ErrClosed after Close, or ctx's error once ctx is
// done. After a loop was left, or its ctx is done, another Receive goes on where it
// stopped. The loop's body may call any method, Finish too: the loop then goes on with
// the messages that came until the end.
//
// It is an iterator and not a channel, so that there is nothing between the caller
// and the socket: no goroutine to stop, no buffer whose messages are lost when the
// caller leaves the loop, no second place for the error. A slow caller slows down
// the senders, through TCP, and does not use more memory.
func (c *Client) Receive(ctx context.Context) iter.Seq2[Message, error] {
	return c.messages.all(ctx)
}

// next returns the next message.
func (c *Client) next(ctx context.Context) (Message, error) {
	if c.room != nil {
		return c.nextNumbered(ctx)
	}
	for len(c.received) < wire.Size {
		if err := c.read(ctx); err != nil {
			return Message{}, err
		}
	}
	m := wire.Message(c.received[:wire.Size])
	c.received = c.received[wire.Size:]
	c.waiting.Store(int64(len(c.received) / wire.Size))
	return Message{Name: string(m.Name()), Text: string(m.Text())}, nil
}

// read waits for bytes. A part of a message that has come stays for the next
// call, whatever ends this one.
func (c *Client) read(ctx context.Context) error {
	switch {
	case c.recvErr != nil:
		return c.recvErr
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
	c.waiting.Store(int64(len(c.received) / wire.Size))
	if err == nil || n > 0 { // the next call returns the error
		return nil
	}
	err = c.cause(ctx, err)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err // and the connection goes on
	}
	c.setRecvErr(err)
	return c.recvErr
}

// setRecvErr sets the error of all further reads.
func (c *Client) setRecvErr(err error) {
	closed, isClosed := errors.AsType[*ClosedError](err)
	switch {
	case c.room != nil:
		if c.finishing.Load() {
			err = errEnd // everything had arrived before
		}
	case isClosed && errors.Is(closed.Err, io.EOF) && c.finished.Load():
		err = errEnd
	case isClosed && errors.Is(closed.Err, io.EOF) && len(c.received) > 0:
		err = &ClosedError{Err: io.ErrUnexpectedEOF}
	case errors.Is(err, net.ErrClosed) && c.finished.Load():
		err = errEnd // a connection without CloseWrite
	}
	c.recvErr = err
	if err != errEnd {
		c.failed.Store(true)
	}
	close(c.ended)
}
