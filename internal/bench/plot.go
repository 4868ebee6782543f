package bench

import (
	"fmt"
	"io"
	"math"
	"time"

	"sop-chat/internal/chart"
	"sop-chat/internal/english"
)

// Plot draws the latency over the measured time as SVG: the median, the 99th
// percentile and the maximum of each second, with a gap where nothing came.
func (r *Report) Plot(w io.Writer) error {
	c := chart.Chart{
		Title: r.title(),
		X:     chart.Axis{Name: "second", Linear: true},
		Y:     chart.Axis{Name: "latency", Label: func(µs float64) string { return time.Duration(µs * 1e3).String() }},
		Series: []chart.Series{
			r.curve("p50", func(s Second) time.Duration { return s.P50 }),
			r.curve("p99", func(s Second) time.Duration { return s.P99 }),
			r.curve("max", func(s Second) time.Duration { return s.Max }),
		},
	}
	return c.Draw(w)
}

func (r *Report) title() string {
	load := "flat out"
	if r.Rate > 0 {
		load = whole(float64(r.Rate)) + " messages/s"
	}
	return fmt.Sprintf("Latency: %s %s, %s %s, %s", whole(float64(r.Clients)), english.Noun(r.Clients, "client"),
		whole(float64(r.Senders)), english.Noun(r.Senders, "sender"), load)
}

// curve returns one value of each second, in microseconds.
func (r *Report) curve(name string, of func(Second) time.Duration) chart.Series {
	s := chart.Series{Name: name}
	for i, second := range r.Timeline {
		y := math.NaN()
		if second.Deliveries > 0 {
			y = float64(max(of(second), time.Microsecond)) / 1e3
		}
		s.Points = append(s.Points, chart.Point{X: float64(i + 1), Y: y})
	}
	return s
}
