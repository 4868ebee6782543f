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

// untilSignal returns a context that ends with the first of some signals. From
// then on, and after restore, they have their default effect again, so that a
// second one ends the process at once.
func untilSignal(ctx context.Context, logger *slog.Logger, signals ...os.Signal) (_ context.Context, restore func()) {
	ctx, stop := signal.NotifyContext(ctx, signals...)
	noticed := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		defer close(noticed)
		stop()
		logger.Debug("ending", "cause", context.Cause(ctx))
	})
	return ctx, func() {
		if !forget() {
			<-noticed
		}
		stop()
	}
}
