package command

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Of similar records the first ones are written, and later how many more there
// were.
func TestRepeatsHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		handler, flush := newRepeatsHandler(slog.NewTextHandler(&out, nil))
		logger := slog.New(handler)
		for i := range recordsEach + 8211 {
			logger.Info("connection ended", "connection", i, "address", fmt.Sprintf("192.0.2.7:%d", 1000+i), "reason", "wrong key")
		}
		logger.Info("connection ended", "address", "[2001:db8::1]:4711")
		logger.Warn("connection ended", "address", "192.0.2.7:1")
		for range recordsEach + 3 {
			logger.With("a", "b").Warn("can't accept connections")
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		got := out.String()
		for line, want := range map[string]int{
			"\n": recordsEach + 1 + 1 + recordsEach + 2,
			`msg="connection ended: and 8,211 more in 10s" address=192.0.2.7` + "\n": 1,
			`level=WARN msg="can't accept connections: and 3 more in 10s"` + "\n":    1,
			"2001:db8::1": 1,
		} {
			if n := strings.Count(got, line); n != want {
				t.Errorf("%q is there %d times, want %d:\n%s", line, n, want, got)
			}
		}
		out.Reset()
		for i := range 5000 {
			logger.Info("connection ended", "address", fmt.Sprintf("10.1.%d.%d:1", i/200, i%200))
		}
		flush()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if last := lines[len(lines)-1]; len(lines) > recordsInAll+25 || !strings.Contains(last, `msg="more was reported: and 4,930 more in 10s" address=others`) {
			t.Errorf("%d lines, and the last is %s", len(lines), last)
		}
		flush()
		if n := strings.Count(out.String(), "\n"); n != len(lines) {
			t.Errorf("%d lines are written when there is nothing more to say", n-len(lines))
		}
	})
}
