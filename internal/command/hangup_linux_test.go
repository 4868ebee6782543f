package command

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/testenv"
)

// isHangupIgnored is whether SIGHUP was ignored when the tests began.
var isHangupIgnored = signal.Ignored(syscall.SIGHUP)

// SIGHUP asks to read again while the terminal is open, or if there was none. When the
// terminal has closed, it ends the server.
func TestUntilHangup(t *testing.T) {
	if isHangupIgnored {
		testenv.Lacks(t, "SIGHUP: the process that started the tests ignores it")
	}
	notified := make(chan os.Signal, 1) // another test may have had it ignored
	signal.Notify(notified, syscall.SIGHUP)
	signal.Stop(notified)
	for _, test := range []struct {
		what        string
		hasTerminal bool
	}{{"with a terminal", true}, {"without", false}} {
		t.Run(test.what, func(t *testing.T) {
			h := newHangups(t, test.hasTerminal)
			for range 2 {
				h.send()
				h.expectRequest()
			}
			h.hasTerminal.Store(false)
			h.send()
			if !test.hasTerminal {
				h.expectRequest()
				return
			}
			select {
			case <-h.ctx.Done():
			case <-time.After(testTimeout):
				t.Fatal("the context is not done")
			}
			if cause, ok := errors.AsType[signalError](context.Cause(h.ctx)); !ok || syscall.Signal(cause) != syscall.SIGHUP {
				t.Errorf("the cause is %v", context.Cause(h.ctx))
			}
		})
	}
}

// Under nohup, no terminal ends the server.
func TestUntilHangupIgnored(t *testing.T) {
	wasIgnored := signal.Ignored(syscall.SIGHUP)
	signal.Ignore(syscall.SIGHUP)
	defer func() {
		if !wasIgnored {
			signal.Reset(syscall.SIGHUP)
		}
	}()
	h := newHangups(t, true)
	h.hasTerminal.Store(false)
	h.send()
	h.expectRequest()
	if h.ctx.Err() != nil {
		t.Error("the context is done")
	}
}

// hangups is what untilHangup returned.
type hangups struct {
	t           *testing.T
	hasTerminal atomic.Bool
	ctx         context.Context
	requests    <-chan struct{}
}

func newHangups(t *testing.T, hasTerminal bool) *hangups {
	h := &hangups{t: t}
	h.hasTerminal.Store(hasTerminal)
	p := Process{LookupEnv: os.LookupEnv, OpenTerminal: func() (*os.File, error) {
		if !h.hasTerminal.Load() {
			return nil, syscall.ENXIO
		}
		return os.Open(os.DevNull)
	}}
	if err := p.inherit(new(serveOptions), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	var done func()
	h.ctx, h.requests, done = untilHangup(t.Context(), p, slog.New(slog.DiscardHandler), []os.Signal{syscall.SIGQUIT})
	t.Cleanup(done)
	return h
}

func (h *hangups) send() {
	h.t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hangups) expectRequest() {
	h.t.Helper()
	select {
	case <-h.requests:
	case <-time.After(testTimeout):
		h.t.Fatal("nothing is to be read again")
	}
}
