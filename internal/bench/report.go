package bench

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Report is the result of a run. Its JSON is for scripts; Table shows it.
type Report struct {
	Clients int `json:"clients"`
	// Rooms is over how many rooms they were spread; it is missing if all were in
	// the same.
	Rooms   int `json:"rooms,omitempty"`
	Senders int `json:"senders"`
	// Subprotocol is the one that the clients spoke through WebSockets, if any.
	Subprotocol string `json:"subprotocol,omitempty"`
	// Rate is how many messages a second were to be sent; 0 is flat out, with
	// at most Window messages of each sender on their way.
	Rate   int `json:"rate"`
	Window int `json:"window,omitempty"`
	// Seconds is how long was measured.
	Seconds             float64 `json:"seconds"`
	SentPerSecond       float64 `json:"sent_per_second"`
	DeliveriesPerSecond float64 `json:"deliveries_per_second"`
	// Verified is how many deliveries were checked, with those that were not
	// measured.
	Verified int64 `json:"verified_deliveries"`
	// Latency is missing if nothing was sent.
	Latency *Latency `json:"latency,omitempty"`
	// Server is missing if its process is not known.
	Server    *ServerCost   `json:"server,omitempty"`
	Generator GeneratorCost `json:"generator"`
	// Warnings say why figures may not be the server's.
	Warnings []string `json:"warnings"`
	// Timeline is the measured time, second by second.
	Timeline []Second `json:"-"`
}

// What a latency is counted from: the moment a message was to be sent by its
// rate, or that in which it was.
const (
	sinceIntended = "intended"
	sinceSent     = "sent"
)

// A Latency is how long messages took to arrive.
type Latency struct {
	Since string `json:"since"` // sinceIntended or sinceSent

	P50  Micros `json:"p50_us"`
	P90  Micros `json:"p90_us"`
	P99  Micros `json:"p99_us"`
	P999 Micros `json:"p999_us"`
	Max  Micros `json:"max_us"`
}

// A ServerCost is what the server's process needed.
type ServerCost struct {
	CPUPerDelivery float64 `json:"cpu_ns_per_delivery"` // 0 if nothing was delivered
	CPU            float64 `json:"cpu"`                 // cores that were busy
	BytesPerClient float64 `json:"bytes_per_client"`
}

// A GeneratorCost is what this process needed, to see whether it is the limit.
type GeneratorCost struct {
	CPUPerDelivery float64 `json:"cpu_ns_per_delivery,omitempty"`
	CPU            float64 `json:"cpu,omitempty"`
	// LateP99 is how late messages were sent by the generator's own fault; with
	// a rate only.
	LateP99 Micros `json:"late_p99_us,omitempty"`
}

// Micros is a time in microseconds.
type Micros float64

func micros(d time.Duration) Micros { return Micros(d) / Micros(time.Microsecond) }

func newReport(c *Config, way *measurement, memory int64) *Report {
	way.recorder.close()
	seconds := (way.end.at - way.begin.at).Seconds()
	deliveries := float64(way.end.deliveries - way.begin.deliveries)
	perSecond := func(n float64) float64 {
		if seconds == 0 {
			return 0
		}
		return n / seconds
	}
	r := &Report{
		Clients:             c.Clients,
		Rooms:               len(c.Rooms),
		Senders:             c.Senders,
		Rate:                c.Rate,
		Seconds:             seconds,
		SentPerSecond:       perSecond(float64(way.end.composed - way.begin.composed)),
		DeliveriesPerSecond: perSecond(deliveries),
		Verified:            way.deliveries,
		Timeline:            way.recorder.seconds,
		Warnings:            []string{},
	}
	if way.told {
		r.Subprotocol = c.Dialect.Subprotocol
	}
	since := sinceIntended
	if c.Rate == 0 {
		since, r.Window = sinceSent, c.Window
	}
	if total := way.recorder.total; total.TotalCount() > 0 {
		r.Latency = newLatency(total, since)
	}
	perDelivery := func(cpu time.Duration) float64 {
		if deliveries == 0 {
			return 0
		}
		return float64(cpu) / deliveries
	}
	if c.PID != 0 {
		cpu := way.end.server - way.begin.server
		r.Server = &ServerCost{
			CPUPerDelivery: perDelivery(cpu),
			CPU:            perSecond(cpu.Seconds()),
			BytesPerClient: float64(memory) / float64(c.Clients),
		}
	}
	self := way.end.self - way.begin.self
	r.Generator = GeneratorCost{
		CPUPerDelivery: perDelivery(self),
		CPU:            perSecond(self.Seconds()),
		LateP99:        micros(quantile(way.lateness, 99)),
	}
	r.warn()
	return r
}

func newLatency(h *hdrhistogram.Histogram, since string) *Latency {
	return &Latency{
		Since: since,
		P50:   micros(quantile(h, 50)),
		P90:   micros(quantile(h, 90)),
		P99:   micros(quantile(h, 99)),
		P999:  micros(quantile(h, 99.9)),
		Max:   micros(time.Duration(h.Max())),
	}
}

// busy is the share of a core from which on one that has a single thread at
// work does all it can.
const busy = 0.95

// warn notes what makes the figures doubtful.
func (r *Report) warn() {
	if r.Seconds == 0 {
		r.Warnings = append(r.Warnings, "this machine was too busy to look at the time before it was over: measure for longer (--duration)")
	}
	serverBusy := r.Server != nil && r.Server.CPU >= busy
	if r.Generator.CPU >= busy && !serverBusy {
		r.Warnings = append(r.Warnings, "the generator itself was busy all the time: the server may do more than this")
	}
	if r.Latency != nil && r.Generator.LateP99 > r.Latency.P99/2 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("of the p99 latency %.0f µs may be the generator's own: "+
			"so late it sent (this machine is too busy, or the rate too high)", r.Generator.LateP99))
	}
}
