package command

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// signals returns the signals that end the server in order. The specification
// handles SIGINT only in its last stage.
func (o *serveOptions) signals() []os.Signal {
	if o.stage == 3 {
		return []os.Signal{syscall.SIGTERM}
	}
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM}
}

// outliveReaders keeps the process from being ended when the reader of its
// standard output or standard error ends.
func outliveReaders() { signal.Ignore(syscall.SIGPIPE) }

// untilSignal returns a context that ends with the first of some signals. They
// have their default effect again before it does, and after restore, so that a
// second one ends the process at once. The context's cause is a signalError.
func untilSignal(ctx context.Context, logger *slog.Logger, signals ...os.Signal) (_ context.Context, restore func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, signals...)
	noticed := make(chan struct{})
	go func() {
		defer close(noticed)
		defer cancel(nil)
		select {
		case s := <-caught:
			signal.Stop(caught)
			logger.Debug("ending", "signal", s)
			if number, ok := s.(syscall.Signal); ok {
				cancel(signalError(number))
			}
		case <-ctx.Done():
			signal.Stop(caught)
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-noticed
	}
}

// A signalError is the signal that ended something before it was done.
type signalError syscall.Signal

func (e signalError) Error() string { return "interrupted: " + syscall.Signal(e).String() }
