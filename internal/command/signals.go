package command

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// endings returns the signals that end a command in order: Ctrl+C, what system
// managers send, Ctrl+\, and the end of the terminal, unless that was ignored
// from the beginning, as nohup has it.
func endings() []os.Signal {
	all := append([]os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT}, systemEndings...)
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// signals returns the signals that end the server in order. The specification
// handles SIGINT only in its last stage. SIGHUP ends a server that has a terminal,
// because it has closed; others ignore it.
func (o *serveOptions) signals(p Process) []os.Signal {
	all := endings()
	if o.stage == 3 {
		all = slices.DeleteFunc(all, func(s os.Signal) bool { return s == syscall.SIGINT })
	}
	if !hasTerminal(p) {
		signal.Ignore(syscall.SIGHUP)
		all = slices.DeleteFunc(all, func(s os.Signal) bool { return s == syscall.SIGHUP })
	}
	return all
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

// outliveReaders keeps the process from being ended when the reader of its
// standard output or standard error ends.
func outliveReaders() { signal.Ignore(syscall.SIGPIPE) }

// untilSignal returns a context that ends with the first of some signals. They
// have their default effect again before it does, so that a second one ends the
// process at once; save for SIGHUP, which a terminal that closes sends twice, once
// of its own and once by way of the shell. The context's cause is a signalError.
//
// done is called when the command is done. If the process ends then, the first
// signal that comes still has no effect: all is done that it asks for, and the
// status is to say so. Otherwise all have their default effect again.
func untilSignal(ctx context.Context, p Process, logger *slog.Logger, signals ...os.Signal) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, signals...)
	noticed := make(chan struct{})
	go func() {
		defer close(noticed)
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
		<-noticed
	}
}

// A signalError is the signal that ended something before it was done.
type signalError syscall.Signal

func (e signalError) Error() string { return "interrupted: " + syscall.Signal(e).String() }
