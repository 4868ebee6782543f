package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
)

// A stream yields what next returns, to loops. One goroutine at a time calls next: the
// one that has the turn. A loop does not have it while its body runs, so that the body
// can begin another loop, or call Finish, which reads to the end by itself. What that
// reads meanwhile is kept for the loop.
type stream[T any] struct {
	next func(context.Context) (T, error) // fails with errEnd at the end
	turn turn

	mu    sync.Mutex
	loops int           // that are under way
	kept  []T           // for them, oldest first
	taken chan struct{} // holds a token after a loop has taken of kept, or has ended
}

// maxKept is how many values are kept for a loop.
const maxKept = 10_000

// errEnd is the end of a stream that ends as it should.
var errEnd = errors.New("the connection has ended as it should")

func newStream[T any](next func(context.Context) (T, error)) *stream[T] {
	return &stream[T]{next: next, turn: newTurn(), taken: make(chan struct{}, 1)}
}

// all returns the values to the end, which is an error unless it is errEnd.
func (s *stream[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s.count(1)
		defer s.count(-1)
		for {
			value, err := s.one(ctx)
			switch {
			case errors.Is(err, errEnd):
				return
			case err != nil:
				yield(value, err)
				return
			case !yield(value, nil):
				return
			}
		}
	}
}

func (s *stream[T]) count(loops int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loops += loops
	notify(s.taken)
}

// one returns the next value.
func (s *stream[T]) one(ctx context.Context) (T, error) {
	if value, ok := s.take(); ok {
		return value, nil
	}
	if err := s.turn.acquire(ctx); err != nil {
		var none T
		return none, err
	}
	defer s.turn.release()
	if value, ok := s.take(); ok { // was kept meanwhile
		return value, nil
	}
	return s.next(ctx)
}

// take takes the first value that is kept.
func (s *stream[T]) take() (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) == 0 {
		return value, false
	}
	value, s.kept = s.kept[0], s.kept[1:]
	notify(s.taken)
	return value, true
}

// keep keeps a value for the loops, if there are any.
func (s *stream[T]) keep(value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loops > 0 {
		s.kept = append(s.kept, value)
	}
}

// isFull reports whether no more is kept.
func (s *stream[T]) isFull() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loops > 0 && len(s.kept) >= maxKept
}

// buffered returns how many values are kept.
func (s *stream[T]) buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}

// errLoop is why Finish fails if it waits for a loop in vain.
var errLoop = errors.New("more has come than is kept for a loop whose body does not return")

// drain reads to the end, until another has, or until ctx is done. It fails only then.
func (s *stream[T]) drain(ctx context.Context, ended <-chan struct{}) error {
	for {
		turn, taken := s.turn, chan struct{}(nil)
		if s.isFull() {
			turn, taken = nil, s.taken
		}
		select {
		case <-turn:
			value, err := s.next(ctx)
			if err == nil {
				s.keep(value)
			}
			s.turn.release() // to a loop that waits for it, so that it gets the value
			if err != nil {
				break
			}
			continue
		case <-taken:
			continue
		case <-ended:
		case <-ctx.Done():
		}
		select {
		case <-ended:
			return nil
		default:
		}
		if turn == nil {
			return fmt.Errorf("%w: %w", errLoop, context.Cause(ctx))
		}
		return context.Cause(ctx)
	}
}

// notify puts a token into a channel that has space for one.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
