package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Three ways to publish what is said in a room are compared, without chat servers around them:
//
//   - link: as internal/cluster does. One batch of a room is under way, with the last sequence
//     that is expected of its subject, until it has come back.
//   - fast: the fast ingest of NATS 2.14 (ADR-50), gap "fail". What is said is published at once,
//     and up to two acknowledgements' worth is under way.
//   - atomic: as link, but what was said in all rooms is one atomic batch of NATS 2.12.

// An ingestLoad is what is published.
type ingestLoad struct {
	rooms int
	// batch is how many messages of 512 bytes are in each message of NATS, which is
	// published as soon as it may.
	batch int
	// rate, if it is not 0, is how many messages a second are said in each room, instead: link
	// puts what has accumulated into one message of NATS, and fast each into its own.
	rate int
}

var ingestLoads = []ingestLoad{
	{rooms: 1, batch: 1},
	{rooms: 1, batch: 50},
	{rooms: 1, batch: 1900},
	{rooms: 100, batch: 1},
	{rooms: 100, batch: 50},
	{rooms: 1, rate: 500},
	{rooms: 1, rate: 10_000},
	{rooms: 100, rate: 20},
}

// ingestSetups are the servers of NATS that are published to.
var ingestSetups = []setup{
	{name: "1-always", nats: 1, replicas: 1, always: true},
	{name: "1-lazy", nats: 1, replicas: 1},
	{name: "3-always", nats: 3, replicas: 3, always: true},
	{name: "3-lazy", nats: 3, replicas: 3},
}

// The ways.
const (
	asLink   = "link"
	asFast   = "fast"
	asAtomic = "atomic" // of more than one room
)

// An ingestResult is what a way did with a load.
type ingestResult struct {
	messages float64 // a second, that came back
	batch    float64 // how many of them were in a message of NATS, on average
	p50, p99 time.Duration
	cpu      time.Duration // of all servers of NATS, a message
}

// measureIngest compares the ways, round by round, and prints a table for each setup.
func measureIngest(ctx context.Context, o options, folder string, stdout, stderr io.Writer) error {
	chosen := o.chosenOf(ingestSetups)
	if len(chosen) == 0 {
		return errNoSetup
	}
	binary, err := o.buildNATS(ctx, folder)
	if err != nil {
		return err
	}
	for _, s := range chosen {
		if err := measureIngestAt(ctx, o, &s, programs{nats: binary}, folder, stdout, stderr); err != nil {
			return err
		}
	}
	disk, err := syncTime(folder)
	fmt.Fprintf(stdout, "medians of %d rounds of %v; 4 KiB are on this disk in %v\n", o.rounds, o.duration, disk.Round(10*time.Microsecond))
	return err
}

func measureIngestAt(
	ctx context.Context, o options, s *setup, binaries programs, folder string, stdout, stderr io.Writer,
) error {
	f, err := s.muster(ctx, binaries, folder)
	if err != nil {
		return err
	}
	defer f.stop()
	results := make(map[ingestLoad]map[string][]ingestResult)
	for round := range o.rounds {
		for _, load := range ingestLoads {
			ways := []string{asLink, asFast}
			if load.rooms > 1 {
				ways = append(ways, asAtomic)
			}
			if results[load] == nil {
				results[load] = make(map[string][]ingestResult)
			}
			for _, way := range ways {
				r, err := ingest(ctx, f.servers, s.replicas, load, way, o.warmup, o.duration)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				what := fmt.Sprintf("round %d of %d: %s, %s, %s", round+1, o.rounds, s.name, load, way)
				if err != nil {
					fmt.Fprintf(stderr, "%s failed: %v\n", what, err)
					continue
				}
				fmt.Fprintf(stderr, "%s:%s\n", what, strings.ReplaceAll(r.cells(), "\t", " "))
				results[load][way] = append(results[load][way], r)
			}
		}
	}
	return printIngest(stdout, s.name, results)
}

// printIngest prints the medians at one setup.
func printIngest(out io.Writer, name string, results map[ingestLoad]map[string][]ingestResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	titles, units := "NATS "+name, ""
	for _, way := range []string{asLink, asFast, asAtomic} {
		titles += "\t" + way + "\tin\t\t\tCPU"
		units += "\tmessages/s\tone\tp50 ms\tp99 ms\tµs each"
	}
	fmt.Fprint(w, titles, "\t\n", units, "\t\n")
	for _, load := range ingestLoads {
		line := load.String()
		for _, way := range []string{asLink, asFast, asAtomic} {
			line += medianIngest(results[load][way]).cells()
		}
		fmt.Fprint(w, line, "\t\n")
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// medianIngest returns the round whose latency is the median.
func medianIngest(rounds []ingestResult) ingestResult {
	if len(rounds) == 0 {
		return ingestResult{}
	}
	slices.SortFunc(rounds, func(a, b ingestResult) int { return cmp.Compare(a.p50, b.p50) })
	return rounds[len(rounds)/2]
}

func (l ingestLoad) String() string {
	rooms := "a room"
	if l.rooms > 1 {
		rooms = fmt.Sprintf("%d rooms", l.rooms)
	}
	if l.rate > 0 {
		return fmt.Sprintf("%s, %d/s each", rooms, l.rate)
	}
	return fmt.Sprintf("%s, batches of %d", rooms, l.batch)
}

// cells are the result's part of a line of the table.
func (r ingestResult) cells() string {
	if r.messages == 0 {
		return "\t-\t\t\t\t"
	}
	ms := func(d time.Duration) string { return strconv.FormatFloat(float64(d)/1e6, 'f', 2, 64) }
	return fmt.Sprintf("\t%.0f\t%.1f\t%s\t%s\t%.2f", r.messages, r.batch, ms(r.p50), ms(r.p99), float64(r.cpu)/1e3)
}
