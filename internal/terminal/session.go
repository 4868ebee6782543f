package terminal

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"sop-chat/client"
)

// A session keeps the user in the room: it sends the texts of the outbox, adds
// events to the inbox, and joins again when the connection breaks. A text stays in
// the outbox until the other end's TCP has acknowledged it, so that only texts
// that did not arrive are sent again, in order.
type session struct {
	dial   Dial
	ends   func(error) bool // whether no further attempt to join is made; nil if one always is
	waits  bool             // for the inbox to be taken, so that no message is dropped
	asks   bool             // for the name of the room
	inbox  *inbox
	outbox *outbox

	textTaken    chan struct{} // holds a token after the connection has taken a text
	resumed      chan struct{} // holds a token after the machine has slept
	acknowledged int           // messages of the connection over TCP that the outbox has removed
	joinedBefore bool          // the connection is not the first
	state        client.State  // of the last connection that had numbers

	ctx    context.Context // done when the session should end
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	err    error         // leave's; set before done is closed
}

func newSession(dial Dial) *session {
	s := &session{
		dial: dial, inbox: newInbox(), outbox: newOutbox(), done: make(chan struct{}),
		textTaken: make(chan struct{}, 1), resumed: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// start starts the session with its first connection, or if that is nil with an
// attempt to join.
func (s *session) start(c *client.Client) {
	go s.guard(func() {
		defer close(s.done)
		s.run(c)
	})
	go s.guard(func() { s.watchSleep(slept) })
}

// leave ends the session. It returns an UnsentError if texts were not sent or may
// not have arrived.
func (s *session) leave(timeout time.Duration) error {
	s.cancel()
	select {
	case <-s.done:
		return s.err
	case <-time.After(timeout):
		return s.leaveError(errTimeout)
	}
}

// errTimeout means that the last texts may not have arrived.
var errTimeout = errors.New("the server takes too long")

// leaveError returns an UnsentError if texts were not sent, and err otherwise.
func (s *session) leaveError(err error) error {
	if texts := s.outbox.unsent(); len(texts) > 0 {
		return &UnsentError{Texts: texts}
	}
	return err
}

// guard calls f and recovers from its panic. The model ends the program then, so
// that the terminal is restored.
func (s *session) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			s.inbox.add(failed{&panicError{p, debug.Stack()}})
		}
	}()
	f()
}

func (s *session) run(c *client.Client) {
	if c == nil {
		c = s.join(false)
	}
	for c != nil && s.ctx.Err() == nil {
		s.inbox.add(joined{s.gap(c)})
		err := s.runConnection(c)
		s.joinedBefore = true
		if c.Numbered() {
			s.state = c.State()
		}
		if s.ctx.Err() != nil {
			s.err = s.leaveError(err)
			return
		}
		if _, isKicked := errors.AsType[*client.KickedError](err); isKicked {
			s.inbox.add(failed{err})
			c = nil
			break
		}
		s.inbox.add(lost{err})
		c = s.join(true)
	}
	if c != nil {
		c.Close()
	}
	s.err = s.leaveError(nil)
}

// gap returns what is known of the time before a connection.
func (s *session) gap(c *client.Client) gap {
	switch {
	case !s.joinedBefore:
		return noGap
	case !c.Numbered():
		return mayMiss
	case !c.Resumed() && s.state.Number > 0:
		return newHistory
	}
	return noGap
}

