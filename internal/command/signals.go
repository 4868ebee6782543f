package command

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// endSignals returns the signals that end a command in order: Ctrl+C, what service
// managers send, Ctrl+\, and the end of the terminal, unless that is ignored from
// the beginning, as with nohup.
func endSignals() []os.Signal { return endSignalsOf(signal.Ignored(syscall.SIGHUP)) }

// endSignalsOf is endSignals for a process that has ignored SIGHUP from the beginning, or
// has not.
func endSignalsOf(ignoresHangup bool) []os.Signal {
	all := append([]os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT}, systemEndSignals...)
	if !ignoresHangup {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// signals returns the signals that end the server in order. In the specification,
// SIGINT is only handled in the last stage. SIGHUP ends a server that has a
// terminal: the terminal has closed. Other servers ignore it. For a server that has
// something to read again, see untilHangup.
func (o *serveOptions) signals(p Process) []os.Signal {
	all := endSignalsOf(p.ignoresHangup)
	if notifySocket(p) != "" {
		all = append(all, restartSignals...)
	}
	if o.stage == 3 {
		all = slices.DeleteFunc(all, func(s os.Signal) bool { return s == syscall.SIGINT })
	}
	switch {
	case o.rereads(p):
	case p.hadTerminal, hasTerminal(p):
		return all
	default:
		signal.Ignore(syscall.SIGHUP)
	}
	return slices.DeleteFunc(all, func(s os.Signal) bool { return s == syscall.SIGHUP })
}

// hasTerminal reports whether the process belongs to a terminal.
func hasTerminal(p Process) bool {
	if p.OpenTerminal == nil {
		return false
	}
	terminal, err := p.OpenTerminal()
	if err != nil {
		return false
	}
	terminal.Close()
	return true
}

// ignoreBrokenPipes keeps the process from being killed when the reader of its
// standard output or standard error ends.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }

// untilSignal returns a context that is done at the first of some signals. Before
// it is, the signals have their default effect again, so that a second one ends
// the process at once. SIGHUP does not: a terminal that closes may send it twice,
// itself and through the shell. The context's cause is a signalError.
//
// done must be called when the command is done. If the process ends then, the
// first signal after that still has no effect: the command has succeeded, and the
// status should say so. Otherwise the signals have their default effect again.
func untilSignal(ctx context.Context, p Process, logger *slog.Logger, signals ...os.Signal) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, signals...)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		defer cancel(nil)
		select {
		case s := <-caught:
			signal.Ignore(syscall.SIGHUP)
			signal.Stop(caught)
			logger.Debug("ending", "signal", s)
			if number, ok := s.(syscall.Signal); ok {
				cancel(signalError(number))
			}
		case <-ctx.Done():
			if p.Ends {
				go func() {
					<-caught
					signal.Stop(caught)
				}()
				return
			}
			signal.Stop(caught)
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-stopped
	}
}

// A signalError is the signal that interrupted a command.
type signalError syscall.Signal

func (e signalError) Error() string { return "interrupted: " + syscall.Signal(e).String() }
