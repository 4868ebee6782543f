package bench

import (
	"fmt"
	"slices"
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
	// Server is missing if its process is not known. It is of all servers together.
	Server *ServerCost `json:"server,omitempty"`
	// Servers are those of a cluster; it is missing if there is one server.
	Servers []ServerReport `json:"servers,omitempty"`
	// Beside are the costs of the other processes that were looked at.
	Beside    []BesideCost  `json:"beside,omitempty"`
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

// A ServerReport is what one server of several did.
type ServerReport struct {
	Address             string  `json:"address"`
	Clients             int     `json:"clients"`
	DeliveriesPerSecond float64 `json:"deliveries_per_second"` // to those
	*ServerCost                 // or nil
}

// A ServerCost is what the server's process needed.
type ServerCost struct {
	CPUPerDelivery float64 `json:"cpu_ns_per_delivery"` // 0 if nothing was delivered
	CPU            float64 `json:"cpu"`                 // cores that were busy
	BytesPerClient float64 `json:"bytes_per_client"`
}

// A BesideCost is what another process than the servers needed.
type BesideCost struct {
	CPUPerDelivery float64 `json:"cpu_ns_per_delivery"` // over the deliveries of all servers
	CPU            float64 `json:"cpu"`                 // cores that were busy
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

// newReport returns the report of a run, in which the memory of each server grew by some
// bytes.
func newReport(c *Config, way *measurement, memory []int64) *Report {
	way.recorder.close()
	seconds := (way.end.at - way.begin.at).Seconds()
	deliveries := float64(way.end.deliveries - way.begin.deliveries)
	perSecond := func(n float64) float64 { return ratio(n, seconds) }
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
	r.setServers(c, way, memory)
	for i, end := range way.end.beside {
		used := end - way.begin.beside[i]
		r.Beside = append(r.Beside, BesideCost{ratio(float64(used), deliveries), perSecond(used.Seconds())})
	}
	self := way.end.self - way.begin.self
	r.Generator = GeneratorCost{
		CPUPerDelivery: ratio(float64(self), deliveries),
		CPU:            perSecond(self.Seconds()),
		LateP99:        micros(quantile(way.lateness, 99)),
	}
	r.warn()
	return r
}

// ratio returns a/b, or 0 if there is nothing that a is spread over.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// setServers reports what the servers did, all together and each of several.
func (r *Report) setServers(c *Config, way *measurement, memory []int64) {
	clients := make([]int, len(c.Servers))
	for i := range c.Clients {
		clients[c.server(i)]++
	}
	var all ServerCost
	var deliveries, cpu float64
	for i, s := range c.Servers {
		delivered := float64(way.end.delivered[i] - way.begin.delivered[i])
		used := way.end.servers[i] - way.begin.servers[i]
		one := ServerReport{Clients: clients[i], DeliveriesPerSecond: ratio(delivered, r.Seconds)}
		if s.PID != 0 {
			one.ServerCost = &ServerCost{
				CPUPerDelivery: ratio(float64(used), delivered),
				CPU:            ratio(used.Seconds(), r.Seconds),
				BytesPerClient: ratio(float64(memory[i]), float64(clients[i])),
			}
			all.CPU += one.CPU
			all.BytesPerClient += float64(memory[i]) / float64(c.Clients)
		}
		deliveries, cpu = deliveries+delivered, cpu+float64(used)
		if len(c.Servers) > 1 {
			one.Address = s.Addrs[0].String()
			r.Servers = append(r.Servers, one)
		}
	}
	if all.CPUPerDelivery = ratio(cpu, deliveries); len(c.Servers) > 0 && c.Servers[0].PID != 0 {
		r.Server = &all
	}
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

// serverBusy reports whether the server, or one of several, did all it could.
func (r *Report) serverBusy() bool {
	if len(r.Servers) == 0 {
		return r.Server != nil && r.Server.CPU >= busy
	}
	return slices.ContainsFunc(r.Servers, func(s ServerReport) bool { return s.ServerCost != nil && s.CPU >= busy })
}

// warn notes what makes the figures doubtful.
func (r *Report) warn() {
	if r.Seconds == 0 {
		r.Warnings = append(r.Warnings, "this machine was too busy to look at the time before it was over: measure for longer (--duration)")
	}
	serverBusy := r.serverBusy()
	if r.Generator.CPU >= busy && !serverBusy {
		r.Warnings = append(r.Warnings, "the generator itself was busy all the time: the server may do more than this")
	}
	if r.Latency != nil && r.Generator.LateP99 > r.Latency.P99/2 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("of the p99 latency %.0f µs may be the generator's own: "+
			"so late it sent (this machine is too busy, or the rate too high)", r.Generator.LateP99))
	}
}
