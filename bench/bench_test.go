package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"sop-chat/internal/bench"
	"sop-chat/internal/chart"
	"sop-chat/internal/testenv"
)

var update = flag.Bool("update", false, "renew the golden files")

// smallLoad is a load that takes no time.
func smallLoad(addr netip.AddrPort, d bench.Dialect) bench.Config {
	return bench.Config{
		Servers: []bench.Server{{Addrs: []netip.AddrPort{addr}}}, Dialect: d,
		Clients: 5, Senders: 2, Window: 32, Duration: 200 * time.Millisecond,
	}
}

// runSmallLoad runs the load flat out and at a rate, and checks that messages
// were delivered.
func runSmallLoad(t *testing.T, addr netip.AddrPort, d bench.Dialect) {
	t.Helper()
	flatOut := smallLoad(addr, d)
	paced := flatOut
	paced.Rate = 1000
	for _, config := range []bench.Config{flatOut, paced} {
		report, err := bench.Run(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		if report.Verified == 0 {
			t.Error("nothing was delivered")
		}
	}
}

func TestNATS(t *testing.T) {
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(startTimeout) {
		t.Fatal("it does not listen")
	}
	runSmallLoad(t, s.Addr().(*net.TCPAddr).AddrPort(), natsDialect)
}

// Its WebSockets carry the same stream.
func TestNATSWebSockets(t *testing.T) {
	s, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true,
		Websocket: natsserver.WebsocketOpts{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoTLS: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(startTimeout) {
		t.Fatal("it does not listen")
	}
	u, err := url.Parse(s.WebsocketURL())
	if err != nil {
		t.Fatal(err)
	}
	runSmallLoad(t, netip.MustParseAddrPort(u.Host), overNATSWebSocket())
}

func TestRedis(t *testing.T) {
	s, err := redisServer(t.Context(), options{}, "")
	if errors.Is(err, errNotThere) {
		testenv.Lacks(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	runSmallLoad(t, p.addr, redis)
}

// TestRun runs the program from its arguments to the table, with a server of
// --server.
func TestRun(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sop-chat")
	if err := build(t.Context(), "..", binary, "."); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run(t.Context(), []string{
		"--sop-chat", binary, "--only", "sop-chat,again", "--server", "again=" + binary + " --max-clients 0 {port} {key}",
		"--clients", "5", "--senders", "2", "--idle", "10", "--rounds", "1", "--warmup", "0", "--duration", "100ms",
	}, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CPU ns/delivery", "\n  sop-chat  ", "\n     again  ", "sop-chat: sop-chat "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "failed") {
		t.Error(out.String())
	}
}

// TestRunWeb does the same over WebSockets, with all servers that have them.
func TestRunWeb(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sop-chat")
	if err := build(t.Context(), "..", binary, "."); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run(t.Context(), []string{
		"--web", "--sop-chat", binary, "--server", "again=" + binary + " --max-clients 0 --web 127.0.0.1:{port} {other} {key}",
		"--clients", "5", "--senders", "2", "--idle", "10", "--rounds", "1", "--warmup", "0", "--duration", "100ms",
	}, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n  sop-chat  ", "\n      nats  ", "\n       hub  ", "\n     again  ", "hub: a hub on coder/websocket v", "5 clients over WebSockets",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "failed") {
		t.Error(out.String())
	}
}

func TestWrongUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"extra"}, `"extra" is one argument too many`},
		{[]string{"--rounds", "0"}, "must be at least 1"},
		{[]string{"--server", "mine"}, "want 'name=command line with {port} and {key}'"},
		{[]string{"--server", "mine=server 9000"}, "want 'name=command line with {port} and {key}'"},
		{[]string{"--server", "mine=/no/such/server {port}"}, "no such file"},
		{[]string{"--web", "--growth", "."}, "--growth is measured over TCP"},
		{[]string{"--web", "--cluster"}, "--cluster has servers of its own"},
		{[]string{"--rooms", "2"}, "--rooms is at least 1"},
		{[]string{"--cluster", "--only", "none"}, "there is no setup"},
		{[]string{"--ingest", "--only", "none"}, "there is no setup"},
		{[]string{"--only", "none"}, `there is no server "sop-chat" to compare with`},
	} {
		err := run(t.Context(), test.args, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v; want %q", test.args, err, test.want)
		}
	}
	if err := run(t.Context(), []string{"--help"}, io.Discard, io.Discard); err != nil {
		t.Error(err)
	}
}

