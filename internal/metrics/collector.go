//go:build linux

package metrics

import (
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"sop-chat/internal/histogram"
	"sop-chat/internal/history"
	"sop-chat/internal/server"
)

// prefix is that of the names of all numbers.
const prefix = "sop_chat_"

// A metric is a number, or several that differ by a label.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// described are the descriptions of all metrics.
var described []*prometheus.Desc

func newMetric(kind prometheus.ValueType, name, help string, labels ...string) metric {
	m := metric{prometheus.NewDesc(prefix+name, help, labels, nil), kind}
	described = append(described, m.desc)
	return m
}

func counter(name, help string, labels ...string) metric {
	return newMetric(prometheus.CounterValue, name, help, labels...)
}

func gauge(name, help string, labels ...string) metric {
	return newMetric(prometheus.GaugeValue, name, help, labels...)
}

// The metrics, in the order of docs/metrics.md.
var (
	buildInfo = gauge("build_info", "1, with the version of the program.", "version", "revision", "goversion")
	ready     = gauge("ready", "1 if the server should be sent clients, as /readyz says, and else 0.")
	draining  = gauge("draining", "1 if the server lets nobody in any more, and else 0.")

	clients      = gauge("clients", "Clients in the rooms.", "transport")
	pending      = gauge("pending_connections", "Connections that have not given a key.")
	rooms        = gauge("rooms", "Rooms that are open.")
	roomsPressed = gauge("rooms_pressed", "Rooms in which floods are slowed down, because a reader lags. Those that are held are among them.")
	roomsHeld    = gauge("rooms_held", "Rooms in which nobody is read, because a reader lags too far.")
	fullest      = gauge("fullest_room_ratio", "Which share of its slots the fullest room has taken. 0 if no room has a limit.")

	connections     = counter("connections_total", "Connections that were accepted, or handed over by the page or by TLS.")
	disconnects     = counter("disconnects_total", "Connections that ended, those without a key included.", "reason")
	authentications = counter("authentications_total", "Keys that were given, by what came of them.", "outcome")

	messages      = counter("messages_total", "Messages that were said.")
	deliveries    = counter("deliveries_total", "Messages that were written to clients, once for each client.")
	receivedBytes = counter("received_bytes_total", "Bytes that were read from clients.")
	sentBytes     = counter("sent_bytes_total", "Bytes that were written to clients.")
	delivered     = counter("delivered_bytes_total", "Bytes of messages that were written to clients, by copy or by reference.", "by")
	sendMode      = gauge("send_mode", "1 for the way in which large batches are sent to large rooms at present, and else 0.", "by")
	writeLatency  = gauge("write_latency_seconds", "A sample of the time from when messages were read until they were written to the clients that take them at once.")

	lagging     = gauge("lagging_clients", "Clients that have yet to take something.")
	lagBytes    = gauge("slowest_client_lag_bytes", "How much the client furthest behind has yet to take.")
	lagSeconds  = gauge("slowest_client_lag_seconds", "How long the oldest message waits that a client has yet to take, of those said since it joined.")
	pressedTime = counter("rooms_pressed_seconds_total", "For how long rooms were pressed, all rooms together.")
	heldTime    = counter("rooms_held_seconds_total", "For how long rooms were held, all rooms together.")

	loopsAnswering = gauge("loops_answering", "Event loops that have answered within two seconds.")
	loops          = gauge("loops", "Event loops.")
	loopBusy       = counter("loop_busy_seconds_total", "For how long an event loop did not wait.", "loop")
	loopWakeups    = counter("loop_wakeups_total", "How often an event loop woke up.", "loop")

	historyQueue   = gauge("history_queue_messages", "Messages that wait to be written to the history.")
	historyWritten = counter("history_written_messages_total", "Messages that were written to the history.")
	historyMissing = counter("history_missing_messages_total", "Messages that were left out of the history, because it could not be written.")
	historyFailing = gauge("history_failing", "1 if the history can't be written, and else 0.")
	historyCommit  = gauge("history_commit_seconds", "How long transactions of the history took.")

	clusterConnected  = gauge("cluster_connected", "1 if the server is connected to NATS, and else 0.")
	clusterFailing    = gauge("cluster_failing", "1 if nothing can be said because of the cluster, and else 0.")
	clusterUnreturned = gauge("cluster_unreturned_messages", "Messages that were said here and have not come back from the cluster's stream.")
	clusterDelivered  = counter("cluster_delivered_messages_total", "Messages that came from the cluster's stream.")
	clusterFailures   = counter("cluster_failures_total", "Attempts to publish to the cluster's stream, or to read it, that failed.")

	certificateExpiry = gauge("certificate_expiry_timestamp_seconds", "When the certificate for TLS expires, in seconds since 1970.")
)

