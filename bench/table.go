package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"sop-chat/internal/bench"
)

// A column is one figure of a result.
type column struct {
	title string
	unit  string
	of    func(r *result) (value float64, ok bool)
}

// columns are the figures of the table.
func columns(o options) []column {
	flatOut := func(of func(*bench.Report) float64) func(*result) (float64, bool) {
		return func(r *result) (float64, bool) { return median(r.flatOut, of) }
	}
	paced := func(of func(*bench.Report) float64) func(*result) (float64, bool) {
		return func(r *result) (float64, bool) { return median(r.paced, of) }
	}
	idle := func(of func(*bench.Report) float64) func(*result) (float64, bool) {
		return func(r *result) (float64, bool) { return median(r.idle, of) }
	}
	cpu := func(r *bench.Report) float64 { return r.Server.CPUPerDelivery }
	at := fmt.Sprintf("at %d/s", o.rate)
	return []column{
		{"flat out", "CPU ns/delivery", flatOut(cpu)},
		{"flat out", "deliveries/s", flatOut(func(r *bench.Report) float64 { return r.DeliveriesPerSecond })},
		{at, "CPU ns/delivery", paced(cpu)},
		{at, "p50 µs", paced(func(r *bench.Report) float64 { return float64(r.Latency.P50) })},
		{at, "p99 µs", paced(func(r *bench.Report) float64 { return float64(r.Latency.P99) })},
		{"idle", "bytes/client", idle(func(r *bench.Report) float64 { return r.Server.BytesPerClient })},
	}
}

// printTable prints each server's medians, and in brackets the ratio to the
// reference's.
func printTable(out io.Writer, o options, results []result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	all := columns(o)
	var titles, units string
	for _, c := range all {
		titles += "\t" + c.title
		units += "\t" + c.unit
	}
	fmt.Fprintf(w, "%s\t\n%s\t\n", titles, units)
	for i := range results {
		fmt.Fprint(w, results[i].name)
		for _, c := range all {
			fmt.Fprintf(w, "\t%s", cell(c, &results[i], find(results, o.reference)))
		}
		fmt.Fprint(w, "\t\n")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	over := "TCP"
	if o.web {
		over = "WebSockets"
	}
	fmt.Fprintf(out, "\n%d clients over %s, %d senders, 512 bytes; medians of %d rounds of %v; idle: %d clients\n",
		o.clients, over, o.senders, o.rounds, o.duration, o.idle)
	for _, r := range results {
		if r.version != "" {
			fmt.Fprintf(out, "%s: %s\n", r.name, r.version)
		}
		if r.failed != nil {
			fmt.Fprintf(out, "%s failed: %v\n", r.name, r.failed)
		}
	}
	for _, warning := range warnings(results) {
		fmt.Fprintln(out, warning)
	}
	return nil
}

// cell writes one figure.
func cell(c column, r, reference *result) string {
	value, ok := c.of(r)
	if !ok {
		return "-"
	}
	text := fmt.Sprintf("%.0f", value)
	if reference == nil || reference == r {
		return text
	}
	if base, ok := c.of(reference); ok && base > 0 {
		text += fmt.Sprintf(" (%.2f)", value/base)
	}
	return text
}

func find(results []result, name string) *result {
	for i := range results {
		if results[i].name == name {
			return &results[i]
		}
	}
	return nil
}

// warnings returns the generator's warnings about its own share of the load.
func warnings(results []result) []string {
	var all []string
	for _, r := range results {
		runs := 0
		for _, report := range slices.Concat(r.flatOut, r.paced) {
			if len(report.Warnings) > 0 {
				runs++
				all = append(all, fmt.Sprintf("note: %s: %s", r.name, strings.Join(report.Warnings, "; ")))
			}
		}
		all = all[:len(all)-max(0, runs-1)] // they differ in figures only
	}
	return all
}
