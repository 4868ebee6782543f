package certs

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
)

// What certmagic logs is in our log, with its fields, and lower than its own level
// where it is no news to an operator.
func TestZap(t *testing.T) {
	var log logged
	var ending atomic.Bool
	logger := newZap(log.logger(slog.LevelInfo), &ending).Named("obtain").With(zap.String("name", "chat.example"))
	logger.Debug("details")
	logger.Info("acquiring lock")
	logger.Warn("unusual", zap.Int("n", 3))
	logger.Error("wrong", zap.Error(errors.New("no luck")), zap.Strings("all", []string{"a", "b"}))
	logger.Error("will retry", zap.Error(errors.New("no luck")), zap.Duration("retrying_in", time.Minute))
	logger.Error("could not get certificate from issuer")
	ending.Store(true)
	logger.Error("given up")

	var got []string
	for line := range strings.Lines(log.String()) {
		_, rest, _ := strings.Cut(line, " ")
		got = append(got, strings.TrimSpace(rest))
	}
	want := []string{
		`level=WARN msg=unusual by=certmagic name=chat.example n=3`,
		`level=ERROR msg=wrong by=certmagic name=chat.example error="no luck" all="[a b]"`,
		`level=INFO msg="the CA is asked again later" by=certmagic name=chat.example retrying_in=1m0s`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
