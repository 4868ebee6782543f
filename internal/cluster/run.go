package cluster

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// tickTime is how often the core looks for what is due.
	tickTime = 50 * time.Millisecond
	// callTimeout is how long a call on the stream may take.
	callTimeout = 5 * time.Second
	// maxCalls is how many calls on the stream may be under way.
	maxCalls = 256
)

// A runner is a link that runs. Its methods belong to the goroutine of Run, but for those
// called by call.
type runner struct {
	*Link
	*core
	ctx    context.Context
	calls  chan func() // belong to the goroutine of Run, too
	wg     sync.WaitGroup
	slots  chan struct{}
	events chan func() error

	reading reading
}

// reading is how the stream is read.
type reading struct {
	messages chan readMessage
	round    int // of readers; what older ones have read is not looked at
	cancel   context.CancelFunc
	retry    time.Time // when another is opened; zero: there is one, or it is being opened
	tries    int
}

// A readMessage is what a reader has read, or why it ended.
type readMessage struct {
	round int
	Message
	err error
}

// Run has the link work until ctx is done, and returns its error then; or until it can't go
// on: the error is then ErrFenced, ErrTooFarBehind or ErrStreamReplaced, and the link is of
// no use any more. While the stream can't be reached, it tries again and again, see Stats.
func (l *Link) Run(ctx context.Context) error {
	run, cancel := context.WithCancel(ctx)
	u := &runner{
		Link: l, core: l.core, ctx: run, calls: make(chan func()), slots: make(chan struct{}, maxCalls),
		events: make(chan func() error), reading: reading{messages: make(chan readMessage, 256), cancel: func() {}},
	}
	l.mu.Lock()
	l.calls, l.ended = u.calls, make(chan struct{})
	l.mu.Unlock()
	defer func() {
		cancel()
		u.wg.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.calls = nil
		close(l.ended)
		l.stats.set(l.core)
	}()
	u.resume()
	u.open()
	return u.loop()
}

func (u *runner) loop() error {
	ticker := time.NewTicker(tickTime)
	defer ticker.Stop()
	if err := u.tick(time.Now()); err != nil {
		return err
	}
	for {
		u.act()
		messages := u.reading.messages
		if !u.wantsMore() {
			messages = nil
		}
		var err error
		select {
		case m := <-messages:
			err = u.take(m)
		case event := <-u.events:
			err = event()
		case call := <-u.calls:
			call()
		case <-u.wakes.some:
			rooms, recalls := u.wakes.take()
			for _, r := range rooms {
				u.publish(r)
			}
			for _, q := range recalls {
				u.recall(q.room, q.client, q.from, q.done)
			}
		case <-u.Link.freed:
			err = u.core.freed()
		case now := <-ticker.C:
			if now.Sub(u.now) > callTimeout { // the process was stopped
				u.doubted = time.Time{} // for how long is not known
				u.open()
			}
			if err = u.tick(now); !u.reading.retry.IsZero() && now.After(u.reading.retry) {
				u.open()
			}
			u.Link.stats.set(u.core)
		case <-u.ctx.Done():
			return context.Cause(u.ctx)
		}
		if err != nil {
			return err
		}
	}
}

// act does what the core wants done.
func (u *runner) act() {
	for _, action := range u.actions {
		switch a := action.(type) {
		case publishAction:
			u.call(func(ctx context.Context) func() error {
				_, err := u.config.Stream.Publish(ctx, a.subject, a.last, a.data)
				return func() error { u.published(a, err); return nil }
			})
		case askAction:
			u.call(func(ctx context.Context) func() error {
				last, info, err := u.ask(ctx, a.subject)
				return func() error { return u.answered(a.room, last, info, err) }
			})
		case catchAction:
			u.call(func(ctx context.Context) func() error {
				m, first, err := u.next(ctx, u.prefix+"."+token(a.room.name)+".*", a.from)
				return func() error { return u.caught(a.room, m, first, err) }
			})
		case recallAction:
			u.call(func(ctx context.Context) func() error {
				_, err := u.config.Stream.Publish(ctx, a.subject, AnyLast, a.data)
				return func() error { u.recalled(a, err); return nil }
			})
		case lookAction:
			u.call(func(ctx context.Context) func() error {
				subjects, err := u.config.Stream.Subjects(ctx, u.prefix+"."+serversToken+".*")
				return func() error { u.looked(subjects, err); return nil }
			})
		case claimAction:
			u.call(func(ctx context.Context) func() error {
				_, _ = u.config.Stream.Publish(ctx, a.subject, a.last, a.data) // what came of it comes by the stream
				return func() error { u.reclaimed(); return nil }
			})
		}
	}
	clear(u.actions)
	u.actions = u.actions[:0]
}

