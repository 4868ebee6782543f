package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"sop-chat/internal/bench"
)

// A result has the reports of one server, by round.
type result struct {
	server
	flatOut, paced, idle []*bench.Report
	failed               error // the first failure; what came before still counts
}

// compare puts all servers under the same load, one after the other, round by
// round, so that disturbances on this machine affect all of them. Each load gets
// a new process.
func compare(ctx context.Context, o options, servers []server, stderr io.Writer) ([]result, error) {
	results := make([]result, len(servers))
	for i, s := range servers {
		results[i].server = s
	}
	for round := range o.rounds {
		for i, s := range servers {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if results[i].failed != nil {
				continue
			}
			fmt.Fprintf(stderr, "round %d of %d: %s\n", round+1, o.rounds, s.name)
			results[i].failed = results[i].runRound(ctx, o)
		}
	}
	return results, nil
}

// runRound runs one round.
func (r *result) runRound(ctx context.Context, o options) error {
	config := bench.Config{
		Dialect:  r.dialect,
		Clients:  o.clients,
		Senders:  o.senders,
		Window:   o.window,
		Warmup:   o.warmup,
		Duration: o.duration,
	}
	paced, idle := config, config
	paced.Rate = o.rate
	idle.Clients, idle.Senders = o.idle, 0
	idle.Warmup, idle.Duration = 0, time.Second
	for _, work := range []struct {
		config  bench.Config
		reports *[]*bench.Report
	}{{config, &r.flatOut}, {paced, &r.paced}, {idle, &r.idle}} {
		if work.config.Clients == 0 {
			continue
		}
		report, err := measure(ctx, r.server, work.config)
		if err != nil {
			return err
		}
		*work.reports = append(*work.reports, report)
	}
	return nil
}

// measure runs the load generator against a new process.
func measure(ctx context.Context, s server, config bench.Config) (*bench.Report, error) {
	p, err := start(ctx, s)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	config.Servers = []bench.Server{{Addrs: []netip.AddrPort{p.addr}, PID: p.cmd.Process.Pid}}
	return bench.Run(ctx, config)
}

// median returns the median of a figure of reports; ok is false if there are
// none.
func median(reports []*bench.Report, of func(*bench.Report) float64) (m float64, ok bool) {
	values := make([]float64, len(reports))
	for i, r := range reports {
		values[i] = of(r)
	}
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return 0, false
	}
	return (values[(n-1)/2] + values[n/2]) / 2, true
}
