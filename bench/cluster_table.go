package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"sop-chat/internal/bench"
	"sop-chat/internal/english"
)

// A fleetColumn is one figure of a setup.
type fleetColumn struct {
	title, unit string
	of          func(r *fleetResult) (value float64, ok bool)
	withRatio   bool
}

// fleetColumns are the figures of the table.
func fleetColumns(rate int) []fleetColumn {
	flatOut := func(of func(*bench.Report) float64) func(*fleetResult) (float64, bool) {
		return func(r *fleetResult) (float64, bool) { return median(r.flatOut, of) }
	}
	paced := func(of func(*bench.Report) float64) func(*fleetResult) (float64, bool) {
		return func(r *fleetResult) (float64, bool) { return median(r.paced, of) }
	}
	total := func(reports func(*fleetResult) []*bench.Report) func(*fleetResult) (float64, bool) {
		return func(r *fleetResult) (float64, bool) { return median(reports(r), r.cost) }
	}
	at := fmt.Sprintf("at %d/s", rate)
	return []fleetColumn{
		{"flat out", "deliveries/s", flatOut(func(r *bench.Report) float64 { return r.DeliveriesPerSecond }), true},
		{"", "messages/s", flatOut(func(r *bench.Report) float64 { return r.SentPerSecond }), false},
		{"", "CPU ns/delivery", total(func(r *fleetResult) []*bench.Report { return r.flatOut }), true},
		{at, "CPU ns/delivery", total(func(r *fleetResult) []*bench.Report { return r.paced }), true},
		{"", "p50 µs", paced(func(r *bench.Report) float64 { return float64(r.Latency.P50) }), true},
		{"", "p99 µs", paced(func(r *bench.Report) float64 { return float64(r.Latency.P99) }), true},
		{"", "max µs", paced(func(r *bench.Report) float64 { return float64(r.Latency.Max) }), false},
	}
}

// text returns the figure of a setup, and its ratio to that of a reference, if there is one.
func (c *fleetColumn) text(r, reference *fleetResult) string {
	value, ok := c.of(r)
	if !ok {
		return "-"
	}
	text := fmt.Sprintf("%.0f", value)
	if reference == nil || reference == r || !c.withRatio {
		return text
	}
	if base, ok := c.of(reference); ok && base > 0 {
		text += fmt.Sprintf(" (%.3g)", value/base)
	}
	return text
}

// printFleets prints the medians of each setup, and in brackets their ratios to the first
// one's; then what each process took.
func printFleets(out io.Writer, o options, results []fleetResult, disk time.Duration) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	var titles, units string
	columns := fleetColumns(o.rate)
	for _, c := range columns {
		titles += "\t" + c.title
		units += "\t" + c.unit
	}
	fmt.Fprintf(w, "%s\t\n%s\t\n", titles, units)
	for i := range results {
		fmt.Fprint(w, results[i].name)
		for _, c := range columns {
			fmt.Fprintf(w, "\t%s", c.text(&results[i], &results[0]))
		}
		fmt.Fprint(w, "\t\n")
	}
	fmt.Fprintf(w, "\nCPU ns/delivery\tflat out: sop-chat\tNATS\tat %d/s: sop-chat\tNATS\t\n", o.rate)
	for i := range results {
		r := &results[i]
		fmt.Fprint(w, r.name)
		for _, reports := range [][]*bench.Report{r.flatOut, r.paced} {
			chat, nats := r.shares(reports)
			fmt.Fprintf(w, "\t%s\t%s", chat, nats)
		}
		fmt.Fprint(w, "\t\n")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s in %s over TCP, %s, 512 bytes; medians of %d rounds of %v; 4 KiB are on this disk in %v\n",
		english.Count(o.clients, "client"), english.Count(max(o.rooms, 1), "room"), english.Count(o.senders, "sender"), o.rounds, o.duration, disk.Round(10*time.Microsecond))
	for _, r := range results {
		if r.failed != nil {
			fmt.Fprintf(out, "%s failed: %v\n", r.name, r.failed)
		}
	}
	return nil
}

// shares shows what each process took for a delivery of all: the medians of some rounds.
func (r *fleetResult) shares(reports []*bench.Report) (chat, nats string) {
	share := func(of func(*bench.Report) []float64, n int) (text string) {
		for i := range n {
			value, ok := median(reports, func(report *bench.Report) float64 { return of(report)[i] })
			if !ok {
				return "-"
			}
			if i > 0 {
				text += " + "
			}
			text += fmt.Sprintf("%.0f", value)
		}
		return text
	}
	chat = share(func(report *bench.Report) []float64 { chat, _ := r.costs(report); return chat }, r.chat)
	nats = share(func(report *bench.Report) []float64 { _, nats := r.costs(report); return nats }, r.nats)
	return chat, nats
}
