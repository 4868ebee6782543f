package client

import (
	"context"
	"errors"
	"net"

	"sop-chat/internal/wire"
)

// joinPage joins through the page at addr, over a WebSocket.
func (c *Client) joinPage(ctx context.Context, addr string, first *wire.Message, o options) (err error) {
	if o.tls != nil && !hasScheme(addr, "https") {
		return errors.New(addr + " is not reached over TLS; with WithTLS the address begins with https://")
	}
	if c.socket, err = dialWebSocket(ctx, addr, o); err != nil {
		return err
	}
	c.link, c.conn = c.socket.link, c.socket.link
	resume := interrupt(ctx, c.conn.SetDeadline)
	admitted, err := c.socket.authenticate(first)
	resume()
	refused, isRefused := errors.AsType[*RefusedError](err)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case isRefused:
		err = &RefusedError{Addr: addr, Reason: refused.Reason}
	case endOfStream(err):
		err = &RefusedError{Addr: addr}
	case err == nil && admitted.echo != *first:
		err = &NotAChatError{Addr: addr}
	}
	if err != nil {
		c.socket.close()
		return err
	}
	c.room = newRoom(c.name, o.own, admitted, o.state)
	about := newSite(addr, key(first), o)
	if next := c.room.next; next < admitted.number {
		c.past = newPast(about, o, next, admitted.number-1)
	}
	if o.conn == nil {
		c.about = about
	}
	c.socket.start()
	return nil
}

// key returns the key of a first message.
func key(first *wire.Message) string { return string(first.Text()) }

func (c *Client) closePage() error {
	if c.past != nil {
		c.past.cancel() // what is under way
	}
	return c.socket.close()
}

// nextNumbered returns the next message that came through a page.
func (c *Client) nextNumbered(ctx context.Context) (Message, error) {
	for {
		switch {
		case c.recvErr != nil:
			return Message{}, c.recvErr
		case ctx.Err() != nil:
			return Message{}, context.Cause(ctx)
		}
		if m, ok, err := c.nextMissed(ctx); ok || err != nil {
			return m, err
		}
		if m, ok := c.room.message(); ok {
			return m, nil
		}
		c.noteProgress()
		f, err := c.socket.next(ctx)
		if err == nil {
			err = c.room.take(f)
		}
		if err == nil {
			continue
		}
		return Message{}, c.fail(ctx, err)
	}
}

// fail returns the error of a call with ctx that failed. Unless ctx is done, it is the
// error of all further calls.
func (c *Client) fail(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err // and the connection goes on
	}
	c.setRecvErr(c.cause(ctx, err))
	return c.recvErr
}

// nextMissed returns the next message of the past. It reports false if there is none,
// or no more of it.
func (c *Client) nextMissed(ctx context.Context) (Message, bool, error) {
	for c.past != nil && !c.past.over {
		m, ok, err := c.past.message(ctx)
		switch {
		case c.closed.Load():
			return Message{}, false, net.ErrClosed
		case err != nil:
			return Message{}, false, c.fail(ctx, err)
		case !ok:
			c.room.skip(c.past.end)
			c.past.close()
		default:
			c.room.skip(m.Number - 1)
			if m, ok := c.room.recall(m); ok {
				return m, true, nil
			}
		}
	}
	return Message{}, false, nil
}

// noteProgress is called when all that has come was handled.
func (c *Client) noteProgress() {
	if !c.room.hasCaughtUp() {
		return
	}
	select {
	case <-c.caughtUp:
	default:
		close(c.caughtUp)
	}
	c.finishPage()
}

// finishPage ends the connection in order after Finish, when everything that was sent
// is acknowledged.
func (c *Client) finishPage() {
	if c.finished.Load() && c.room.settled() && !c.finishing.Swap(true) {
		c.socket.finish()
	}
}
