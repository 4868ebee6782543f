package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// joinTimeout is how long an attempt to join again may take.
const joinTimeout = 15 * time.Second

// next returns the next event. It is called with the turn of s.events, and so is what
// it calls.
func (s *Session) next(ctx context.Context) (e Event, err error) {
	for {
		switch {
		case len(s.ready) > 0:
			e, s.ready = s.ready[0], s.ready[1:]
			return e, nil
		case s.err != nil:
			return nil, s.err
		case s.ctx.Err() != nil:
			return nil, s.end(net.ErrClosed)
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case s.conn == nil: // only changed with the turn
			e, err = s.join(ctx)
		case s.burst != nil:
			err = s.receiveBurst(ctx)
		default:
			e, err = s.receive(ctx)
		}
		if e != nil || err != nil {
			return e, err
		}
	}
}

// end ends the session. If that is because of Close, this is the error, whatever has come of
// it meanwhile.
func (s *Session) end(err error) error {
	if s.ctx.Err() != nil {
		err = net.ErrClosed
	}
	s.err = err
	close(s.ended)
	return err
}

// dial tries to join.
func (s *Session) dial(ctx context.Context) (*Client, error) {
	return Dial(ctx, s.addr, s.name, s.key, append(slices.Clip(s.options), Resume(s.state))...)
}

// join joins again when it is time for that.
func (s *Session) join(ctx context.Context) (Event, error) {
	for pause := time.Until(s.retryAt); pause > 0 && !s.queue.isDone(); pause = time.Until(s.retryAt) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.queue.changed: // perhaps there is nothing more to be sent
		case <-s.ctx.Done():
		case <-ctx.Done():
		}
		timer.Stop()
		if s.ctx.Err() != nil || ctx.Err() != nil {
			return nil, nil
		}
	}
	if s.queue.isDone() {
		return nil, s.end(errEnd)
	}
	limited, cancel := context.WithTimeoutCause(ctx, joinTimeout, fmt.Errorf("%s does not answer", s.addr))
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	c, err := s.dial(limited)
	refused, _ := errors.AsType[*RefusedError](err)
	switch {
	case err == nil:
		s.connected(c)
		return nil, nil
	case s.ctx.Err() != nil || ctx.Err() != nil:
		return nil, nil
	case refused != nil && refused.Reason == WrongKey, isKicked(err):
		return nil, s.end(err)
	}
	return s.retry(err), nil
}

// retry schedules the next attempt to join.
func (s *Session) retry(why error) Event {
	s.retryAt = time.Now().Add(s.pauses.next())
	return Disconnected{Err: why, Retry: s.retryAt}
}

// connected takes a connection that has joined.
func (s *Session) connected(c *Client) {
	s.ready = append(s.ready, Joined{Again: s.again, Resumed: c.Resumed()})
	s.again, s.pauses = true, pauses{first: s.pauses.first}
	ctx, stop := context.WithCancel(s.ctx)
	settled := make(chan struct{})
	s.settle, s.stop = func() { close(settled) }, stop
	if s.burst = nil; !c.Numbered() {
		s.burst = &burst{until: time.Now().Add(longestBurst)}
	}
	if s.burst == nil || len(s.queue.tried()) == 0 {
		s.settle()
		s.settle = func() {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.acked, s.sendErr = c, 0, nil
	if s.closed {
		c.Close()
		return
	}
	s.sender.Go(func() { s.send(ctx, c, settled) })
}

// send sends what is in the queue until the connection ends. Before, it waits until it
// is known which messages had arrived over the former one.
func (s *Session) send(ctx context.Context, c *Client, settled <-chan struct{}) {
	for _, known := range []<-chan struct{}{settled, c.CaughtUp()} {
		select {
		case <-known:
		case <-ctx.Done():
			return
		}
	}
	s.removeAcknowledged() // what had arrived over the former one
	var err error
	for err == nil {
		var text string
		if text, err = s.queue.take(ctx); err == nil {
			err = c.Send(ctx, text)
		}
	}
	if errors.Is(err, errFinished) {
		err = c.finishSending(ctx)
	}
	if err != nil && ctx.Err() == nil {
		s.mu.Lock()
		s.sendErr = err
		s.mu.Unlock()
		c.Close() // what receives notices that
	}
}

// receive returns the next message, or that the connection has ended.
func (s *Session) receive(ctx context.Context) (Event, error) {
	m, err := s.conn.messages.one(ctx)
	switch {
	case err == nil:
		if !s.conn.Numbered() {
			s.record.add(m)
		}
		return m, nil
	case !s.conn.hasEnded():
		return nil, err // of ctx
	case s.ctx.Err() != nil:
		return nil, s.end(net.ErrClosed)
	}
	return s.lost(err)
}

// hasEnded reports whether nothing more can be received.
func (c *Client) hasEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// lost ends the connection, and the session if all is done.
func (s *Session) lost(err error) (Event, error) {
	c := s.conn
	s.stop()
	c.Close()
	s.sender.Wait()
	s.removeAcknowledged()
	s.mu.Lock()
	s.conn = nil
	if errors.Is(err, net.ErrClosed) && s.sendErr != nil {
		err = s.sendErr
	}
	s.mu.Unlock()
	if c.Numbered() {
		s.state = c.State()
	}
	s.queue.takeBack()
	if errors.Is(err, errEnd) { // the server has taken everything
		s.queue.arrived(len(s.queue.texts()))
	}
	if s.queue.isDone() {
		return nil, s.end(errEnd)
	}
	if isKicked(err) {
		return nil, s.end(err)
	}
	return s.retry(err), nil
}

// isKicked reports whether an operator does not want the client to come back.
func isKicked(err error) bool {
	_, is := errors.AsType[*KickedError](err)
	return is
}

// removeAcknowledged removes from the queue what the connection knows to have arrived.
func (s *Session) removeAcknowledged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return
	}
	acked := s.conn.Acknowledged()
	texts := s.queue.arrived(acked - s.acked)
	s.acked = acked
	if !s.conn.Numbered() {
		s.record.addOwn(texts)
	}
}
