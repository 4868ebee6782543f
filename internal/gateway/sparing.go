//go:build linux

package gateway

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// logWindow is the time in which at most logLines are logged about
	// clients without the key; the others are only counted.
	logWindow = 10 * time.Second
	logLines  = 20
)

// A sparing logger is one for what anybody can cause as often as they like.
type sparing struct {
	logger  *slog.Logger
	mu      sync.Mutex
	since   time.Time // when the window began
	lines   int       // logged in it
	omitted int
}

func (s *sparing) log(level slog.Level, message string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.since) >= logWindow && s.omitted == 0 {
		s.since, s.lines = now, 0
	}
	if s.lines < logLines {
		s.lines++
		s.logger.Log(context.Background(), level, message, args...)
		return
	}
	if s.omitted == 0 {
		time.AfterFunc(time.Until(s.since.Add(logWindow)), s.summarise)
	}
	s.omitted++
}

// summarise says how much was left out.
func (s *sparing) summarise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logger.Info("more browsers were turned away", "times", s.omitted, "within", logWindow)
	s.since, s.lines, s.omitted = time.Now(), 0, 0
}