// call calls the stream on another goroutine, and what that returns on this one.
func (u *runner) call(f func(context.Context) (then func() error)) {
	u.wg.Go(func() {
		select {
		case u.slots <- struct{}{}:
		case <-u.ctx.Done():
			return
		}
		ctx, cancel := context.WithTimeout(u.ctx, callTimeout)
		then := f(ctx)
		cancel()
		<-u.slots
		select {
		case u.events <- then:
		case <-u.ctx.Done():
		}
	})
}

// ask returns the sequence of the last message of a subject, 0 if there is none, and what the
// stream has.
func (u *runner) ask(ctx context.Context, subject string) (uint64, Info, error) {
	m, err := u.config.Stream.Last(ctx, subject)
	if err != nil && !errors.Is(err, ErrNoMessage) {
		return 0, Info{}, err
	}
	info, err := u.config.Stream.Info(ctx)
	return m.Seq, info, err
}

// next returns the first message of a subject from a sequence on, and which was the first of
// the stream after that.
func (u *runner) next(ctx context.Context, subject string, from uint64) (Message, uint64, error) {
	m, err := u.config.Stream.Next(ctx, subject, from)
	if err != nil && !errors.Is(err, ErrNoMessage) {
		return m, 0, err
	}
	info, infoErr := u.config.Stream.Info(ctx)
	return m, info.First, cmp.Or(infoErr, err)
}

// open opens another reader behind the core's position, once it is certain that the stream is
// the one it was.
func (u *runner) open() {
	u.reading.cancel()
	u.closed()
	u.reading.round++
	u.reading.retry = time.Time{}
	position, round := max(u.position, 1), u.reading.round
	u.call(func(ctx context.Context) func() error {
		var at Message
		info, err := u.config.Stream.Info(ctx)
		if err == nil {
			if at, err = u.config.Stream.Next(ctx, Subjects(u.prefix), position); errors.Is(err, ErrNoMessage) {
				err = nil
			}
		}
		return func() error {
			switch {
			case round != u.reading.round: // another is being opened
				return nil
			case err != nil:
				u.reopen(err)
				return nil
			}
			ok, err := u.core.opened(info, u.info.Created, at)
			if !ok && err == nil {
				u.reopen(errors.New("the stream has less than it had"))
			}
			if ok {
				u.read()
			}
			return err
		}
	})
}

// reopen has another reader be opened before long.
func (u *runner) reopen(err error) {
	u.closed()
	u.core.stats.Failures++
	u.core.stats.Unread = err
	u.reading.retry = u.now.Add(min(backoff(u.reading.tries), maxRetry))
	u.reading.tries++
}

// read starts a reader behind the core's position.
func (u *runner) read() {
	ctx, cancel := context.WithCancel(u.ctx)
	u.reading.cancel = cancel
	round, from, messages := u.reading.round, u.position+1, u.reading.messages
	u.core.stats.Unread = nil
	u.wg.Go(func() {
		defer cancel()
		put := func(m readMessage) bool {
			select {
			case messages <- m:
				return true
			case <-ctx.Done():
				return false
			}
		}
		r, err := u.config.Stream.Read(ctx, from)
		if err != nil {
			put(readMessage{round: round, err: err})
			return
		}
		defer r.Close()
		for {
			m, err := r.Next(ctx)
			if !put(readMessage{round, m, err}) || err != nil {
				return
			}
		}
	})
}

// take takes what a reader has read.
func (u *runner) take(m readMessage) error {
	switch {
	case m.round != u.reading.round || !u.reading.retry.IsZero():
		return nil
	case m.err != nil:
		u.reopen(m.err)
		return nil
	}
	isNext, err := u.receive(m.Message)
	switch {
	case err != nil:
		return err
	case !isNext:
		u.reopen(errors.New("messages were missing"))
	default:
		u.reading.tries = 0
	}
	return nil
}
