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

// A limitedLog is a log for events that a stranger can cause at any rate. It logs some
// of them in a window, and then how many more there were.
type limitedLog struct {
	logger  *slog.Logger
	mu      sync.Mutex
	since   time.Time // when the window began
	lines   int       // logged in it
	omitted int
}

func (s *limitedLog) log(level slog.Level, message string, args ...any) {
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
func (s *limitedLog) summarise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logger.Info("more browsers were refused", "times", s.omitted, "within", logWindow)
	s.since, s.lines, s.omitted = time.Now(), 0, 0
}
