package command

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/rooms"
)

// In JSON, durations, signals and names are as in the other formats.
func TestLogJSON(t *testing.T) {
	var out strings.Builder
	slog.New(newLogHandler(jsonLog, &out, slog.LevelInfo)).Info("an address is banned", "duration", 15*time.Minute, "name", "a\u034f",
		"signal", syscall.SIGTERM, "at", rooms.Place{Source: "file", Line: 3}, "address", netip.MustParseAddr("192.0.2.1"), "keys", 2)
	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"level": "INFO", "duration": "15m0s", "name": `a\u{34f}`, "signal": "terminated", "at": "file:3", "address": "192.0.2.1", "keys": 2.0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// Lines for people are records of a log, one each, without what begins them.
func TestLineLogger(t *testing.T) {
	var out strings.Builder
	l := lineLogger{slog.New(newLogHandler(journalLog, &out, slog.LevelInfo)), slog.LevelWarn}
	l.Write([]byte("sop-chat: listening\nsop-chat: others join\n"))
	l.Write(nil)
	if got := out.String(); got != "<4>listening\n<4>others join\n" {
		t.Errorf("%q", got)
	}
}

// What a stuck log leaves out is said in its format.
func TestGapIsRecord(t *testing.T) {
	out := newValve()
	s := newSpool(out)
	o := serveOptions{logFormat: journalLog}
	p := Process{Stderr: s}
	o.useFormat(&p, slog.New(newLogHandler(o.logFormat, s, slog.LevelInfo)))
	line := strings.Repeat("x", 1023) + "\n"
	for range 3 * spoolSize / 1024 {
		s.Write([]byte(line))
	}
	close(out.open)
	if !s.Close(testTimeout) {
		t.Error("Close gave up")
	}
	// Lines may follow that were written after the spool was taken over.
	if gap := regexp.MustCompile("\n<4>[^\n]* lines are left out here: nobody read in time\n"); !gap.MatchString(out.String()) {
		t.Errorf("no record says so; its end is %q", out.String()[max(0, len(out.String())-100):])
	}
}
