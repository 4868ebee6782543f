//go:build linux

// Package gateway lets browsers in: it answers the HTTP request that opens a
// WebSocket, and hands the TCP connection beneath it to the server. Of HTTP nothing
// stays behind.
//
// It knows HTTP, addresses and origins, and the words in which a request says what the
// client has. It knows nothing of frames, messages or rooms.
package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"

	"sop-chat/internal/limit"
	"sop-chat/internal/origin"
)

// A Config says how a gateway lets clients in.
type Config struct {
	// Adopt takes a client, and from then on owns its descriptor.
	Adopt func(Client)
	// NewPipe returns a pipe, for a connection over TLS. It is nil if there are none.
	NewPipe func() (Pipe, error)
	// Subprotocol is a subprotocol of WebSockets that is agreed to.
	Subprotocol string
	// Origins are those whose pages may connect, besides the host that was
	// connected to: a host, or a scheme and a host, such as
	// https://chat.example.com.
	Origins []string
	// Proxies are the addresses of reverse proxies whose word about a client's
	// address is taken (X-Forwarded-For).
	Proxies []netip.Prefix
	// Addresses say from where clients may connect, and how often; nil is from
	// everywhere.
	Addresses *origin.Table
	// MaxPending is how many of the connections that Listener counts there may be,
	// and MaxPendingPerAddress how many of them one address may have, see
	// limit.Config.
	MaxPending, MaxPendingPerAddress int
	// Logger takes diagnostics; nil discards them.
	Logger *slog.Logger
}

// A Pipe has the plain bytes of a connection over TLS come out of a socket. Either method
// is called, once.
type Pipe interface {
	// Start takes over the connection and returns the socket, which does not block. It
	// belongs to the caller.
	Start(net.Conn) (fd int)
	// Cancel releases what Start would have needed.
	Cancel()
}

// A Client is a connection whose WebSocket has been opened.
type Client struct {
	// FD is its TCP socket, or that of its pipe, which does not block.
	FD int
	// Peer is the browser's address, and Remote that at the far end of the socket,
	// which is a proxy's if there is one between.
	Peer   netip.AddrPort
	Remote netip.Addr
	// Agreed says that the client has asked for Config.Subprotocol, and Since what it
	// says it has.
	Agreed bool
	Since  Since
	// Received is what came behind the request.
	Received []byte
}

// A Gateway is an HTTP handler that turns WebSockets into clients of a server.
// Its methods may be called by any goroutine.
type Gateway struct {
	config   Config
	limiter  *limit.Limiter
	warnings limitedLog
}

// New returns a gateway.
func New(c Config) *Gateway {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{config: c}
	g.limiter = limit.New(limit.Config{InAll: c.MaxPending, PerAddress: c.MaxPendingPerAddress, Spared: g.trusts})
	g.warnings.logger = c.Logger
	return g
}

// Limit has a server tell the gateway of its requests. It has to be called
// before the server serves.
func (g *Gateway) Limit(s *http.Server) {
	handler := s.Handler
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connOf{}, c)
	}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connFrom(r).Touch()
		handler.ServeHTTP(w, r)
	})
}

// Listener returns a listener for the servers of Limit, which bounds what it
// accepts, see Config.
func (g *Gateway) Listener(l net.Listener) net.Listener {
	return g.limiter.Listener(limit.Screen(l, g.mayReach))
}

// connOf is the key of a request's connection in its context.
type connOf struct{}

// connFrom returns a request's connection, below TLS if it has that.
func connFrom(r *http.Request) *limit.Conn {
	conn := r.Context().Value(connOf{}).(net.Conn)
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return conn.(interface{ Limited() *limit.Conn }).Limited()
}

// LogRefusal logs that a request was refused, and why. Of many within a short
// time it logs some, and the number of the others.
func (g *Gateway) LogRefusal(r *http.Request, reason error) {
	g.logRefusal(g.Peer(r), reason)
}

func (g *Gateway) logRefusal(from any, reason error) {
	g.warnings.log(slog.LevelInfo, "a browser was refused", "address", from, "reason", reason)
}