// runConnection sends and receives until the connection or the session ends. When
// the session ends, the texts in the outbox are sent before, within leaveTimeout.
func (s *session) runConnection(c *client.Client) error {
	s.acknowledged = 0
	defer s.outbox.takeBack()
	defer s.removeArrived(c)
	var others sync.WaitGroup
	defer others.Wait()
	defer c.Close()
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	sendCtx, stopSending := context.WithCancelCause(context.Background())
	defer stopSending(nil)
	defer context.AfterFunc(s.ctx, func() { time.AfterFunc(leaveTimeout, func() { stopSending(errTimeout) }) })()
	others.Go(func() {
		s.guard(func() {
			err := s.receive(c)
			cancel(err)
			stopSending(err)
			c.Close() // or a Send could block for ever
		})
	})
	others.Go(func() { s.guard(func() { s.watch(ctx, c) }) })
	if s.asks {
		others.Go(func() { s.guard(func() { s.askName(ctx, c) }) })
	}

	err := s.send(ctx, sendCtx, c)
	switch {
	case s.ctx.Err() != nil:
		return c.Finish(sendCtx)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// askName adds an event with the name of the room, if that can be learned.
func (s *session) askName(ctx context.Context, c *client.Client) {
	if name, err := c.RoomName(ctx); err == nil {
		s.inbox.add(named{name})
	}
}

// receive adds messages to the inbox until the connection ends.
func (s *session) receive(c *client.Client) error {
	if s.joinedBefore && !c.Numbered() {
		b, err := receiveBurst(c)
		s.inbox.add(b)
		if err != nil {
			return err
		}
	}
	for m, err := range c.Receive(context.Background()) {
		if err != nil {
			return err
		}
		if s.waits {
			s.inbox.wait(s.ctx)
		}
		if m.Missed > 0 {
			s.inbox.add(missed{m.Missed})
		}
		if !m.Own {
			s.inbox.add(newReceived(m, m.Old && !c.Resumed()))
		} else if texts := s.outbox.arrived(1); texts > 0 {
			s.inbox.add(sent{texts, m.Time})
		}
	}
	return nil
}

func newReceived(m client.Message, replayed bool) received {
	r := received{at: m.Time, name: m.Name, text: m.Text, from: m.From, known: m.Number > 0, replayed: replayed}
	if !r.known {
		r.at = time.Now()
	}
	return r
}

// send sends the texts of the outbox. It ends when ctx is done and the outbox is
// empty, when sendCtx is done, or when the connection breaks.
func (s *session) send(ctx, sendCtx context.Context, c *client.Client) error {
	select {
	case <-c.CaughtUp(): // before, nobody knows which texts had arrived
	case <-sendCtx.Done():
		return context.Cause(sendCtx)
	}
	for {
		text, err := s.outbox.next(ctx)
		if err != nil {
			return err
		}
		if err := c.Send(sendCtx, text); err != nil {
			return err
		}
		notify(s.textTaken)
	}
}

// delayedAfter is how long a text may be under way before the user is told.
const delayedAfter = 2 * time.Second

// watch adds events when texts have arrived or are delayed, until ctx is done.
func (s *session) watch(ctx context.Context, c *client.Client) {
	const shortest, longest = time.Millisecond, 250 * time.Millisecond
	pause, since, reported := shortest, time.Now(), false
	before := s.outbox.progress()
	for {
		underway := s.removeArrived(c)
		if now := s.outbox.progress(); !underway || now > before {
			before = now
			since, reported = time.Now(), false
		}
		if time.Since(since) >= delayedAfter && !reported {
			reported = true
			s.inbox.add(delayed{})
		}
		var again <-chan time.Time
		if underway {
			again = time.After(pause)
			pause = min(2*pause, longest)
		}
		select {
		case <-again:
		case <-s.textTaken:
			pause = shortest
		case <-s.resumed:
			c.Probe()
		case <-ctx.Done():
			return
		}
	}
}

// removeArrived removes texts that have arrived over TCP from the outbox, and reports
// whether more are under way. With numbers, receive removes them.
func (s *session) removeArrived(c *client.Client) (underway bool) {
	if c.Numbered() {
		return s.outbox.underway()
	}
	arrived := c.Acknowledged()
	if texts := s.outbox.arrived(arrived - s.acknowledged); texts > 0 {
		s.inbox.add(sent{texts: texts})
	}
	s.acknowledged = arrived
	return s.outbox.underway()
}

// watchSleep notifies resumed when the machine has slept. The connection may be
// gone then, and there is no reason to wait before joining again.
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
			notify(s.resumed)
		}
		before = now
	}
}

// notify puts a token into a channel that has space for one.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// join tries to join until it succeeds, after a pause or at once. It returns nil when
// the session ends.
func (s *session) join(after bool) *client.Client {
	var b backoff
	var failure error
	for {
		if after && !s.pause(&b, failure) {
			return nil
		}
		s.inbox.add(joining{})
		c, err := s.dial(s.ctx, client.WithOwn(), client.Resume(s.state))
		switch {
		case err == nil:
			return c
		case s.ends != nil && s.ctx.Err() == nil && s.ends(err):
			s.inbox.add(failed{err})
			return nil
		}
		after, failure = true, err
	}
}

// pause waits before the next attempt to join. It reports false when the session ends.
func (s *session) pause(b *backoff, failure error) bool {
	pause := b.next()
	s.inbox.add(waiting{err: failure, until: time.Now().Add(pause)})
	select {
	case <-time.After(pause):
	case <-s.resumed:
		*b = backoff{}
	case <-s.ctx.Done():
		return false
	}
	return true
}
