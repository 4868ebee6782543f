//go:build linux

// Package web serves the page with which people join from a browser: a few
// files that are part of the program, the WebSocket that the page talks
// through, and what was said before, if that is kept.
//
// It knows HTTP, and of rooms no more than Config says of them: what the page sends
// and receives passes through the gateway unread.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"sop-chat/internal/gateway"
	"sop-chat/internal/limit"
	"sop-chat/internal/origin"
)

// A Config says what is served.
type Config struct {
	// Gateway takes the page's WebSockets.
	Gateway *gateway.Gateway
	// HTTPS returns a listener whose connections are over TLS; nil if the page is served
	// without.
	HTTPS func(net.Listener) net.Listener
	// URLs are where the page is found from outside, such as
	// https://chat.example.com or https://example.com/chat. If there are any, it
	// is served for their hosts alone; of a path it has to be asked for without.
	URLs []string
	// Names are the hosts that the page is served for otherwise, besides
	// addresses and localhost.
	Names []string
	// Room returns the room that a key opens, which somebody at an address has given. For
	// a key that opens none the error is ErrWrongKey, after the same time, so that
	// nobody learns which rooms there are; and for one that can't be checked for now
	// ErrUnchecked.
	Room func(ctx context.Context, from netip.Addr, key string) (Room, error)
	// Hook returns what a program may do by the key of a webhook, that somebody at an
	// address has given, with the same errors as Room; nil if there are no such keys.
	Hook func(ctx context.Context, from netip.Addr, key string) (Hook, error)
	// Addresses say how often keys may be given; nil is any number of times.
	Addresses *origin.Table
	// History is the path of the file in which is kept what was said; empty if it
	// is not.
	History string
	// Replay is how many messages a client is sent when it joins, as far as is told
	// to those that have no key.
	Replay int
	// Requests counts the requests that are being answered; nil counts none.
	Requests *limit.Requests
	// Logger takes diagnostics.
	Logger *slog.Logger
}

// What may be wrong about a key.
var (
	ErrWrongKey  = errors.New("wrong key")
	ErrUnchecked = errors.New("too many keys wait to be checked; try again in a few seconds")
)

// A Room is what those are told of a room that have its key.
type Room struct {
	Name   string // empty if it has none
	Replay int    // how many messages a client is sent when it joins
}

// Limits of the HTTP server; how many connections there may be says the gateway.
// A page is a few small requests; what is slower than
// this keeps a connection open for something else.
const (
	headerTimeout = 10 * time.Second
	answerTimeout = time.Minute
	idleTimeout   = 15 * time.Second
	maxHeader     = 16 << 10
)

// Serve serves on listeners until ctx is done and closes them. WebSockets go on
// until their rooms end: then the gateway is to be closed.
func Serve(ctx context.Context, listeners []net.Listener, c Config) {
	server := http.Server{
		Handler:           c.Requests.Count(Handler(c)),
		ReadTimeout:       headerTimeout, // of all that is sent; a body is short
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnState:         c.Requests.State,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug), // what clients do wrong
	}
	c.Gateway.Limit(&server)
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		l = c.Gateway.Listener(l)
		if c.HTTPS != nil {
			l = c.HTTPS(l)
		}
		go func() { failed <- server.Serve(l) }()
	}
	unhook := context.AfterFunc(ctx, func() { server.Close() })
	defer unhook()
	for range listeners {
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
			c.Logger.Error("nobody can join from a browser any more", "reason", err)
		}
	}
}

// Handler returns what answers the page's requests.
func Handler(c Config) http.Handler {
	mux := http.NewServeMux()
	for _, f := range files() {
		mux.Handle("GET "+f.path, f)
	}
	mux.Handle("GET /ws", c.Gateway)
	mux.HandleFunc("GET /api/room", c.about)
	if c.History != "" {
		mux.Handle("GET /api/messages", newArchive(c))
	}
	if c.Hook != nil {
		mux.HandleFunc("POST /api/messages", c.post)
	}
	return guarded(c.Gateway.Screen(hosts{c.URLs, c.Names}.guard(mux, c.Gateway.LogRefusal)))
}

// guarded sets what every answer has to say about what a browser may do with
// it: nothing but what the page needs, and nothing from or for anybody else.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; worker-src 'self'; manifest-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
