package client

import (
	"context"
	"time"
)

// A turn is a lock that is acquired with a context. It holds a token while it is
// free.
type turn chan struct{}

func newTurn() turn {
	t := make(turn, 1)
	t <- struct{}{}
	return t
}

func (t turn) acquire(ctx context.Context) error {
	select {
	case <-t:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) release() { t <- struct{}{} }

// interrupt makes calls that block on a connection fail once ctx is done, through
// one of its SetDeadline methods. resume undoes that.
func interrupt(ctx context.Context, setDeadline func(time.Time) error) (resume func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	set := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		setDeadline(time.Unix(1, 0)) // long ago
		close(set)
	})
	return func() {
		if !stop() {
			<-set
			setDeadline(time.Time{})
		}
	}
}
