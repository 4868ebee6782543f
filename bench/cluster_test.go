package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/bench"
)

// TestFleets runs small loads over what is built once.
func TestFleets(t *testing.T) {
	folder := t.TempDir()
	chat, nats := filepath.Join(folder, "sop-chat"), filepath.Join(folder, "sop-nats")
	if err := errors.Join(build(t.Context(), "..", chat, "."), build(t.Context(), "..", nats, "./cmd/sop-nats")); err != nil {
		t.Fatal(err)
	}
	t.Run("cluster", func(t *testing.T) { testCluster(t, "--sop-chat", chat, "--sop-nats", nats) })
	t.Run("ingest", func(t *testing.T) { testIngest(t, "--sop-nats", nats) })
}

// Two chat servers with clients, one without, and NATS itself pass with a small load.
func testCluster(t *testing.T, binaries ...string) {
	defer func(all []setup) { setups = all }(setups)
	setups = []setup{
		{name: "chat", chat: 3, away: 1, nats: 1, replicas: 1},
		{name: "stream", nats: 1, replicas: 1},
		{name: "core", nats: 1},
	}
	var out, progress bytes.Buffer
	if err := run(t.Context(), append(binaries,
		"--cluster", "--clients", "6", "--senders", "2", "--rate", "100", "--rounds", "1", "--warmup", "0", "--duration", "200ms",
	), &out, &progress); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), append(binaries,
		"--cluster", "--only", "chat", "--rooms", "2", "--clients", "8", "--senders", "2", "--rate", "100", "--rounds", "1", "--warmup", "0",
		"--duration", "100ms",
	), &out, &progress); err != nil {
		t.Fatal(err)
	}
	if text := progress.String() + out.String(); strings.Contains(text, "failed") || strings.Contains(text, " - ") {
		t.Error(text)
	}
}

func TestFleetTable(t *testing.T) {
	report := func(cpu, deliveries, p50 float64, servers, beside []float64) *bench.Report {
		r := &bench.Report{
			DeliveriesPerSecond: deliveries, SentPerSecond: deliveries / 10,
			Latency: &bench.Latency{P50: bench.Micros(p50), P99: bench.Micros(2 * p50), Max: bench.Micros(3 * p50)},
			Server:  &bench.ServerCost{CPUPerDelivery: cpu},
		}
		for _, one := range servers {
			r.Servers = append(r.Servers, bench.ServerReport{ServerCost: &bench.ServerCost{CPU: one * deliveries / 1e9}})
		}
		for _, one := range beside {
			r.Beside = append(r.Beside, bench.BesideCost{CPUPerDelivery: one})
		}
		return r
	}
	alone := report(100, 1_000_000, 200, nil, nil)
	two := report(0, 500_000, 2000, []float64{110, 120}, []float64{50})
	results := []fleetResult{
		{setup: setup{name: "alone", chat: 1}, flatOut: []*bench.Report{alone}, paced: []*bench.Report{alone}},
		{setup: setup{name: "two", chat: 2, nats: 1}, flatOut: []*bench.Report{two}, paced: []*bench.Report{two}},
		{setup: setup{name: "nats", nats: 1}, flatOut: []*bench.Report{alone}, failed: errors.New("it fell over")},
	}
	var out bytes.Buffer
	o := options{clients: 100, senders: 10, rate: 500, rounds: 1, duration: time.Second}
	if err := printFleets(&out, o, results, 300*time.Microsecond); err != nil {
		t.Fatal(err)
	}
	golden(t, "fleets.txt", out.String())
}
