package e2e

import (
	"strings"
	"testing"
	"time"
)

// An unknown time zone, or a missing table of them, is not an error: times are
// UTC then.
func TestUnknownTimeZone(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Nowhere/City", ":/none", "../../etc/passwd", "\x1b[31m"} {
		begun := time.Now().UTC()
		srv := startOnTerminal(t, []string{"TZ=" + zone, "NO_COLOR=1"})
		join(t, srv, "alice").say("hello")
		srv.stdout.waitForLine(t, "alice: hello")
		line := lineOf(srv, "alice: hello")
		clock, _, _ := strings.Cut(line, " ")
		said, err := time.Parse(time.DateTime, begun.Format(time.DateOnly)+" "+clock)
		if err != nil {
			t.Errorf("TZ=%q: no time in %q", zone, line)
			continue
		}
		if off := said.Sub(begun.Truncate(time.Second)); off < 0 && off > -23*time.Hour || off > testTimeout {
			t.Errorf("TZ=%q: it is %s in %q, and %s in UTC", zone, clock, line, begun.Format(time.TimeOnly))
		}
	}
}