// A server that ends at once, or never listens, is reported with its output.
func TestServerThatDoesNotStart(t *testing.T) {
	s := server{command: func(int, int) []string { return []string{"sh", "-c", "echo no licence; exit 1"} }}
	if _, err := start(t.Context(), s); err == nil || !strings.Contains(err.Error(), "no licence") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s = server{command: func(int, int) []string { return []string{"sleep", "1000"} }}
	if _, err := start(ctx, s); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTable(t *testing.T) {
	report := func(cpu, deliveries, p50, p99, bytes float64) *bench.Report {
		return &bench.Report{
			DeliveriesPerSecond: deliveries,
			Latency:             &bench.Latency{P50: bench.Micros(p50), P99: bench.Micros(p99)},
			Server:              &bench.ServerCost{CPUPerDelivery: cpu, BytesPerClient: bytes},
		}
	}
	late := report(400, 3_000_000, 1, 1, 1)
	late.Warnings = []string{"it rains"}
	results := []result{
		{
			server:  server{name: "a", version: "a 1.0"},
			flatOut: []*bench.Report{report(100, 9_000_000, 0, 0, 0), report(110, 8_000_000, 0, 0, 0), report(90, 9_500_000, 0, 0, 0)},
			paced:   []*bench.Report{report(4500, 49_500, 240, 480, 0), report(4700, 49_500, 260, 520, 0)},
			idle:    []*bench.Report{report(0, 0, 0, 0, 250)},
		},
		{
			server:  server{name: "b"},
			flatOut: []*bench.Report{late, late},
			failed:  errors.New("it fell over"),
		},
	}
	var out bytes.Buffer
	o := options{clients: 100, senders: 10, rate: 500, rounds: 3, duration: time.Second, idle: 5000, reference: "a"}
	if err := printTable(&out, o, results); err != nil {
		t.Fatal(err)
	}
	golden(t, "table.txt", out.String())
}

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not what %s shows; run go test with -update if it should be:\n%s", file, got)
	}
}

// The figures of a chart are printed too, a line for each number of clients.
func TestPrintChart(t *testing.T) {
	g := growth{title: "Cost & more", unit: "ns"}
	c := g.chart([]chart.Series{
		{Name: "a", Points: []chart.Point{{X: 10, Y: 80}, {X: 100, Y: 40}, {X: 1000, Y: 38}}},
		{Name: "b", Points: []chart.Point{{X: 10, Y: 500}, {X: 100, Y: 41}, {X: 1000, Y: 39}}},
		{Name: "fails", Points: []chart.Point{{X: 10, Y: 2500}}},
		{Name: "none"},
	})
	var table bytes.Buffer
	if err := printChart(&table, c, []int{10, 100, 1000}); err != nil {
		t.Fatal(err)
	}
	golden(t, "chart.txt", table.String())
}

// TestGrowth draws the files from real runs.
func TestGrowth(t *testing.T) {
	defer func(cost, memory []int) { growths[0].sizes, growths[1].sizes = cost, memory }(growths[0].sizes, growths[1].sizes)
	growths[0].sizes, growths[1].sizes = []int{3, 5}, []int{100}
	binary, folder := filepath.Join(t.TempDir(), "sop-chat"), t.TempDir()
	if err := build(t.Context(), "..", binary, "."); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{
		"--sop-chat", binary, "--only", "sop-chat", "--growth", folder, "--senders", "2", "--rounds", "1",
		"--warmup", "0", "--duration", "200ms",
	}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, g := range growths {
		svg, err := os.ReadFile(filepath.Join(folder, g.file))
		if err != nil || !strings.Contains(string(svg), ">sop-chat</text>") {
			t.Errorf("%s has no line: %v", g.file, err)
		}
	}
}
