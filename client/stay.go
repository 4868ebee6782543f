package client

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// A Session is a client that stays in a room: when the connection ends, it joins again,
// receives what was said meanwhile, and sends again what did not arrive.
//
//	s, err := client.Stay(ctx, "https://chat.example.com", "alice", "key")
//	if err != nil {
//		return err
//	}
//	defer s.Close()
//	for event, err := range s.Events(ctx) {
//		if err != nil {
//			return err
//		}
//		switch e := event.(type) {
//		case client.Message:
//			…
//		case client.Disconnected:
//			log.Printf("%v; joining again", e.Err)
//		}
//	}
//
// All methods may be called by any goroutine, also inside the loop over Events. That
// loop is what receives and joins again, so a program should have one even if it only
// wants to send.
type Session struct {
	addr, name, key string
	options         []Option
	strict          bool
	about           *site // see Client

	events *stream[Event]
	queue  *queue
	ctx    context.Context // done when the session is closed
	cancel context.CancelFunc
	ended  chan struct{} // closed when err is set

	// With the turn of events:
	err     error   // why there are no more
	record  record  // of what came over TCP; its own messages with mu
	ready   []Event // to be returned first
	state   State
	again   bool      // the next connection is not the first
	pauses  pauses    // since the last connection
	retryAt time.Time // when to join again
	burst   *burst    // nil if nothing that comes may be a replay
	settle  func()    // lets the sender begin
	stop    func()    // ends it

	mu      sync.Mutex
	conn    *Client // nil between connections; changed only with the turn of events
	acked   int     // messages of conn that the queue has removed
	sendErr error   // with which its sender failed
	closed  bool
	sender  sync.WaitGroup // begins nothing after closed is set
}

// An Event is a Message, Joined or Disconnected.
type Event interface{ isEvent() }

// Joined is the event that a connection has joined the room.
type Joined struct {
	// Again says that it is not the first connection of the session.
	Again bool
	// Resumed says that nothing was missed since the last connection except what
	// Message.Missed counts. It is false if this is the first connection without
	// Resume, over plain TCP, and if the server was started again without a history.
	Resumed bool
}

// Disconnected is the event that the connection has ended, or that an attempt to join
// again has failed.
type Disconnected struct {
	Err   error     // why
	Retry time.Time // when the next attempt begins
}

func (Message) isEvent()      {}
func (Joined) isEvent()       {}
func (Disconnected) isEvent() {}

// maxQueue is how many messages may wait for acknowledgement, unless WithQueue says
// something else.
const maxQueue = 1000

// WithQueue sets how many messages of a Session may wait until they are acknowledged,
// 1,000 if it is not used. It has no effect on Dial.
func WithQueue(messages int) Option {
	return func(o *options) { o.queue = messages }
}

// Stay joins a room as Dial does, with its errors, and stays there until Close, Finish,
// or an error that joining again does not mend: a key that is wrong now, or an operator
// that disconnects the client. It takes the options of Dial except WithConn. Events has to be called for more than sending over
// the first connection.
//
// After the connection has ended, the session joins again after a second, then two, four
// and so on, up to 30 seconds, less up to a quarter at random.
//
// Through a page, each message of others is received once and in order, see Resume, and
// each of one's own is in the room once. Over plain TCP nothing is known for certain:
//
//   - What comes right after joining, without a pause of 0.3 seconds and for 2 seconds at
//     most, may be a replay, and has Message.Old set. The part of it that was received
//     before the connection ended is recognised, among the last 10,000 messages, and
//     left out, and so are one's own messages. What was said meanwhile and is not
//     replayed is missing.
//   - A message that was sent and not acknowledged is sent again, unless it is replayed.
//     It arrives twice if only the acknowledgement was lost, and is lost if the server
//     had acknowledged it and not read it.
func Stay(ctx context.Context, addr, name, key string, opts ...Option) (*Session, error) {
	o := options{queue: maxQueue, pause: firstPause}
	for _, option := range opts {
		option(&o)
	}
	if o.conn != nil {
		o.conn.Close()
		return nil, errors.New("Stay makes connections by itself, and can't use that of WithConn")
	}
	for o.state.Client == 0 {
		o.state.Client = rand.Uint64()
	}
	s := &Session{
		addr: addr, name: strings.TrimSpace(name), key: key, options: opts, strict: o.strict,
		queue: newQueue(o.queue, o.state.Unacknowledged), ended: make(chan struct{}),
		state: o.state, pauses: pauses{first: o.pause},
	}
	s.events = newStream(s.next)
	c, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	s.about = c.about
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.connected(c)
	return s, nil
}

// Name returns the name of the session, blanks cut off.
func (s *Session) Name() string { return s.name }

// Events returns what happens: Joined for the first connection, then messages, and when
// the connection ends Disconnected and later Joined. It ends without an error after
// Finish. Otherwise the last pair has one: ctx's error once ctx is done, after which
// another call goes on; net.ErrClosed after Close; a RefusedError whose Reason is
// WrongKey; or an error with a KickedError.
//
// As with Receive, a slow caller slows down the senders. It should not be slower than
// the room: a server disconnects clients that hold up the others.
func (s *Session) Events(ctx context.Context) iter.Seq2[Event, error] {
	return s.events.all(ctx)
}

// ErrQueueFull is why Send fails if too many messages wait.
var ErrQueueFull = errors.New("too many messages wait until they are acknowledged")

// Send queues a text, which is sent as soon as there is a connection, and again over
// the next one if it did not arrive. It never waits. A text that is longer than MaxText
// becomes several messages.
//
// It fails with ErrQueueFull, a ZeroByteError, after Strict with a TextTooLongError, and
// after Finish and Close. Then nothing of the text is sent.
func (s *Session) Send(text string) error {
	if s.strict && len(text) > MaxText {
		return &TextTooLongError{Length: len(text)}
	}
	if err := checkZero("text", text); err != nil {
		return err
	}
	s.removeAcknowledged()
	return s.queue.add(Split(text))
}

// Unacknowledged returns the messages of Send that were not acknowledged, oldest first,
// see Client.Unacknowledged. After Finish has failed, or after Close, these may not have
// arrived.
func (s *Session) Unacknowledged() []string {
	s.removeAcknowledged()
	return s.queue.texts()
}

// State returns the state of the session, for a program that is started again later: Stay
// with Resume goes on from there. Call it after Close or Finish, when no loop over Events
// is under way.
func (s *Session) State() State {
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	state := s.state
	if c != nil && c.Numbered() {
		state = c.State()
	}
	state.Unacknowledged = s.Unacknowledged()
	return state
}

// Finish ends the session in order, when all that was sent is acknowledged. If the
// connection is lost meanwhile, it joins again for that. Messages that come are
// discarded, unless a loop over Events is under way, which then ends without an error.
//
// It fails once ctx is done, and if the session ends otherwise. In any case it ends.
func (s *Session) Finish(ctx context.Context) error {
	defer s.Close()
	s.queue.finish()
	if err := s.events.drain(ctx, s.ended); err != nil {
		return err
	}
	if !errors.Is(s.err, errEnd) {
		return s.err
	}
	return nil
}

// Close ends the session at once. The last messages of Send may be lost, see Finish and
// Unacknowledged.
func (s *Session) Close() error {
	s.cancel() // before what would look like Finish
	s.queue.finish()
	s.mu.Lock()
	s.closed = true
	c := s.conn
	s.mu.Unlock()
	if c != nil {
		c.Close()
	}
	s.sender.Wait()
	return nil
}
