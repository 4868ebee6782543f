package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sop-chat/client"
	"sop-chat/internal/console"
	"sop-chat/internal/english"
)

// StayOptions are those of a client that stays in the room.
type StayOptions struct {
	PlainOptions
	// Dial joins; Stay calls it whenever there is no connection.
	Dial Dial
	// Ends reports whether an error of Dial is one that does not pass, so that no
	// further attempt is made. joined says whether an attempt has ever succeeded.
	Ends func(err error, joined bool) bool
	// Name is the user name; Room is the address as it is shown.
	Name, Room string
	// Notices gets a line for each change of the connection.
	Notices io.Writer
}

// Stay is Plain for services: it joins by itself, again and again, and the end of the
// input does not end it. The lines that are not acknowledged when a connection ends
// are sent over the next, and what is replayed is not printed again.
//
// It ends as Plain does when nobody reads the output any more, when the input has a
// zero byte, and with ctx's cause once ctx is done; and when Ends says so of an error.
func Stay(ctx context.Context, o StayOptions) error {
	s := newStay(o)
	s.session.start(nil)
	input := make(chan error, 1)
	go func() { input <- eachLine(o.In, s.say) }()
	printed := make(chan error, 1)
	go func() { printed <- s.handleEvents() }()
	hangup := Hangup(s.session.ctx, o.Out)

	err := s.wait(ctx, input, printed, hangup)
	leaveErr := s.session.leave(leaveTimeout)
	if ctx.Err() != nil {
		select {
		case <-printed:
			s.handle(s.session.inbox.empty())
		case <-time.After(leaveTimeout): // nobody reads the output
		}
	}
	if errors.Is(err, errBrokenPipe) {
		err = nil
	}
	if unsent, ok := errors.AsType[*UnsentError](leaveErr); ok {
		unsent.Err = err
		return unsent
	}
	if err != nil {
		return err
	}
	return leaveErr
}

// A stay is a client that stays in the room: a session whose events are printed.
type stay struct {
	StayOptions
	session *session
	json    console.JSONWriter
	record  record // only of what came over TCP
	joined  bool   // at least once
	failure string // why joining has failed, as it was last said
	slots   chan struct{}

	mu     sync.Mutex
	unsent []string // texts of the session that have not arrived, oldest first
}

func newStay(o StayOptions) *stay {
	s := &stay{
		StayOptions: o, session: newSession(o.Dial), json: console.NewJSONWriter(),
		slots: make(chan struct{}, maxUnsent),
	}
	s.session.waits = true
	s.session.ends = func(err error) bool { return o.Ends(err, s.session.joinedBefore) }
	return s
}

// wait waits until there is a reason to leave. It never returns nil.
func (s *stay) wait(ctx context.Context, input, printed <-chan error, hangup <-chan struct{}) error {
	for {
		select {
		case err := <-input:
			if err != nil {
				return err
			}
		case err := <-printed:
			return err
		case <-hangup:
			return errBrokenPipe
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// say queues a line. It waits while too many are queued, until the session ends.
func (s *stay) say(line string) error {
	if i := strings.IndexByte(line, 0); i >= 0 {
		return &client.ZeroByteError{Field: "text", Position: i}
	}
	select {
	case s.slots <- struct{}{}:
	case <-s.session.ctx.Done():
		return context.Cause(s.session.ctx)
	}
	s.mu.Lock()
	s.unsent = append(s.unsent, line)
	s.mu.Unlock()
	s.session.outbox.add(line)
	return nil
}

// markSent is called when the oldest unsent texts have arrived.
func (s *stay) markSent(e sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range e.texts {
		if e.at.IsZero() {
			for _, part := range client.Split(s.unsent[0]) {
				s.record.addSent(said{s.Name, part})
			}
		}
		s.unsent = s.unsent[1:]
		<-s.slots
	}
}

// handleEvents handles events until the session fails or ends.
func (s *stay) handleEvents() error {
	for {
		events := s.session.inbox.take(s.session.ctx)
		if events == nil {
			return nil
		}
		if err := s.handle(events); err != nil {
			return err
		}
	}
}

// handle prints the messages among some events, and tells of the others.
func (s *stay) handle(events []event) error {
	var lines []byte
	for _, e := range events {
		switch e := e.(type) {
		case received:
			lines = s.appendReceived(lines, e)
		case burst:
			for _, f := range s.record.fresh(e, s.Name) {
				if !f.own {
					lines = s.appendReceived(lines, f.received)
				}
			}
			s.record.endReplay()
		case sent:
			s.markSent(e)
		case failed:
			return e.err
		default:
			s.connection(e)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return s.print(lines)
}

func (s *stay) appendReceived(dst []byte, r received) []byte {
	m := client.Message{Name: r.name, Text: r.text, From: r.from, Time: r.at}
	if r.known {
		m.Number = 1 // any
	} else {
		s.record.add(said{r.name, r.text}, s.Name)
	}
	return s.append(dst, s.json, m)
}

// connection tells of an event of the connection.
func (s *stay) connection(e event) {
	switch e := e.(type) {
	case joined:
		if e.gap == mayMiss {
			s.mu.Lock()
			s.record.expectReplay(s.unsent)
			s.mu.Unlock()
		}
		if s.joined || s.failure != "" {
			s.notice(fmt.Sprintf("joined %s as %s%s", s.Room, s.Name, e.gap.words()))
		}
		s.joined, s.failure = true, ""
	case lost:
		s.notice(fmt.Sprintf("%s: %v; joining again, and lines of the input are sent then", s.Room, e.err))
	case waiting:
		if e.err != nil && e.err.Error() != s.failure { // and not again with each attempt
			s.failure = e.err.Error()
			s.notice(s.failure + "; trying again, at least every 30 s")
		}
	case missed:
		s.notice(fmt.Sprintf("%s %s missing here, and no longer on the server",
			english.Count(e.messages, "message"), english.Are(e.messages)))
	}
}

func (s *stay) notice(text string) { fmt.Fprintf(s.Notices, "sop-chat: %s\n", text) }
