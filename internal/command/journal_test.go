package command

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// A record is one line: the priority, the message and the attributes, without what the
// journal knows by itself. Nothing in it begins a line of its own.
func TestJournal(t *testing.T) {
	var out strings.Builder
	logger := slog.New(newLogHandler(journalLog, &out, slog.LevelDebug))
	for _, test := range []struct {
		log  func()
		want string
	}{
		{func() { logger.Debug("ending", "signal", "terminated") }, "<7>ending signal=terminated\n"},
		{func() { logger.Info("reloaded") }, "<6>reloaded\n"},
		{func() { logger.Warn("slow", "after", 90*time.Second, "name", "a\u034f") }, "<4>slow after=1m30s name=a\\u{34f}\n"},
		{func() { logger.Error("failed", "error", errors.New("one\n<0>two")) }, "<3>failed error=\"one\\n<0>two\"\n"},
		{func() { logger.Info("one\n<0>two\x1b[31m\u0085\u2028") }, "<6>one\\n<0>two\\x1b[31m\\u0085\\u2028\n"},
		{func() { logger.With("room", "maths").WithGroup("g").Info("said", "msg", "hi") }, "<6>said room=maths g.msg=hi\n"},
		{func() { logger.Log(t.Context(), slog.LevelError+4, "worse", "level", "high") }, "<3>worse level=high\n"},
	} {
		out.Reset()
		test.log()
		if got := out.String(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// The journal's lines have no level below the least.
func TestJournalLevel(t *testing.T) {
	var out strings.Builder
	level := new(slog.LevelVar)
	logger := slog.New(newLogHandler(journalLog, &out, level))
	logger.Debug("no")
	level.Set(slog.LevelDebug)
	logger.Debug("yes")
	if got := out.String(); got != "<7>yes\n" {
		t.Errorf("%q", got)
	}
}
