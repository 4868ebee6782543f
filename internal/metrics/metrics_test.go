//go:build linux

package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sop-chat/internal/history"
	"sop-chat/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake has numbers that a test sets.
type fake struct {
	server      server.Stats
	history     history.WriterStats
	certificate time.Time
	cluster     ClusterStats
	draining    bool
}

type (
	fakeServer      struct{ *fake }
	fakeHistory     struct{ *fake }
	fakeCertificate struct{ *fake }
	fakeCluster     struct{ *fake }
)

func (f fakeServer) Stats() server.Stats         { return f.server }
func (f fakeHistory) Stats() history.WriterStats { return f.history }
func (f fakeCertificate) NotAfter() time.Time    { return f.certificate }
func (f fakeCluster) Stats() ClusterStats        { return f.cluster }

// newFake returns a server that is well, with all that may belong to one.
func newFake() (*fake, Config) {
	f := &fake{certificate: time.Unix(2_000_000_000, 0), cluster: ClusterStats{Connected: true, Unreturned: 4, Delivered: 12, Failures: 2}}
	f.server = server.Stats{
		Serving: true,
		Loops:   []server.LoopStats{{Wakeups: 5, Busy: 1500 * time.Millisecond, Answers: true}, {Answers: true}},
		Clients: 7, WebSockets: 2, Messages: 11, Deliveries: 66,
		Disconnects:     map[string]uint64{"too_slow": 3},
		Authentications: map[string]uint64{"accepted": 9},
	}
	f.server.WriteLatency.Observe(3 * time.Millisecond)
	f.history.Commit.Observe(time.Minute)
	return f, Config{
		Server: fakeServer{f}, History: fakeHistory{f}, Certificate: fakeCertificate{f}, Cluster: fakeCluster{f},
		Draining: func() bool { return f.draining },
		Version:  "v1.2.3", Revision: "abc", Logger: slog.New(slog.DiscardHandler),
	}
}

