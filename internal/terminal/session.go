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
// what happens into the inbox, and joins again when the connection broke. A text
// stays in the outbox until the system at the other end has acknowledged it, so
// that what did not arrive is sent again, in order, and nothing else is.
type session struct {
	dial   Dial
	inbox  *inbox
	outbox *outbox

	took    chan struct{} // holds a token after the connection took a text
	woken   chan struct{} // holds a token after the machine has slept
	arrived int           // messages of the connection, as far as the outbox knows

	ctx    context.Context // done when it is to end
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	err    error         // of leaving; set before that
}

func newSession(dial Dial) *session {
	s := &session{
		dial: dial, inbox: newInbox(), outbox: newOutbox(), done: make(chan struct{}),
		took: make(chan struct{}, 1), woken: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// start begins with a connection.
func (s *session) start(c *client.Client) {
	go s.guard(func() {
		defer close(s.done)
		s.run(c)
	})
	go s.guard(func() { s.watchSleep(slept) })
}

// leave ends the session, and reports what was not sent or may not have arrived.
func (s *session) leave(patience time.Duration) error {
	s.cancel()
	select {
	case <-s.done:
		return s.err
	case <-time.After(patience):
		return s.parting(errLate)
	}
}

// errLate is why what was sent last may not have arrived.
var errLate = errors.New("the server takes too long")

// parting returns what there is to say of the end, for which err is the reason.
func (s *session) parting(err error) error {
	if texts := s.outbox.unsent(); len(texts) > 0 {
		return &UnsentError{Texts: texts}
	}
	return err
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
	for c != nil && s.ctx.Err() == nil {
		s.inbox.add(joined{})
		err := s.converse(c)
		if s.ctx.Err() != nil {
			s.err = s.parting(err)
			return
		}
		s.inbox.add(lost{err})
		c = s.rejoin()
	}
	if c != nil {
		c.Close()
	}
	s.err = s.parting(nil)
}

// converse sends and receives until the connection ends, or the session does,
// which may take the farewell for what is in the outbox.
func (s *session) converse(c *client.Client) error {
	s.arrived = 0
	defer s.outbox.takeBack()
	defer s.settle(c)
	var others sync.WaitGroup
	defer others.Wait()
	defer c.Close()
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	life, end := context.WithCancelCause(context.Background())
	defer end(nil)
	defer context.AfterFunc(s.ctx, func() { time.AfterFunc(farewell, func() { end(errLate) }) })()
	others.Go(func() {
		s.guard(func() {
			cancel(s.receive(c))
			c.Close() // or a Send that is under way could wait for ever
		})
	})
	others.Go(func() { s.guard(func() { s.watch(ctx, c) }) })

	err := s.send(ctx, life, c)
	switch {
	case s.ctx.Err() != nil:
		return c.Finish(life)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
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

// send sends what is in the outbox until ctx is done and nothing is in it any
// more, life is done, or the connection broke.
func (s *session) send(ctx, life context.Context, c *client.Client) error {
	for {
		text, err := s.outbox.next(ctx)
		if err != nil {
			return err
		}
		if err := c.Send(life, text); err != nil {
			return err
		}
		notify(s.took)
	}
}

// slow is how long a text may be under way before its user is told.
const slow = 2 * time.Second

// watch tells which texts have arrived, until ctx is done.
func (s *session) watch(ctx context.Context, c *client.Client) {
	const shortest, longest = time.Millisecond, 250 * time.Millisecond
	pause, since, told := shortest, time.Now(), false
	for {
		before := s.arrived
		underway := s.settle(c)
		if !underway || s.arrived > before {
			since, told = time.Now(), false
		}
		if time.Since(since) >= slow && !told {
			told = true
			s.inbox.add(delayed{})
		}
		var again <-chan time.Time
		if underway {
			again = time.After(pause)
			pause = min(2*pause, longest)
		}
		select {
		case <-again:
		case <-s.took:
			pause = shortest
		case <-s.woken:
			c.Probe()
		case <-ctx.Done():
			return
		}
	}
}

// settle removes from the outbox what has arrived, and reports whether there is
// more under way.
func (s *session) settle(c *client.Client) (underway bool) {
	arrived := c.Acknowledged()
	if texts := s.outbox.arrived(arrived - s.arrived); texts > 0 {
		s.inbox.add(sent{texts})
	}
	s.arrived = arrived
	return s.outbox.underway()
}

// watchSleep tells when the machine has slept: the connection may be gone then,
// and there is no reason to wait with another one.
func (s *session) watchSleep(slept func() time.Duration) {
	const every, noticeable = 2 * time.Second, 5 * time.Second
	again := time.NewTicker(every)
	defer again.Stop()
	for before := slept(); ; {
		select {
		case <-again.C:
		case <-s.ctx.Done():
			return
		}
		now := slept()
		if now-before > noticeable {
			notify(s.woken)
		}
		before = now
	}
}

// notify puts a token into a channel that holds one.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
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
		case <-s.woken:
			p = pauses{}
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