// A collector collects the numbers of a server when it is asked for them.
type collector struct{ config Config }

var _ prometheus.Collector = (*collector)(nil)

// Describe sends the descriptions of all metrics.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range described {
		to <- d
	}
}

// Collect sends all metrics.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := sink{to}
	stats := c.config.Server.Stats()
	s.put(buildInfo, 1, c.config.Version, c.config.Revision, runtime.Version())
	s.put(ready, number(len(c.config.unready(stats)) == 0))
	s.put(draining, number(c.config.Draining != nil && c.config.Draining()))
	s.putNow(&stats)
	s.putCounts(&stats)
	s.putLoops(stats.Loops)
	if c.config.History != nil {
		s.putHistory(c.config.History.Stats())
	}
	if c.config.Cluster != nil {
		s.putCluster(c.config.Cluster.Stats())
	}
	if c.config.Certificate != nil {
		if at := c.config.Certificate.NotAfter(); !at.IsZero() {
			s.put(certificateExpiry, float64(at.Unix()))
		}
	}
}

// A sink takes metrics.
type sink struct{ to chan<- prometheus.Metric }

func (s sink) put(m metric, value float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
}

func (s sink) putHistogram(m metric, h *histogram.Histogram) {
	buckets := make(map[float64]uint64, len(histogram.Bounds))
	var count uint64
	for i, bound := range histogram.Bounds {
		count += h.Buckets[i]
		buckets[bound.Seconds()] = count
	}
	s.to <- prometheus.MustNewConstHistogram(m.desc, h.Count(), h.Sum.Seconds(), buckets)
}

// putNow puts what a server is like now.
func (s sink) putNow(stats *server.Stats) {
	s.put(clients, float64(stats.Clients-stats.WebSockets), "tcp")
	s.put(clients, float64(stats.WebSockets), "websocket")
	s.put(pending, float64(stats.Pending))
	s.put(rooms, float64(stats.Rooms))
	s.put(roomsPressed, float64(stats.RoomsPressed))
	s.put(roomsHeld, float64(stats.RoomsHeld))
	s.put(fullest, stats.Fullest)
	s.put(lagging, float64(stats.Lagging))
	s.put(lagBytes, float64(stats.Lag))
	s.put(lagSeconds, stats.LagTime.Seconds())
	s.put(sendMode, number(!stats.SendsByReference), "copy")
	s.put(sendMode, number(stats.SendsByReference), "reference")
}

// putCounts puts what a server has counted.
func (s sink) putCounts(stats *server.Stats) {
	s.put(connections, float64(stats.Connections))
	for reason, n := range stats.Disconnects {
		s.put(disconnects, float64(n), reason)
	}
	for outcome, n := range stats.Authentications {
		s.put(authentications, float64(n), outcome)
	}
	s.put(messages, float64(stats.Messages))
	s.put(deliveries, float64(stats.Deliveries))
	s.put(receivedBytes, float64(stats.Received))
	s.put(sentBytes, float64(stats.Sent))
	s.put(delivered, float64(stats.Copied), "copy")
	s.put(delivered, float64(stats.Referred), "reference")
	s.putHistogram(writeLatency, &stats.WriteLatency)
	s.put(pressedTime, stats.Pressed.Seconds())
	s.put(heldTime, stats.Held.Seconds())
}

func (s sink) putLoops(all []server.LoopStats) {
	answering := 0
	for i, l := range all {
		if l.Answers {
			answering++
		}
		s.put(loopBusy, l.Busy.Seconds(), strconv.Itoa(i))
		s.put(loopWakeups, float64(l.Wakeups), strconv.Itoa(i))
	}
	s.put(loops, float64(len(all)))
	s.put(loopsAnswering, float64(answering))
}

func (s sink) putHistory(stats history.WriterStats) {
	s.put(historyQueue, float64(stats.Queue))
	s.put(historyWritten, float64(stats.Written))
	s.put(historyMissing, float64(stats.Missing))
	s.put(historyFailing, number(stats.Failure != ""))
	s.putHistogram(historyCommit, &stats.Commit)
}

func (s sink) putCluster(stats ClusterStats) {
	s.put(clusterConnected, number(stats.Connected))
	s.put(clusterFailing, number(stats.Failure != ""))
	s.put(clusterUnreturned, float64(stats.Unreturned))
	s.put(clusterDelivered, float64(stats.Delivered))
	s.put(clusterFailures, float64(stats.Failures))
}

// number returns 1 for what is true, and 0 for what is not.
func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
