//go:build linux

// Package metrics tells monitoring how a server is doing: its numbers for Prometheus,
// whether it lives, whether it should be sent clients, and on demand profiles of it.
//
// It knows HTTP and the numbers that others have counted, and counts nothing itself. No
// number has the name of a client, a room or an address.
package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"sop-chat/internal/history"
	"sop-chat/internal/limit"
	"sop-chat/internal/server"
)

// A Config says what is told, and of what.
type Config struct {
	Server  Server
	History History // nil if nothing is kept
	// Certificate is that for TLS; nil if there is none.
	Certificate Certificate
	// Cluster is the cluster that the server belongs to; nil if there is none.
	Cluster Cluster
	// Draining reports whether the server lets nobody in any more; nil if it always does.
	Draining func() bool
	// Version and Revision are the program's.
	Version, Revision string
	// Profiles has profiles be served, by net/http/pprof.
	Profiles bool
	// Requests counts the requests that are under way; nil counts none.
	Requests *limit.Requests
	// Logger takes diagnostics.
	Logger *slog.Logger
}

// A Server has numbers. *server.Server documents the method.
type Server interface{ Stats() server.Stats }

// A History has numbers. *history.Archive documents the method.
type History interface{ Stats() history.WriterStats }

// A Certificate expires at a time; the zero time if there is none yet.
type Certificate interface{ NotAfter() time.Time }

// A Cluster has numbers.
type Cluster interface{ Stats() ClusterStats }

// ClusterStats are how a server is connected with its cluster.
type ClusterStats struct {
	Connected  bool   // with NATS
	Failure    string // why nothing can be said, or nothing is delivered; "" if all works
	Unreturned int    // messages that were said, and have not come back from the stream
	Delivered  uint64 // messages that came from the stream
	Failures   uint64 // of calls on the stream
}

var (
	_ Server  = (*server.Server)(nil)
	_ History = (*history.Archive)(nil)
)

// Limits of the HTTP server. Few programs ask, and their requests are small. An answer may
// be a profile of half a minute.
const (
	maxConns      = 32
	headerTimeout = 10 * time.Second
	answerTimeout = time.Minute
	idleTimeout   = 2 * time.Minute // longer than the usual time between two scrapes
	maxHeader     = 16 << 10
)

// Serve serves on listeners of TCP until ctx is done, and closes them.
func Serve(ctx context.Context, listeners []net.Listener, c Config) {
	limiter := limit.New(limit.Config{InAll: maxConns, PerAddress: maxConns})
	server := http.Server{
		Handler:           touching(c.Requests.Count(Handler(c))),
		ConnContext:       withConn,
		ConnState:         c.Requests.State,
		ReadTimeout:       headerTimeout, // of all that is sent; nobody has a body to send
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug), // what others do wrong
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- server.Serve(limiter.Listener(l)) }()
	}
	unhook := context.AfterFunc(ctx, func() { server.Close() })
	defer unhook()
	for range listeners {
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
			c.Logger.Error("nobody can read the metrics any more", "reason", err)
		}
	}
}

// connOf is the key of a request's connection in its context.
type connOf struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connOf{}, c)
}

// touching has the limiter know which connections are used, and evict others first.
func touching(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connOf{}).(*limit.Conn); ok {
			c.Touch()
		}
		next.ServeHTTP(w, r)
	})
}
