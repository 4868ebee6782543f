package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What a histogram can hold: from a microsecond to an hour, to three digits.
const (
	leastLatency = time.Microsecond
	mostLatency  = time.Hour
	digits       = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(leastLatency), int64(mostLatency), digits)
}

// A recorder takes down latencies, second by second. To evaluate a second
// takes longer than a message should ever wait, so a goroutine of its own does
// it:
//
//	record ──▶ current ──turn──▶ full ──▶ evaluate ──▶ total, seconds
//	              ▲                          │
//	              └────────── empty ◀────────┘
type recorder struct {
	current *hdrhistogram.Histogram
	full    chan *hdrhistogram.Histogram
	empty   chan *hdrhistogram.Histogram
	done    chan struct{}

	// Of evaluate, until done is closed.
	total   *hdrhistogram.Histogram
	seconds []Second
}

// A Second is what was received within one second of the measured time.
type Second struct {
	Deliveries    int64
	P50, P99, Max time.Duration
}

func newRecorder() *recorder {
	r := &recorder{
		current: newHistogram(),
		full:    make(chan *hdrhistogram.Histogram, 2),
		empty:   make(chan *hdrhistogram.Histogram, 2),
		done:    make(chan struct{}),
		total:   newHistogram(),
	}
	r.empty <- newHistogram()
	go r.evaluate()
	return r
}

// record takes down the same latency n times.
func (r *recorder) record(latency time.Duration, n int64) {
	// Only values out of range fail, and the least and the most are in it.
	r.current.RecordValues(int64(min(max(latency, 0), mostLatency)), n)
}

// turn ends a second.
func (r *recorder) turn() {
	r.full <- r.current
	r.current = <-r.empty
}

// close ends the last second and waits until all is evaluated. It may be called
// again.
func (r *recorder) close() {
	if r.full == nil {
		return
	}
	r.full <- r.current
	close(r.full)
	<-r.done
	r.full = nil
}

func (r *recorder) evaluate() {
	defer close(r.done)
	for h := range r.full {
		r.total.Merge(h)
		r.seconds = append(r.seconds, Second{
			Deliveries: h.TotalCount(),
			P50:        quantile(h, 50),
			P99:        quantile(h, 99),
			Max:        time.Duration(h.Max()),
		})
		h.Reset()
		r.empty <- h
	}
}

func quantile(h *hdrhistogram.Histogram, percent float64) time.Duration {
	return time.Duration(h.ValueAtQuantile(percent))
}
