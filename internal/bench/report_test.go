package bench

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "renew the golden files")

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

// example returns a report with everything in it.
func example() *Report {
	return &Report{
		Clients: 100, Senders: 10, Rate: 500, Seconds: 10, SentPerSecond: 500, DeliveriesPerSecond: 49_500, Verified: 594_000,
		Latency:   &Latency{Since: sinceIntended, P50: 242, P90: 331.5, P99: 471, P999: 1203, Max: 2100},
		Server:    &ServerCost{CPUPerDelivery: 4512.3, CPU: 0.22, BytesPerClient: 374},
		Generator: GeneratorCost{CPUPerDelivery: 2100, CPU: 0.1, LateP99: 61},
		Warnings:  []string{},
		Timeline: []Second{
			{49_500, 240 * time.Microsecond, 460 * time.Microsecond, 900 * time.Microsecond},
			{0, 0, 0, 0},
			{49_500, 250 * time.Microsecond, 480 * time.Microsecond, 2100 * time.Microsecond},
			{49_500, 240 * time.Microsecond, 470 * time.Microsecond, 800 * time.Microsecond},
		},
	}
}

// ofServers returns the report of two servers.
func ofServers() *Report {
	r := example()
	r.Servers = []ServerReport{
		{"127.0.0.1:9000", 50, 30_000, &ServerCost{CPUPerDelivery: 4512.3, CPU: 0.12, BytesPerClient: 374}},
		{"127.0.0.2:9000", 50, 19_500, nil},
	}
	return r
}

func TestTable(t *testing.T) {
	flatOut, idle := example(), example()
	flatOut.Rate, flatOut.Window, flatOut.Latency.Since = 0, 256, sinceSent
	flatOut.Server, flatOut.Subprotocol = nil, Numbers
	flatOut.Warnings = []string{"it rains"}
	idle.Senders, idle.Latency, idle.Generator = 0, nil, GeneratorCost{}
	golden(t, "tables.txt", example().Table()+"\n"+flatOut.Table()+"\n"+idle.Table()+"\n"+ofServers().Table())
}

func TestJSON(t *testing.T) {
	for name, report := range map[string]*Report{
		"report.json":  example(),
		"nothing.json": {Warnings: []string{}},
		"servers.json": ofServers(),
	} {
		b, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, string(b)+"\n")
	}
}

func TestPlot(t *testing.T) {
	var b bytes.Buffer
	if err := example().Plot(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "plot.svg", b.String())
}

// A plot of little or nothing has its axes all the same.
func TestPlotOfLittle(t *testing.T) {
	for _, seconds := range [][]Second{nil, make([]Second, 3), {{1, time.Millisecond, time.Millisecond, time.Millisecond}}} {
		var b bytes.Buffer
		r := example()
		r.Timeline = seconds
		if err := r.Plot(&b); err != nil {
			t.Fatal(err)
		}
		if s := b.String(); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") || !strings.Contains(s, ">second<") {
			t.Errorf("%d seconds: %s", len(seconds), s)
		}
	}
}

// Figures that may not be the server's are marked.
func TestWarnings(t *testing.T) {
	const busyGenerator, lateGenerator = "the generator itself was busy", "may be the generator's own"
	for _, test := range []struct {
		what   string
		change func(r *Report)
		want   string
	}{
		{"nothing", func(*Report) {}, ""},
		{"generator busy", func(r *Report) { r.Generator.CPU = 0.99 }, busyGenerator},
		{"generator busy, server unknown", func(r *Report) { r.Generator.CPU, r.Server = 0.99, nil }, busyGenerator},
		{"both busy", func(r *Report) { r.Generator.CPU, r.Server.CPU = 0.99, 0.99 }, ""},
		{"generator busy, no server of several", func(r *Report) {
			r.Servers, r.Generator.CPU, r.Server.CPU = ofServers().Servers, 0.99, 1.1
		}, busyGenerator},
		{"generator late", func(r *Report) { r.Generator.LateP99 = 300 }, lateGenerator},
	} {
		r := example()
		test.change(r)
		r.warn()
		got := strings.Join(r.Warnings, "\n")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
	}
}

func TestWhole(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 0.4: "0", 999: "999", 999.5: "1,000", 1000: "1,000", 9_970_000: "9,970,000", -1234: "-1,234", -12: "-12",
	} {
		if got := whole(x); got != want {
			t.Errorf("whole(%v) = %s, want %s", x, got, want)
		}
	}
}

// Where the time was over before it was looked at, the figures are 0, and it says why.
func TestNothingMeasured(t *testing.T) {
	at := &mark{at: time.Second, delivered: []int64{0}, servers: []time.Duration{0}}
	c := &Config{Clients: 10, Senders: 1, Servers: []Server{{PID: 1}}, Duration: time.Second, Dialect: Chat("")}
	r := newReport(c, &measurement{driver: newDriver(c, sink{}, 1), begin: at, end: at}, []int64{0})
	if _, err := json.Marshal(r); err != nil || r.DeliveriesPerSecond != 0 || r.Generator.CPU != 0 || len(r.Warnings) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}
