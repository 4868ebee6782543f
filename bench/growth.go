package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"sop-chat/internal/bench"
	"sop-chat/internal/chart"
)

// The numbers of clients at which growth is measured.
var (
	roomSizes = []int{10, 30, 100, 300, 1000, 3000, 10_000}
	idleSizes = []int{1000, 2000, 5000, 10_000, 15_000}
)

// A growth is how one figure changes as clients become more.
type growth struct {
	file, title, unit string
	sizes             []int
	config            func(o options, clients int) bench.Config
	of                func(*bench.Report) float64
}

var growths = []growth{
	{
		file: "cost.svg", title: "CPU time of the server for each delivery, flat out", unit: "ns",
		sizes: roomSizes,
		config: func(o options, clients int) bench.Config {
			return bench.Config{Clients: clients, Senders: min(o.senders, clients), Window: o.window, Warmup: o.warmup, Duration: o.duration}
		},
		of: func(r *bench.Report) float64 { return r.Server.CPUPerDelivery },
	},
	{
		file: "memory.svg", title: "Memory of the server for each idle client", unit: "bytes",
		sizes: idleSizes,
		config: func(_ options, clients int) bench.Config {
			return bench.Config{Clients: clients, Duration: 3 * time.Second}
		},
		of: func(r *bench.Report) float64 { return r.Server.BytesPerClient },
	},
}

// measureGrowth measures all growths, prints them, and draws them into files in
// a folder.
func measureGrowth(ctx context.Context, o options, servers []server, folder string, stdout, stderr io.Writer) error {
	for _, g := range growths {
		all, err := g.measure(ctx, o, servers, stderr)
		if err != nil {
			return err
		}
		c := g.chart(all)
		if err := printChart(stdout, c, g.sizes); err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(folder, g.file))
		if err != nil {
			return err
		}
		defer file.Close()
		if err := c.Draw(file); err != nil {
			return err
		}
	}
	return nil
}

// measure returns a series of medians for each server. A server that fails with
// some number of clients is not tried with more.
func (g *growth) measure(ctx context.Context, o options, servers []server, stderr io.Writer) ([]chart.Series, error) {
	all := make([]chart.Series, len(servers))
	failed := make([]bool, len(servers))
	for i, s := range servers {
		all[i].Name = s.name
	}
	for _, clients := range g.sizes {
		reports := make([][]*bench.Report, len(servers))
		for round := range o.rounds {
			for i, s := range servers {
				if failed[i] {
					continue
				}
				fmt.Fprintf(stderr, "%d clients, round %d of %d: %s\n", clients, round+1, o.rounds, s.name)
				config := g.config(o, clients)
				config.Dialect = s.dialect
				report, err := measure(ctx, s, config)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				if err != nil {
					fmt.Fprintf(stderr, "%s fails with %d clients: %v\n", s.name, clients, err)
					failed[i] = true
					continue
				}
				reports[i] = append(reports[i], report)
			}
		}
		for i := range servers {
			if value, ok := median(reports[i], g.of); ok && value > 0 {
				all[i].Points = append(all[i].Points, chart.Point{X: float64(clients), Y: value})
			}
		}
	}
	return all, nil
}

// chart returns a chart of the series, over the number of clients.
func (g *growth) chart(all []chart.Series) *chart.Chart {
	return &chart.Chart{Title: g.title, X: chart.Axis{Name: "clients"}, Y: chart.Axis{Name: g.unit}, Dots: true, Series: all}
}

// printChart prints a chart as a table, a line for each number of clients.
func printChart(out io.Writer, c *chart.Chart, sizes []int) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%s (%s)\n", c.Title, c.Y.Name)
	fmt.Fprint(w, "clients\t")
	for _, s := range c.Series {
		fmt.Fprintf(w, "%s\t", s.Name)
	}
	for _, size := range sizes {
		fmt.Fprintf(w, "\n%d\t", size)
		for _, s := range c.Series {
			text := "-"
			if i := slices.IndexFunc(s.Points, func(p chart.Point) bool { return p.X == float64(size) }); i >= 0 {
				text = fmt.Sprintf("%.0f", s.Points[i].Y)
			}
			fmt.Fprintf(w, "%s\t", text)
		}
	}
	fmt.Fprint(w, "\n\n")
	return w.Flush()
}
