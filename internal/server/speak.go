//go:build linux

package server

import (
	"context"
	"errors"
	"sync"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// Besides its members, the server itself may say something in a room. All appends are the
// loops': they alone know when a room is closed, and all that is appended stands still when
// they do. So what is to be said goes to the first loop, which appends it in its next
// wake-up, or answers at once why it can't. It is nobody's message, so all members receive
// it.

const (
	// MaxSpeech is how many messages may be said at once.
	MaxSpeech = 64
	// mostSpeeches is how many speeches may wait for the first loop.
	mostSpeeches = 1024
)

// Why nothing was said.
var (
	ErrHeld       = errors.New("a client or the history holds the room up, so nobody's messages are taken; try again in some seconds")
	ErrTooMany    = errors.New("too much waits to be said already")
	ErrRoomClosed = errClosed
	ErrEnded      = errEnded
)

// A speech is what is to be said in a room.
type speech struct {
	room     *Room
	from     *broadcast.Sender
	messages []wire.Message
	done     chan<- spoken // has space
}

// spoken is what came of a speech.
type spoken struct {
	number uint64 // of the first message; 0 if it is not known yet
	err    error
}

// Speak says messages in a room, one at least and MaxSpeech at most, which follow one
// another, and returns the number of the first; 0 if the room relays, since that is known
// only when they have come back. It waits for the first loop's next wake-up,
// which there is none of before the server serves, and for nothing else: if the room is
// held, nothing is said, and the error is ErrHeld. If ctx is done before, they may be said
// all the same. The messages are from's for the console and the history, whatever name they
// have.
func (s *Server) Speak(ctx context.Context, room *Room, from *broadcast.Sender, messages ...wire.Message) (number uint64, err error) {
	if len(messages) == 0 || len(messages) > MaxSpeech {
		panic("server: a speech has too few messages, or too many")
	}
	done := make(chan spoken, 1)
	s.speaker.put(speech{room, from, messages, done})
	select {
	case answer := <-done:
		return answer.number, answer.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// A speaker has what the first loop is to say in rooms. Its methods but for those of
// announce.go that say so may be called by any goroutine.
type speaker struct {
	announcer
	absent absent

	mu       sync.Mutex
	wake     func()   // wakes the first loop; nil before there is one
	closed   bool     // guarded by mu
	speeches []speech // guarded by mu
	rooms    []*Room  // guarded by mu; with something to be announced, which the loop has not taken
}

// newSpeaker returns a speaker that speaks under a name.
func newSpeaker(name string) *speaker {
	return &speaker{announcer: announcer{sender: &broadcast.Sender{Name: name}}}
}

// Sender returns the sender of what the server says by itself.
func (s *Server) Sender() *broadcast.Sender { return s.speaker.sender }

// useSpeaker has the loop say what a speaker has.
func (l *loop) useSpeaker(s *speaker) {
	l.speaker = s
	s.open(l.kernel.Wake)
}

// open sets what wakes the first loop, and wakes it for what waits already.
func (s *speaker) open(wake func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake = wake
	wake()
}

// put adds a speech, or answers it.
func (s *speaker) put(what speech) {
	s.mu.Lock()
	defer s.mu.Unlock() // so that it wakes no loop that has been destroyed
	switch {
	case s.closed:
		what.done <- spoken{err: ErrEnded}
	case len(s.speeches) == mostSpeeches:
		what.done <- spoken{err: ErrTooMany}
	default:
		s.speeches = append(s.speeches, what)
		s.wakeForFirst()
	}
}

// wakeForFirst wakes the loop for the first that waits. The caller holds the lock.
func (s *speaker) wakeForFirst() {
	if s.wake != nil && len(s.speeches)+len(s.rooms) == 1 {
		s.wake()
	}
}

// take returns what waits.
func (s *speaker) take() ([]speech, []*Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	speeches, rooms := s.speeches, s.rooms
	s.speeches, s.rooms = nil, nil
	return speeches, rooms
}

// close answers what waits, and whatever comes later.
func (s *speaker) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, what := range s.speeches {
		what.done <- spoken{err: ErrEnded}
	}
	s.closed, s.wake, s.speeches, s.rooms = true, nil, nil, nil
}

// speak says what waits, and announces what is due.
func (l *loop) speak() {
	l.speaker.absent.giveUpLate(l.now)
	speeches, rooms := l.speaker.take()
	for _, what := range speeches {
		number, err := l.sayAll(what.room, what.from, what.messages)
		what.done <- spoken{number, err}
	}
	l.announceDue(rooms)
}

// sayAll appends messages to a room's log, or to the outgoing one, if that takes them now.
// The batch of the loop is empty between two audiences.
func (l *loop) sayAll(room *Room, from *broadcast.Sender, messages []wire.Message) (number uint64, err error) {
	log, batch := room.input(), l.common.batch
	switch {
	case room.closing.Load(): // the log is closed after that, but not before this loop has closed the room
		return 0, ErrRoomClosed
	case log.Held():
		return 0, ErrHeld
	}
	for i := range messages {
		batch.Add(from, copy(batch.Free(), messages[i][:]))
	}
	l.counts.messages += uint64(len(messages))
	if log == room.log {
		number = log.Number(log.End())
	}
	log.Append(batch, l.wall)
	log.Wake(nil)
	return number, nil
}
