//go:build linux

package server_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// A stuckLog takes no line about the end of a connection until it is released.
type stuckLog struct {
	slog.Handler
	released chan struct{}
}

func (stuckLog) Enabled(context.Context, slog.Level) bool { return true }

func (h stuckLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "connection ended" {
		<-h.released
	}
	return nil
}

// A server is alive as long as its loops wake when they are asked to, also while nothing
// happens, and not while one is stuck.
func TestIsAlive(t *testing.T) {
	log := stuckLog{slog.DiscardHandler, make(chan struct{})}
	release := sync.OnceFunc(func() { close(log.released) })
	s := chattest.Listen(t, server.Config{Loops: 2, Logger: slog.New(log)})
	idle := func(when string) {
		t.Helper()
		for range 2 {
			if !s.IsAlive() {
				t.Errorf("%s it is not alive", when)
			}
		}
	}
	idle("before it serves,")
	s.Serve(t)
	t.Cleanup(release) // before the server's end, which a stuck loop would keep
	alive := func() bool { return s.IsAlive() }
	chattest.Eventually(t, "the loops answer", chattest.Patience, alive)
	s.Guess(t, "eve", "wrong")
	chattest.Eventually(t, "a loop is stuck", chattest.Patience, func() bool {
		// Two calls in a row without a pause prove nothing, so many have to fail.
		for range 100 {
			if s.IsAlive() {
				return false
			}
		}
		return true
	})
	release()
	chattest.Eventually(t, "the loops answer again", chattest.Patience, alive)
	s.Stop(t)
	idle("after its end")
}
