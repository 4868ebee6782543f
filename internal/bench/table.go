package bench

import (
	"fmt"
	"math"
	"strings"

	"github.com/dustin/go-humanize"

	"sop-chat/internal/english"
)

// Table shows the report to people.
func (r *Report) Table() string {
	var t table
	t.row("clients", whole(float64(r.Clients)), "%s", r.spoken())
	t.row("senders", whole(float64(r.Senders)), "  %s", r.pace())
	if r.Senders > 0 {
		t.row("sent", whole(r.SentPerSecond), "/s")
		t.row("deliveries", whole(r.DeliveriesPerSecond), "/s   %s checked: all came, once, unchanged and in order",
			whole(float64(r.Verified)))
	}
	if l := r.Latency; l != nil {
		t.row("latency p50", whole(float64(l.P50)), "µs   from when a message was %s until it arrived", l.since())
		t.row("        p90", whole(float64(l.P90)), "µs")
		t.row("        p99", whole(float64(l.P99)), "µs")
		t.row("        p99.9", whole(float64(l.P999)), "µs")
		t.row("        max", whole(float64(l.Max)), "µs")
	}
	if s := r.Server; s != nil {
		if r.Senders > 0 {
			t.row("server CPU", whole(s.CPUPerDelivery), "ns a delivery   %.0f%% of a core%s", 100*s.CPU, r.together())
		}
		t.row("server memory", whole(s.BytesPerClient), "bytes a client")
	}
	if g := r.Generator; g.CPUPerDelivery > 0 {
		t.row("generator CPU", whole(g.CPUPerDelivery), "ns a delivery   %.0f%% of a core", 100*g.CPU)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&t, "note: %s\n", warning)
	}
	return t.String()
}

func (r *Report) spoken() string {
	text := ""
	if n := len(r.Servers); n > 0 {
		text = "  at " + english.Count(n, "server")
	}
	if r.Rooms > 0 {
		text += "  in " + english.Count(r.Rooms, "room")
	}
	if r.Subprotocol != "" {
		text += "  through WebSockets, told the numbers of messages (" + r.Subprotocol + ")"
	}
	return text
}

// together says that a figure is of several servers, if it is.
func (r *Report) together() string {
	if n := len(r.Servers); n > 0 {
		return ", of all " + english.Count(n, "server")
	}
	return ""
}

func (r *Report) pace() string {
	switch {
	case r.Senders == 0:
		return "all clients were idle"
	case r.Rate > 0:
		return fmt.Sprintf("together %s %s a second", whole(float64(r.Rate)), english.Noun(r.Rate, "message"))
	}
	return fmt.Sprintf("flat out, each with at most %s on the way", english.Count(r.Window, "message"))
}

func (l *Latency) since() string {
	if l.Since == sinceIntended {
		return "to be sent"
	}
	return "sent"
}

// A table has lines of a name, a number and what it counts.
type table struct{ strings.Builder }

func (t *table) row(name, number, unit string, args ...any) {
	line := fmt.Sprintf("%-14s %14s %s", name, number, fmt.Sprintf(unit, args...))
	t.WriteString(strings.TrimRight(line, " ") + "\n")
}

// whole writes a number without a fraction and with commas: 9,032,166.
func whole(x float64) string { return humanize.Comma(int64(math.Round(x))) }
