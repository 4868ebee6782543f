package terminal

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"sop-chat/client"
)

// A session keeps its user in the room: it sends what is in the outbox, puts
// what happens into the inbox, and joins again when the connection broke. What
// could not be sent stays in the outbox until it can. A text whose sending
// failed half-way is sent again, because twice is better than never.
type session struct {
	dial   Dial
	inbox  *inbox
	outbox *outbox

	ctx    context.Context // done when it is to end
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	err    error         // of leaving; set before that
}

func newSession(dial Dial) *session {
	s := &session{dial: dial, inbox: newInbox(), outbox: newOutbox(), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// start begins with a connection.
func (s *session) start(c *client.Client) {
	go s.guard(func() {
		defer close(s.done)
		s.run(c)
	})
}

// leave ends the session, and reports what may not have arrived.
func (s *session) leave(patience time.Duration) error {
	s.cancel()
	select {
	case <-s.done:
		return s.err
	case <-time.After(patience):
		return errors.New("what was sent last may not have arrived: the server takes too long")
	}
}

// guard calls f. If it panics, the terminal has to be restored before the
// program ends, which is for the other side of the inbox to do.
func (s *session) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			s.inbox.add(failed{&mistakeError{p, debug.Stack()}})
		}
	}()
	f()
}

func (s *session) run(c *client.Client) {
	for s.ctx.Err() == nil {
		s.inbox.add(joined{})
		err := s.converse(c)
		if s.ctx.Err() != nil {
			s.err = err
			return
		}
		s.inbox.add(lost{err})
		if c = s.rejoin(); c == nil {
			return
		}
	}
	c.Close()
}

// converse sends and receives until the connection ends, or the session does.
func (s *session) converse(c *client.Client) error {
	defer c.Close()
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	var receiver sync.WaitGroup
	receiver.Go(func() { s.guard(func() { cancel(s.receive(c)) }) })
	defer receiver.Wait()

	err := s.send(ctx, c)
	if s.ctx.Err() == nil {
		c.Close()
		return err
	}
	leaving, stop := context.WithTimeout(context.Background(), farewell)
	defer stop()
	defer c.Close()
	return c.Finish(leaving)
}

// receive puts messages into the inbox until the connection ends.
func (s *session) receive(c *client.Client) error {
	for m, err := range c.Receive(context.Background()) {
		if err != nil {
			return err
		}
		s.inbox.add(received{at: time.Now(), name: m.Name, text: m.Text})
	}
	return nil
}

// send sends what is in the outbox, until ctx is done or the connection broke.
func (s *session) send(ctx context.Context, c *client.Client) error {
	for {
		text, err := s.outbox.first(ctx)
		if err != nil {
			return err
		}
		if err := c.Send(ctx, text); err != nil {
			return err
		}
		s.outbox.remove()
		s.inbox.add(sent{texts: 1})
	}
}

// rejoin tries to join until it is let in. It returns nil when the session ends.
func (s *session) rejoin() *client.Client {
	var p pauses
	var failure error
	for {
		pause := p.next()
		s.inbox.add(waiting{err: failure, until: time.Now().Add(pause)})
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
			return nil
		}
		s.inbox.add(joining{})
		c, err := s.dial(s.ctx)
		if err == nil {
			return c
		}
		failure = err
	}
}
