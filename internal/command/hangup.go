package command

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// untilHangup returns a context that is done when SIGHUP says that the terminal of the
// process has closed, and a channel that has something when another SIGHUP asks to read
// again what can be read again. Under nohup no terminal counts.
//
// A terminal that has closed can't be opened any more when the signal comes. So a
// signal that comes while it can be is from somebody that sent it.
//
// As with untilSignal, a further signal ends the process at once when the context is
// done, but not SIGHUP. ends are the signals that do so.
//
// done must be called when the command is done.
func untilHangup(ctx context.Context, p Process, logger *slog.Logger, ends []os.Signal) (_ context.Context, reread <-chan struct{}, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	counts := !p.ignoresHangup && (p.hadTerminal || hasTerminal(p))
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	requests := make(chan struct{}, 1)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-caught:
			case <-ctx.Done():
				return
			}
			if counts && !hasTerminal(p) {
				signal.Reset(ends...)
				logger.Debug("ending", "signal", syscall.SIGHUP)
				cancel(signalError(syscall.SIGHUP))
				return
			}
			select {
			case requests <- struct{}{}:
			default: // what it asks for is about to be done
			}
		}
	}()
	return ctx, requests, func() {
		cancel(nil)
		<-stopped
		if !p.Ends {
			signal.Stop(caught)
		}
	}
}