// get returns the answer to a request for a path.
func get(t *testing.T, c Config, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(c).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

// Prometheus is told the numbers by their names, with no label but those of few values.
func TestNumbers(t *testing.T) {
	_, c := newFake()
	status, body := get(t, c, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	for _, line := range []string{
		`sop_chat_ready 1`,
		`sop_chat_clients{transport="tcp"} 5`,
		`sop_chat_clients{transport="websocket"} 2`,
		`sop_chat_messages_total 11`,
		`sop_chat_deliveries_total 66`,
		`sop_chat_disconnects_total{reason="too_slow"} 3`,
		`sop_chat_authentications_total{outcome="accepted"} 9`,
		`sop_chat_loop_busy_seconds_total{loop="0"} 1.5`,
		`sop_chat_loops_answering 2`,
		`sop_chat_write_latency_seconds_bucket{le="0.0025"} 0`,
		`sop_chat_write_latency_seconds_bucket{le="0.005"} 1`,
		`sop_chat_write_latency_seconds_bucket{le="+Inf"} 1`,
		`sop_chat_history_commit_seconds_bucket{le="10"} 0`,
		`sop_chat_history_commit_seconds_sum 60`,
		`sop_chat_history_commit_seconds_count 1`,
		`sop_chat_certificate_expiry_timestamp_seconds 2e+09`,
		`sop_chat_cluster_connected 1`,
		`sop_chat_cluster_failing 0`,
		`sop_chat_cluster_unreturned_messages 4`,
		`sop_chat_cluster_delivered_messages_total 12`,
		`sop_chat_cluster_failures_total 2`,
	} {
		if !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("there is no line %q", line)
		}
	}
	for _, name := range []string{"go_goroutines", "process_open_fds", "sop_chat_build_info"} {
		if !strings.Contains(body, "\n"+name) {
			t.Errorf("there is no %s", name)
		}
	}
}

// Those that ask for the numbers themselves get all that Prometheus is told of the server.
func TestNumbersAsMap(t *testing.T) {
	_, c := newFake()
	got, err := Numbers(c)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"clients":                 map[string]any{"tcp": 5.0, "websocket": 2.0},
		"messages_total":          11.0,
		"loop_busy_seconds_total": map[string]any{"0": 1.5, "1": 0.0},
		"history_commit_seconds":  map[string]any{"count": uint64(1), "sum": 60.0},
	} {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	_, body := get(t, c, "/metrics")
	for _, found := range regexp.MustCompile("(?m)^# TYPE "+prefix+"(\\S+)").FindAllStringSubmatch(body, -1) {
		if name := found[1]; got[name] == nil && name != "build_info" {
			t.Errorf("there is no %s", name)
		}
	}
}

// What is not there is not told: a history, or a certificate that has yet to be issued.
func TestAbsent(t *testing.T) {
	f, c := newFake()
	c.History, c.Cluster, f.certificate = nil, nil, time.Time{}
	_, body := get(t, c, "/metrics")
	for _, name := range []string{"history", "certificate", "cluster"} {
		if strings.Contains(body, "sop_chat_"+name) {
			t.Errorf("there are numbers of a %s", name)
		}
	}
}

// docs/metrics.md has each number, with its type, and no others; and each of the reasons.
func TestDocumented(t *testing.T) {
	_, c := newFake()
	families, err := registry(c).Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), prefix) {
			want[f.GetName()] = strings.ToLower(f.GetType().String())
		}
	}
	if len(want) != len(described) {
		t.Errorf("%d of %d numbers are told", len(want), len(described))
	}
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(sop_chat_\\w+)` \\| (\\w+) \\| .+ \\|$").FindAllSubmatch(text, -1) {
		got[string(row[1])] = string(row[2])
	}
	for name, kind := range want {
		if got[name] != kind {
			t.Errorf("the document has %s as %q, want %q", name, got[name], kind)
		}
	}
	for name := range got {
		if want[name] == "" {
			t.Errorf("the document has %s, which is not told", name)
		}
	}
	s, err := server.New(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for reason := range s.Stats().Disconnects {
		if !strings.Contains(string(text), fmt.Sprintf("\n| `%s` | ", reason)) {
			t.Errorf("the document lacks the reason %s", reason)
		}
	}
}

// The server is healthy as long as its loops answer, and ready unless there is a reason.
func TestHealth(t *testing.T) {
	for _, test := range []struct {
		what                  string
		change                func(*fake, *Config)
		health, ready         int
		saysHealth, saysReady string
	}{
		{"is well", func(*fake, *Config) {}, 200, 200, "healthy\n", "ready\n"},
		{
			"has a loop that is stuck", func(f *fake, _ *Config) { f.server.Loops[1].Answers = false }, 503, 503,
			"not healthy: event loop 1 does not answer\n", "not ready: event loop 1 does not answer\n",
		},
		{
			"starts", func(f *fake, _ *Config) { f.server.Serving, f.server.Loops = false, nil }, 200, 503,
			"healthy\n", "not ready: the server is starting or ending\n",
		},
		{
			"ends", func(f *fake, _ *Config) { f.server.Serving, f.server.Loops[0].Answers = false, false }, 200, 503,
			"healthy\n", "not ready: the server is starting or ending\n",
		},
		{"drains", func(f *fake, _ *Config) { f.draining = true }, 200, 503, "healthy\n", "not ready: the server is draining\n"},
		{
			"can't reach its cluster", func(f *fake, _ *Config) { f.cluster.Failure = "NATS is away" }, 200, 503,
			"healthy\n", "not ready: NATS is away\n",
		},
		{
			"can't write", func(f *fake, _ *Config) { f.history.Failure = "disk full" }, 200, 503,
			"healthy\n", "not ready: the history can't be written: disk full\n",
		},
		{
			"has two reasons", func(f *fake, _ *Config) { f.draining, f.history.Failure = true, "disk full" }, 200, 503,
			"healthy\n", "not ready: the server is draining\nnot ready: the history can't be written: disk full\n",
		},
	} {
		t.Run(test.what, func(t *testing.T) {
			f, c := newFake()
			test.change(f, &c)
			if status, body := get(t, c, "/healthz"); status != test.health || body != test.saysHealth {
				t.Errorf("healthy: %d %q, want %d %q", status, body, test.health, test.saysHealth)
			}
			if status, body := get(t, c, "/readyz"); status != test.ready || body != test.saysReady {
				t.Errorf("ready: %d %q, want %d %q", status, body, test.ready, test.saysReady)
			}
			_, body := get(t, c, "/metrics")
			if line := fmt.Sprintf("\nsop_chat_ready %v\n", number(test.ready == 200)); !strings.Contains(body, line) {
				t.Errorf("the numbers have no line %q", line)
			}
		})
	}
}

// Profiles are there only if they are asked for, and never the command line, which may
// have the key. Nothing but GET is answered.
func TestPaths(t *testing.T) {
	for _, profiles := range []bool{false, true} {
		_, c := newFake()
		c.Profiles = profiles
		withProfiles := http.StatusNotFound
		if profiles {
			withProfiles = http.StatusOK
		}
		for path, want := range map[string]int{
			"/": 200, "/metrics": 200, "/nothing": 404,
			"/debug/pprof/": withProfiles, "/debug/pprof/goroutine?debug=1": withProfiles, "/debug/pprof/heap": withProfiles,
			"/debug/pprof/cmdline": 404,
		} {
			if status, _ := get(t, c, path); status != want {
				t.Errorf("profiles %v: %s has status %d, want %d", profiles, path, status, want)
			}
		}
		w := httptest.NewRecorder()
		Handler(c).ServeHTTP(w, httptest.NewRequest("POST", "/metrics", nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST has status %d", w.Code)
		}
	}
}

// However many connections are opened and left idle, the next request is answered. Serve
// ends when it is told to.
func TestBounded(t *testing.T) {
	_, c := newFake()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan struct{})
	go func() {
		defer close(served)
		Serve(ctx, []net.Listener{l}, c)
	}()
	var idle []net.Conn
	for range 3 * maxConns {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		idle = append(idle, conn)
	}
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "healthy\n" {
		t.Errorf("the answer is %q, %v", body, err)
	}
	answer.Body.Close()
	idle[0].SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := idle[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the first idle connection is still open: %v", err)
	}
	cancel()
	<-served
}
