package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sop-chat/internal/testenv"
)

// textAt gets what is at a URL; an empty text while nothing is.
func textAt(t testing.TB, url string) string {
	t.Helper()
	client := http.Client{Timeout: testTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// promtool runs Prometheus' own checks, which must find nothing.
func promtool(t testing.TB, input string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		testenv.Lacks(t, "promtool, of Debian's package prometheus")
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = strings.NewReader(input)
	if said, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(said), "sop_chat") {
		t.Errorf("promtool %q: %v\n%s", args, err, said)
	}
}

// A prometheus is a running Prometheus that scrapes a server.
type prometheus struct {
	*frontProgram
}

// startPrometheus runs Prometheus with the files that are deployed, more often than those
// say.
func startPrometheus(t testing.TB, metrics int) prometheus {
	t.Helper()
	f := newFrontProgram(t)
	f.write("sop-chat.rules.yml", deployed(t, "prometheus/sop-chat.rules.yml"))
	config := deployed(t, "prometheus/prometheus.yml", "localhost:9464", fmt.Sprintf("localhost:%d", metrics), "scrape_interval: 15s", "scrape_interval: 200ms")
	path := f.write("prometheus.yml", "global:\n  evaluation_interval: 200ms\n"+config)
	f.run("prometheus", "--config.file="+path, "--storage.tsdb.path="+filepath.Join(f.dir, "data"), "--web.listen-address="+f.address())
	p := prometheus{f}
	eventually(t, "Prometheus to answer queries", func() bool { // first it reads its data
		return strings.Contains(textAt(t, "http://"+p.address()+"/-/ready"), "is Ready")
	})
	return p
}

// has reports whether a query has a result.
func (p prometheus) has(query string) bool {
	p.t.Helper()
	body := textAt(p.t, "http://"+p.address()+"/api/v1/query?query="+url.QueryEscape(query))
	var answer struct {
		Status string
		Error  string
		Data   struct{ Result []any }
	}
	if body == "" {
		return false
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Error != "" {
		p.t.Fatalf("%s: %v: %s", query, err, body)
	}
	return len(answer.Data.Result) > 0
}

// comparison is the end of an alert's expression: without it there is a result at any time.
var comparison = regexp.MustCompile(` (==|<|>) [0-9.]+$`)

// alertQueries returns the expressions of the alerts, without their comparisons.
func alertQueries(t testing.TB) (queries []string) {
	t.Helper()
	for _, found := range regexp.MustCompile(`(?m)^ +expr: (.+)$`).FindAllStringSubmatch(deployed(t, "prometheus/sop-chat.rules.yml"), -1) {
		if !comparison.MatchString(found[1]) {
			t.Fatalf("the alert %q does not end in a comparison", found[1])
		}
		queries = append(queries, comparison.ReplaceAllString(found[1], ""))
	}
	return queries
}

// A dashboard is what of Grafana's is looked at.
type dashboard struct {
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr string }
	}
}

// dashboardQueries returns the queries of the dashboard, with its variables filled in.
// Panels have places and numbers of their own.
func dashboardQueries(t testing.TB) (queries []string) {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(deployed(t, "grafana/sop-chat.json")), &d); err != nil {
		t.Fatal(err)
	}
	taken, ids := map[[2]int]string{}, map[int]string{}
	for _, p := range d.Panels {
		if other := ids[p.ID]; other != "" {
			t.Errorf("the panels %q and %q have the number %d", other, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("the panel %q is over %q, or outside", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries = append(queries, strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(target.Expr))
		}
	}
	return queries
}

// Debian's Prometheus scrapes a server while people talk. Each query of the dashboard has a
// result, and each number that an alert compares. Prometheus finds nothing wrong with the
// numbers and the rules.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	certFile, keyFile, _ := certificateFiles(t)
	srv := start(t, "--metrics", fmt.Sprint(":", port), "--history", filepath.Join(t.TempDir(), "chat.db"),
		"--tls", fmt.Sprint("127.0.0.1:", freePort(t)), "--tls-cert", certFile, "--tls-key", keyFile)
	srv.stderr.waitForLine(t, fmt.Sprintf("sop-chat: metrics: http://127.0.0.1:%d/metrics", port))
	at := fmt.Sprintf("http://127.0.0.1:%d", port)
	p := startPrometheus(t, port)
	alice, bob := join(t, srv, "alice"), join(t, srv, "bob")
	talk := func() {
		alice.send(message("alice", "hello"))
		bob.expect(message("alice", "hello"))
	}
	for _, query := range append(dashboardQueries(t), alertQueries(t)...) {
		eventually(t, "a result of "+query, func() bool {
			talk()
			return p.has(query)
		})
	}
	const soon = "SopChatCertificateExpires" // that of the test is valid for an hour
	eventually(t, "the alert "+soon, func() bool { return p.has(`ALERTS{alertname="` + soon + `"}`) })
	if p.has(`ALERTS{alertname!="` + soon + `"}`) {
		t.Error("there are alerts although nothing is wrong")
	}
	promtool(t, "", "check", "rules", filepath.Join(p.dir, "sop-chat.rules.yml"))
	promtool(t, textAt(t, at+"/metrics"), "check", "metrics")
	for path, want := range map[string]string{"/healthz": "healthy\n", "/readyz": "ready\n", "/debug/pprof/": "404 page not found\n"} {
		if got := textAt(t, at+path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// With a port alone others than this machine can't read the metrics; with an address they
// can.
func TestMetricsAddress(t *testing.T) {
	t.Parallel()
	loopback, all := freePort(t), freePort(t)
	start(t, "--metrics", fmt.Sprint(loopback))
	start(t, "--metrics", fmt.Sprint("0.0.0.0:", all))
	for _, test := range []struct {
		host string
		port int
		want bool
	}{{"127.0.0.1", loopback, true}, {"127.0.0.2", loopback, false}, {"127.0.0.2", all, true}} {
		at := "http://" + net.JoinHostPort(test.host, fmt.Sprint(test.port)) + "/healthz"
		if got := textAt(t, at) == "healthy\n"; got != test.want {
			t.Errorf("%s can be reached: %v, want %v", at, got, test.want)
		}
	}
}
