package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sop-chat/internal/bench"
)

// A fleetResult has the reports of one setup, by round.
type fleetResult struct {
	setup
	flatOut, paced []*bench.Report
	failed         error // the first failure; what came before still counts
}

// measureCluster puts all setups under the same load, round by round, and prints one table.
func measureCluster(ctx context.Context, o options, folder string, stdout, stderr io.Writer) error {
	var results []fleetResult
	for _, s := range o.chosenOf(setups) {
		if s.rooms = o.rooms; s.chat > 0 || s.rooms == 1 {
			results = append(results, fleetResult{setup: s})
		}
	}
	if len(results) == 0 {
		return errNoSetup
	}
	binaries, err := buildPrograms(ctx, o, folder)
	if err != nil {
		return err
	}
	for round := range o.rounds {
		for i := range results {
			if results[i].failed != nil {
				continue
			}
			opened, err := results[i].runRound(ctx, o, binaries, folder)
			results[i].failed = err
			if err := ctx.Err(); err != nil {
				return err
			}
			fmt.Fprintf(stderr, "round %d of %d: %s\n", round+1, o.rounds, results[i].last(opened))
		}
	}
	disk, err := syncTime(folder)
	if err != nil {
		return err
	}
	return printFleets(stdout, o, results, disk)
}

var errNoSetup = errors.New("there is no setup of these names (--only)")

// chosenOf returns those of setups that are to be measured.
func (o *options) chosenOf(setups []setup) (chosen []setup) {
	for _, s := range setups {
		if o.chosen(s.name) {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// buildPrograms builds what fleets run.
func buildPrograms(ctx context.Context, o options, folder string) (p programs, err error) {
	if p.chat = o.sopChat; p.chat == "" {
		p.chat = filepath.Join(folder, "sop-chat")
		if err := build(ctx, "..", p.chat, "."); err != nil {
			return p, err
		}
	}
	p.nats, err = o.buildNATS(ctx, folder)
	return p, err
}

// buildNATS builds the server of NATS that fleets run.
func (o *options) buildNATS(ctx context.Context, folder string) (binary string, err error) {
	if o.sopNATS != "" {
		return o.sopNATS, nil
	}
	binary = filepath.Join(folder, "sop-nats")
	return binary, build(ctx, "..", binary, "./cmd/sop-nats")
}

// runRound starts the setup's servers and puts them under one load after the other. It returns
// how long the chat servers took until they let clients in.
func (r *fleetResult) runRound(ctx context.Context, o options, binaries programs, folder string) (opened time.Duration, err error) {
	f, err := r.muster(ctx, binaries, folder)
	if err != nil {
		return opened, err
	}
	defer f.stop()
	opened = f.opened
	flatOut := bench.Config{
		Clients: o.clients, Senders: o.senders, Window: o.window, Warmup: o.warmup, Duration: o.duration,
	}
	paced := flatOut
	paced.Rate = o.rate
	for _, work := range []struct {
		load    bench.Config
		reports *[]*bench.Report
	}{{paced, &r.paced}, {flatOut, &r.flatOut}} {
		report, err := bench.Run(ctx, f.config(work.load))
		if err != nil {
			return opened, err
		}
		*work.reports = append(*work.reports, report)
	}
	return opened, nil
}

// last says what the last round was like.
func (r *fleetResult) last(opened time.Duration) string {
	if r.failed != nil {
		return fmt.Sprintf("%s failed: %v", r.name, r.failed)
	}
	one := fleetResult{setup: r.setup, flatOut: r.flatOut[len(r.flatOut)-1:], paced: r.paced[len(r.paced)-1:]}
	text := fmt.Sprintf("%s, open in %.1f s", r.name, opened.Seconds())
	for _, c := range fleetColumns(0) {
		text += fmt.Sprintf(", %s %s", c.unit, c.text(&one, nil))
	}
	return text
}

// costs returns the CPU time in nanoseconds of each process for a delivery of all: first those
// of sop-chat, then those of NATS.
func (s *setup) costs(r *bench.Report) (chat, nats []float64) {
	var all []float64
	for _, one := range r.Servers {
		all = append(all, one.CPU*1e9/max(r.DeliveriesPerSecond, 1))
	}
	if len(r.Servers) == 0 {
		all = append(all, r.Server.CPUPerDelivery)
	}
	for _, one := range r.Beside {
		all = append(all, one.CPUPerDelivery)
	}
	return all[:s.chat], all[s.chat:]
}

// cost returns the sum of the costs of all processes.
func (s *setup) cost(r *bench.Report) float64 {
	chat, nats := s.costs(r)
	return sum(slices.Concat(chat, nats))
}

func sum(all []float64) (s float64) {
	for _, v := range all {
		s += v
	}
	return s
}

// syncTime returns how long it takes here until four kilobytes are on the disk: the median of
// some times.
func syncTime(folder string) (time.Duration, error) {
	file, err := os.CreateTemp(folder, "sync-")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	block := make([]byte, 4<<10)
	times := make([]time.Duration, 101)
	for i := range times {
		begun := time.Now()
		if _, err := file.Write(block); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(begun)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}
