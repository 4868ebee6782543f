package certs

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// A zapCore writes what certmagic logs to a slog.Logger: its warnings and errors, and
// the rest for debugging.
type zapCore struct {
	logger *slog.Logger
	ending *atomic.Bool // what fails from then on was given up
	fields []zapcore.Field
}

var _ zapcore.Core = zapCore{}

// A restatement is how a record of certmagic is written in our log.
type restatement struct {
	level   slog.Level
	message string
	omits   []string // of its fields
}

// restated are records about failures that events of certmagic tell of too, from which
// ours are made, and the one about what happens next.
var restated = map[string]restatement{
	"could not get certificate from issuer": {slog.LevelDebug, "could not get certificate from issuer", nil},
	"validating authorization":              {slog.LevelDebug, "validating authorization", nil},
	"HTTP request failed; retrying":         {slog.LevelDebug, "HTTP request failed; retrying", nil},
	"challenge failed":                      {slog.LevelDebug, "challenge failed", nil},
	"will retry":                            {slog.LevelInfo, "the CA is asked again later", []string{"error", "elapsed", "max_duration"}},
}

// newZap returns a logger for certmagic.
func newZap(logger *slog.Logger, ending *atomic.Bool) *zap.Logger {
	return zap.New(zapCore{logger: logger.With("by", "certmagic"), ending: ending})
}

func (c zapCore) Enabled(level zapcore.Level) bool {
	return c.logger.Enabled(context.Background(), toSlog(level))
}

func (c zapCore) With(fields []zapcore.Field) zapcore.Core {
	c.fields = append(c.fields[:len(c.fields):len(c.fields)], fields...)
	return c
}

func (c zapCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

func (c zapCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	as, is := restated[entry.Message]
	if !is {
		as = restatement{toSlog(entry.Level), entry.Message, nil}
	}
	if c.ending.Load() {
		as.level = slog.LevelDebug
	}
	var attrs []slog.Attr
	for _, field := range append(c.fields[:len(c.fields):len(c.fields)], fields...) {
		if !slices.Contains(as.omits, field.Key) {
			values := zapcore.NewMapObjectEncoder()
			field.AddTo(values)
			attrs = append(attrs, slog.Any(field.Key, values.Fields[field.Key]))
		}
	}
	c.logger.LogAttrs(context.Background(), as.level, as.message, attrs...)
	return nil
}

func (c zapCore) Sync() error { return nil }

func toSlog(level zapcore.Level) slog.Level {
	switch {
	case level >= zapcore.ErrorLevel:
		return slog.LevelError
	case level == zapcore.WarnLevel:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}
