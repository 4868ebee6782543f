//go:build linux

package metrics

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sop-chat/internal/server"
)

// maxScrapes is how many requests for the numbers are answered at a time.
const maxScrapes = 4

// Handler returns what answers the requests.
func Handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry(c), promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn),
		MaxRequestsInFlight: maxScrapes,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, "healthy", troubles(c.Server.Stats()))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, "ready", c.unready(c.Server.Stats()))
	})
	paths := "/metrics\n/healthz\n/readyz\n"
	if c.Profiles {
		paths += "/debug/pprof/\n"
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.Handle("GET /debug/pprof/cmdline", http.NotFoundHandler()) // which may have the key
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, paths) })
	return plain(mux)
}

// plain has browsers take answers for what they are.
func plain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// registry returns all that can be gathered.
func registry(c Config) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		&collector{c},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}

// answer says that the server is something, or why it is not, one reason a line.
func answer(w http.ResponseWriter, what string, reasons []string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if len(reasons) == 0 {
		fmt.Fprintln(w, what)
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintf(w, "not %s: %s\n", what, strings.Join(reasons, "\nnot "+what+": "))
}

// troubles returns why the server counts as dead: it has a loop that does not answer.
// Before it serves, and while it ends, it does not.
func troubles(s server.Stats) (reasons []string) {
	if !s.Serving {
		return nil
	}
	for i, l := range s.Loops {
		if !l.Answers {
			reasons = append(reasons, fmt.Sprintf("event loop %d does not answer", i))
		}
	}
	return reasons
}

// unready returns why the server should be sent no clients.
func (c *Config) unready(s server.Stats) []string {
	reasons := troubles(s)
	if !s.Serving {
		reasons = append(reasons, "the server is starting or ending")
	}
	if c.Draining != nil && c.Draining() {
		reasons = append(reasons, "the server is draining")
	}
	if c.History != nil {
		if why := c.History.Stats().Failure; why != "" {
			reasons = append(reasons, "the history can't be written: "+why)
		}
	}
	if c.Cluster != nil {
		if why := c.Cluster.Stats().Failure; why != "" {
			reasons = append(reasons, why)
		}
	}
	return reasons
}
