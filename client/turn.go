package client

import (
	"context"
	"time"
)

// A turn is a lock that can be waited for with a context. It holds a token
// while it is free.
type turn chan struct{}

func newTurn() turn {
	t := make(turn, 1)
	t <- struct{}{}
	return t
}

func (t turn) take(ctx context.Context) error {
	select {
	case <-t:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) pass() { t <- struct{}{} }

// interrupt makes what waits on a connection fail once ctx is done, by way of
// one of its SetDeadline methods. resume takes that back.
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
